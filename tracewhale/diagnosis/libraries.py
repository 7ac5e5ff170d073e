"""Libraries that the dynamic loader misses: libraries, symbol versions, another libc's files (ld.so(8))."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tracewhale.closure import Closure, EdgeKind, Miss, Root, VersionProblem
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.diagnosis.search import find_name
from tracewhale.rootfs.tree import Kind as EntryKind
from tracewhale.rootfs.tree import View

LOADER, OPENED = 95, 60
"""The weights of a miss that keeps a program from starting, and of a miss of an opened library."""

DISTRIBUTIONS = (
    ((2, 28), "debian:buster, almalinux:8"),
    ((2, 31), "debian:bullseye, ubuntu:20.04"),
    ((2, 34), "almalinux:9"),
    ((2, 35), "ubuntu:22.04"),
    ((2, 36), "debian:bookworm"),
    ((2, 39), "ubuntu:24.04, almalinux:10"),
    ((2, 41), "debian:trixie"),
)
"""Images by the version of their glibc (distrowatch.com, packages of each)."""

GLIBC = (
    "ld-linux",
    "ld-",
    "libc.so",
    "libm.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
    "libresolv.so",
    "libutil.so",
    "libanl.so",
    "libmvec.so",
    "libnss_",
    "libBrokenLocale.so",
    "libthread_db.so",
    "libnsl.so",
    "libc_malloc_debug.so",
    "libpcprofile.so",
    "libmemusage.so",
)
"""The beginnings of the names of glibc's own files, which must be of one build."""


def libraries(case: Case, path: str, physical: str) -> Iterator[Finding]:
    """Yield the reasons why the loader cannot start a program."""
    root = Root(physical, environment=case.loader_environment)
    closure = case.resolver.resolve([root])
    yield from _missing(case, path, closure, LOADER)
    yield from _versions(case, path, closure, LOADER)


def opened(case: Case) -> Iterator[Finding]:
    """Yield the misses of libraries that a traced command opened itself: extension modules, plugins, JNI."""
    roots = roots_of(case)
    if not roots:
        return
    closure = case.resolver.resolve(roots)
    yield from _missing(case, "", closure, OPENED)
    yield from _versions(case, "", closure, OPENED)


def roots_of(case: Case) -> list[Root]:
    """Return the programs that a traced command executed and the libraries that it opened."""
    if case.trace is None:
        return []
    roots: dict[Root, None] = {}
    programs = {event.program for event in case.trace.events}
    for program in sorted(programs):
        if case.view.lstat(program) is not None:
            roots[Root(program, environment=case.loader_environment)] = None
    for event in sorted(case.trace.events):
        if event.present and event.access in ("read", "map") and ".so" in os.path.basename(event.path):
            roots[Root(event.real or event.path, event.program, case.loader_environment)] = None
    return list(roots)


def lacking(case: Case, roots: Iterable[str]) -> tuple[str, ...]:
    """Return the found paths that some files load in the complete image and that this image lacks."""
    if case.full is None or case.full_resolver is None:
        return ()
    starts = [Root(path, environment=case.loader_environment) for path in roots]
    starts = [root for root in starts if case.full.resolve(root.path).exists]
    closure = case.full_resolver.resolve(starts)
    return tuple(dict.fromkeys(edge.path for edge in closure.edges if not case.exists(edge.path)))


def in_full(case: Case, name: str, needer: str) -> tuple[str, ...]:
    """Return the path of a library in the complete image, and its other dependencies; () if it is missing
    there."""
    if case.full is None or case.full_resolver is None:
        return ()
    roots = [Root(needer, environment=case.loader_environment)] if case.full.resolve(needer).exists else []
    closure = case.full_resolver.resolve(roots)
    place = next((edge.path for edge in closure.edges if edge.name == name), "")
    if not place:
        place = in_usual_places(case.full, name)
    return tuple(dict.fromkeys((place, *lacking(case, [place])))) if place else ()


def in_usual_places(view: View, name: str) -> str:
    """Return the path of a library in a tree, by its name alone."""
    for directory in ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"):
        if view.resolve(f"{directory}/{name}").exists:
            return f"{directory}/{name}"
    return find_name(view, name)


def _missing(case: Case, path: str, closure: Closure, weight: int) -> Iterator[Finding]:
    misses = [m for m in closure.misses if not m.optional and m.kind is not EdgeKind.INTERPRETER]
    by_name: dict[str, Miss] = {}
    for miss in misses:
        by_name.setdefault(miss.name, miss)
    if by_name:
        yield missing_libraries(case, path, by_name, weight)


def missing_libraries(
    case: Case, start: str, misses: Mapping[str, Miss], weight: int, symptom: str = ""
) -> Finding:
    """Return one finding for all missing libraries, with the searched places of each."""
    (first, miss), *others = misses.items()
    wrong = [a for a in miss.attempts if os.path.basename(a.place) == first and case.exists(a.place)]
    places = {name: in_full(case, name, library.needer) for name, library in misses.items()}
    paths = tuple(
        dict.fromkeys(path for copies in places.values() for path in copies if not case.exists(path))
    )
    evidence = tuple(
        line
        for name, library in misses.items()
        for line in (
            f"{library.needer} needs {name}",
            *(f"searched for {name}: {a.place} ({a.how.value}): {a.reason}" for a in library.attempts),
        )
    )
    who = start or miss.needer
    symptom = symptom or (
        f"{who}: error while loading shared libraries: {first}: cannot open shared object file "
        f"(status {case.status or 127})"
    )
    more = f"; {', '.join(name for name, _ in others)} missing, too" if others else ""
    searched = f"{len(miss.attempts)} places were searched"
    elsewhere = {name: place for name in misses if (place := in_usual_places(case.view, name))}
    remedies: tuple[Remedy, ...]
    if wrong:
        kind = "library-refused"
        cause = (
            f"the {first} that {miss.needer} needs is refused: {wrong[-1].place} ({wrong[-1].reason}){more}."
        )
        remedies = Remedies(case).files(paths or (wrong[-1].place,), first, name=first)
    elif namesake := _namesake(case, miss):
        kind = "library"
        cause = f"{first}, which {miss.needer} needs, is in the image under the name {namesake} only{more}."
        link = f"{os.path.dirname(namesake)}/{first}"
        remedies = (Remedy("ln -s {} {}", os.path.basename(namesake), link), *Remedies(case).copies(paths))
    elif first in elsewhere:
        kind = "library-path"
        directories = list(dict.fromkeys(os.path.dirname(place) for place in elsewhere.values()))
        cause = f"{elsewhere[first]}, which {miss.needer} needs, is where the loader does not look{more}."
        remedies = path_remedies(case, directories)
    else:
        kind = "library"
        cause = f"{first}, which {miss.needer} needs, is not in the image{more}."
        copies = Remedies(case)
        names = [first] if paths else [name for name in misses if name not in elsewhere]
        lost = paths or case.owners.lost(names)
        remedies = tuple(
            dict.fromkeys(
                r for name in names for r in copies.files(lost or _expected(case, name), name, name=name)
            )
        )
    sure = Sure.YES if weight >= LOADER else Sure.LIKELY
    return Finding(
        kind,
        symptom,
        cause,
        remedies,
        sure,
        f"the ELF headers say so, and {searched}",
        evidence,
        paths,
        weight,
    )


def _namesake(case: Case, miss: Miss) -> str:
    """Return a library that has the missing name as its DT_SONAME and lies where it is searched for under
    another name, as COPY leaves it, which follows links and keeps the name of the link."""
    stem = miss.name.partition(".so")[0]
    for directory in dict.fromkeys(os.path.dirname(attempt.place) for attempt in miss.attempts):
        entry = case.view.resolve(directory).entry
        listing = (case.view.listing(entry.path) if entry is not None else None) or {}
        for name in sorted(listing):
            elf = case.resolver.disk.files.get(listing[name]) if name.startswith(f"{stem}.so") else None
            if getattr(elf, "soname", None) == miss.name and name != miss.name:
                return f"{directory}/{name}"
    return ""


def _expected(case: Case, name: str) -> tuple[str, ...]:
    """Return the directory of a library: beside the C library; () if that is unknown."""
    place = in_usual_places(case.view, "libc.so.6")
    return (f"{os.path.dirname(place)}/{name}",) if place else ()


def path_remedies(case: Case, directories: Sequence[str]) -> tuple[Remedy, ...]:
    """Return remedies that make the loader search more directories."""
    if _configured(case.view, directories[0]) and case.find_command("ldconfig"):
        return (Remedy("ldconfig"), Remedy("ENV {}={}", "LD_LIBRARY_PATH", ":".join(directories)))
    old = case.environment.get("LD_LIBRARY_PATH", "")
    value = ":".join([*directories, *([old] if old else [])])
    return set_variable("LD_LIBRARY_PATH", value)


def _configured(view: View, directory: str) -> bool:
    """Return whether ld.so.conf names a directory, so that a new cache would contain its libraries."""
    listing = view.listing("/etc/ld.so.conf.d") or {}
    files = [e for e in [view.resolve("/etc/ld.so.conf").entry, *listing.values()] if e is not None]
    texts = view.tree.read([(e.path, 0, 1 << 20) for e in files if e.kind is EntryKind.FILE])
    names = {line.strip() for text in texts for line in os.fsdecode(text or b"").splitlines()}
    default = directory in ("/lib", "/usr/lib", "/lib64", "/usr/lib64")
    return directory in names or default


def _versions(case: Case, path: str, closure: Closure, weight: int) -> Iterator[Finding]:
    by_library: dict[str, list[VersionProblem]] = {}
    for problem in closure.version_problems:
        by_library.setdefault(problem.library, []).append(problem)
    for library, problems in by_library.items():
        yield version_problem(case, path, library, problems, weight)


def version_problem(
    case: Case, path: str, library: str, problems: Sequence[VersionProblem], weight: int
) -> Finding:
    """Return the finding for a library that is older than its user was linked with."""
    worst = max(problems, key=lambda problem: version_key(problem.version))
    name = os.path.basename(library)
    versions = ", ".join(sorted({p.version for p in problems}, key=version_key))
    symptom = (
        f"{path or worst.needer}: {library}: version `{worst.version}' not found "
        f"(required by {worst.needer}) (status {case.status or 1})"
    )
    has = _highest(case, library, worst.version.partition("_")[0])
    cause = f"{worst.needer} was linked with a newer {name}: it needs {versions}, and this one has {has}."
    paths = newer(case, library, worst)
    remedies: tuple[Remedy, ...] = tuple(Remedies(case).copies(paths))
    if worst.version.startswith("GLIBC_"):
        wanted = version_key(worst.version)
        images = next((names for version, names in DISTRIBUTIONS if version >= wanted), "")
        if images:
            remedies += (
                Remedy("FROM {}", images.split(",")[0], note=f"glibc {worst.version[6:]} or later: {images}"),
            )
        remedies += (Remedy("build {} in this base image, or statically", os.path.basename(worst.needer)),)
    elif not remedies:
        remedies = Remedies(case).files((library,), name, name=name)
    evidence = tuple(f"{p.needer} needs {p.version} of {p.library}" for p in problems)
    return Finding(
        "version",
        symptom,
        cause,
        remedies,
        Sure.YES if weight >= LOADER else Sure.LIKELY,
        "the files' version tables say so",
        evidence,
        paths,
        weight,
    )


def newer(case: Case, library: str, problem: VersionProblem) -> tuple[str, ...]:
    """Return the paths to copy from the complete image for a version; glibc's own files are copied
    together."""
    full = case.full
    entry = full.resolve(library).entry if full is not None else None
    if full is None or entry is None or case.full_resolver is None:
        return ()
    elf = case.full_resolver.disk.files.get(entry)
    if problem.version not in getattr(elf, "version_definitions", ()):
        return ()
    more = lacking(case, [library, problem.needer])
    if not problem.version.startswith("GLIBC_"):
        return tuple(dict.fromkeys((library, *more)))
    directory = os.path.dirname(library)
    here = case.view.resolve(directory).entry
    listing = (case.view.listing(here.path) if here is not None else None) or {}
    own = [f"{directory}/{name}" for name in sorted(listing) if name.startswith(GLIBC)]
    own = [path for path in own if full.resolve(path).exists]
    place = case.view.resolve(case.find_command(case.argv[0])).entry if case.argv else None
    program = case.resolver.disk.files.get(place) if place is not None else None
    loader = getattr(program, "interpreter", None)
    return tuple(dict.fromkeys((*([loader] if loader else []), library, *own, *more)))


def _highest(case: Case, library: str, family: str) -> str:
    entry = case.view.resolve(library).entry
    elf = case.resolver.disk.files.get(entry) if entry is not None else None
    defined = getattr(elf, "version_definitions", ())
    numbered = [version for version in defined if version.startswith(f"{family}_") and version_key(version)]
    return f"at most {max(numbered, key=version_key)}" if numbered else "none of that kind"


def version_key(version: str) -> tuple[int, ...]:
    """Return a version such as GLIBC_2.38 as numbers; empty for GLIBC_PRIVATE."""
    numbers = version.rpartition("_")[2].split(".")
    return tuple(map(int, numbers)) if all(n.isdigit() for n in numbers) else ()
