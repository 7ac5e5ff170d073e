"""Messages of dynamic loaders: libraries, versions and symbols."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from tracewhale.closure import EdgeKind, Miss, Root, VersionProblem
from tracewhale.diagnosis.absence import absence, refusal
from tracewhale.diagnosis.explain.common import (
    CONFIRMED,
    base,
    finding,
    lookups,
)
from tracewhale.diagnosis.libraries import (
    in_full,
    in_usual_places,
    missing_libraries,
    roots_of,
    version_problem,
)
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure, searched
from tracewhale.diagnosis.needs import other_libc
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.diagnosis.search import find_name


def library(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a shared library that dlopen(3) or the loader did not find."""
    name = complaint.fact("name")
    if "/" in name:
        yield from _library_file(case, complaint, name)
        return
    misses = _misses(case, complaint)
    ours = {miss.name: miss for miss in misses if miss.name == name}
    if ours:
        needer = ours[name].needer
        libc = _foreign(case, needer)
        if libc and name.startswith(("ld-linux", "libc.")):
            yield libc_of_addon(case, complaint, needer, libc)
            return
        ours |= {miss.name: miss for miss in misses if miss.needer == needer or _below(case, name, miss)}
        yield _restated(case, complaint, missing_libraries(case, "", ours, CONFIRMED, complaint.line))
        return
    if find_name(case.view, name):
        known = {name: Miss(complaint.fact("by") or "dlopen", name, EdgeKind.NEEDED, ())}
        yield _restated(case, complaint, missing_libraries(case, "", known, CONFIRMED, complaint.line))
        return
    if (other_cause := _of_developers(case, complaint, name)) is not None:
        yield other_cause
        return
    absent = lookups(case, lambda path: base(path) == name)
    paths = tuple(p for p in absent if case.full is not None) or in_full(case, name, complaint.fact("by"))
    by = complaint.fact("by")
    who = f"{by} needs {name}, which" if by else f"{name}, which the command opens by name (dlopen),"
    yield finding(
        case,
        complaint,
        "library",
        f"{who} is not in the image.",
        Remedies(case).files(paths, name, name=name),
        evidence=searched(absent),
        paths=paths,
    )


def _of_developers(case: Case, complaint: Complaint, name: str) -> Finding | None:
    """Return a library that is opened by its development name: libssl.so for libssl.so.3."""
    directory = os.path.dirname(in_usual_places(case.view, "libc.so.6")) or "/usr/lib"
    entry = case.view.resolve(directory).entry
    listing = (case.view.listing(entry.path) if entry is not None else None) or {}
    versions = sorted(sibling for sibling in listing if re.fullmatch(rf"{re.escape(name)}[.\d]+", sibling))
    if not name.endswith(".so") or not versions or entry is None:
        return None
    place = f"{entry.path}/{versions[0]}"
    cause = f"{name} is the name that packages for developers have; the image has {place}."
    link = Remedy("ln -s {} {}", versions[0], f"{entry.path}/{name}")
    return finding(case, complaint, "library", cause, (link,), evidence=(f"there: {place}",))


def _restated(case: Case, complaint: Complaint, original: Finding) -> Finding:
    return finding(
        case,
        complaint,
        original.kind,
        original.cause,
        original.remedies,
        evidence=original.evidence,
        paths=original.paths,
        ground="the message and the ELF headers agree",
    )


def _below(case: Case, name: str, miss: Miss) -> bool:
    return miss.name != name and miss.kind is EdgeKind.NEEDED and not miss.optional


def _misses(case: Case, complaint: Complaint) -> tuple[Miss, ...]:
    """Return the misses of the loader for the programs and libraries of the run, and for the file in the
    message."""
    roots = roots_of(case)
    loader = complaint.fact("by")
    program = case.find_command(case.argv[0]) if case.argv else ""
    for path in (loader if loader.startswith("/") else "", program):
        if path and case.exists(path):
            roots.append(Root(path, environment=case.loader_environment))
    closure = case.resolver.resolve(roots)
    return tuple(miss for miss in closure.misses if not miss.optional)


def _library_file(case: Case, complaint: Complaint, path: str) -> Iterator[Finding]:
    why = absence(case, case.absolute(path))
    if why is None:
        return
    paths = (why.missing or path,)
    yield finding(
        case,
        complaint,
        "library",
        f"{why.words}.",
        Remedies(case).files(paths, base(path)),
        evidence=why.evidence,
        paths=paths,
    )


def _foreign(case: Case, needer: str) -> str:
    """Return the C library to which a file is linked if the image does not have it; else empty."""
    entry = case.view.resolve(needer).entry
    elf = case.resolver.disk.files.get(entry) if entry is not None else None
    needed = getattr(elf, "needed", ())
    if any(name.startswith("libc.musl-") for name in needed) and not _has_loader(case, musl=True):
        return "musl"
    if "libc.so.6" in needed and not _has_loader(case, musl=False):
        return "glibc"
    return ""


def _has_loader(case: Case, *, musl: bool) -> bool:
    return not other_libc(case.view, "musl" if musl else "glibc")


def libc_of_addon(case: Case, complaint: Complaint, needer: str, libc: str) -> Finding:
    """Explain an addon or plugin that was built for another C library."""
    other = "musl" if libc == "glibc" else "glibc"
    package = _package_directory(needer)
    copies = Remedies(case).copies((needer,)) if case.full is not None else []
    remedies = [
        *copies,
        Remedy("npm rebuild {:package}", package)
        if package
        else Remedy("build {} in this image", base(needer)),
    ]
    return finding(
        case,
        complaint,
        "libc",
        f"{needer} is linked to {libc}, and this image has {other}.",
        remedies,
        ground="the message and the ELF header agree",
        paths=(needer,),
    )


def _package_directory(path: str) -> str:
    _, separator, rest = path.rpartition("/node_modules/")
    words = rest.split("/")
    return "/".join(words[: 2 if rest.startswith("@") else 1]) if separator else ""


def library_refused(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain an existing library that the loader refuses."""
    path = complaint.fact("path") or find_name(case.view, complaint.fact("name"))
    reason = complaint.fact("reason")
    if not path or not case.exists(path):
        return
    libc = _foreign(case, path)
    if libc:
        yield libc_of_addon(case, complaint, path, libc)
        return
    entry = case.view.resolve(path).entry
    elf = case.resolver.disk.files.get(entry) if entry is not None else None
    why = "" if entry is None else f" ({entry.size} bytes)"
    if "Permission denied" in reason and (refused := refusal(case.view, case.user, path, 4)) is not None:
        remedies = (Remedy("chmod a+rx {}", refused.entry.path),)
        yield finding(case, complaint, "mode", f"the user {refused.words}.", remedies)
        return
    if "failed to map segment" in reason:
        mount = next((m for m in case.mounts if path.startswith(f"{m}/")), "")
        cause = f"{path} may not be mapped executable" + (f": {mount} is mounted noexec." if mount else ".")
        ways = (Remedy("--tmpfs {}:exec", mount or "/tmp"), Remedy("-e TMPDIR=/var/tmp"))
        yield finding(case, complaint, "noexec", cause, ways)
        return
    if elf is None or not hasattr(elf, "machine"):
        cause = f"{path} is damaged or no ELF file{why}."
    else:
        cause = f"{path} is built for another machine than what loads it{why}."
    yield finding(
        case,
        complaint,
        "library-refused",
        cause,
        Remedies(case).files((path,), base(path), name=base(path)),
        paths=(path,),
    )


def preload(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a library that the environment or /etc/ld.so.preload loads into every program (ld.so(8))."""
    path, by = complaint.fact("path"), complaint.fact("name")
    if "/" in path and case.exists(path):
        yield from library_refused(case, complaint)
        return
    other = find_name(case.view, base(path))
    known = Remedies(case)
    remedies = [*known.copies((path,)), *known.installs((path,), base(path), base(path))]
    if by == "LD_PRELOAD":
        value = case.environment.get(by, "")
        rest = " ".join(word for word in re.split("[ :]", value) if word != path)
        where = set_variable(by, f"{other} {rest}".strip())
        remedies = [*where, *remedies] if other else [*remedies, set_variable(by, rest)[0]]
    cause = f"{by} names {path}, which is not in the image" + (f": see {other}." if other else ".")
    ground = "the message and the image's files agree"
    yield finding(case, complaint, "preload", cause, remedies, ground=ground, paths=(path,))


def version(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a library that is too old for its user."""
    path, by = complaint.fact("path"), complaint.fact("by")
    problem = VersionProblem(by, path, complaint.fact("version"))
    problem_there = version_problem(case, "", path, [problem], CONFIRMED)
    yield finding(
        case,
        complaint,
        "version",
        problem_there.cause,
        problem_there.remedies,
        evidence=problem_there.evidence,
        paths=problem_there.paths,
        ground="the message and the files' version tables agree",
    )


def symbol(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a library of another build than the one that its user was linked with."""
    by, name = complaint.fact("by", "file"), complaint.fact("symbol")
    if not by.startswith("/"):
        by = case.find_command(by) or find_name(case.view, by) or by
    libc = _foreign(case, by) if case.exists(by) else ""
    if libc:
        yield libc_of_addon(case, complaint, by, libc)
        return
    different = _different(case, by)
    remedies = Remedies(case).copies(different) or Remedies(case).installs((by,))
    if different:
        other = f"{different[0]} is another build than in {case.full_name}"
        cause = f"{by} needs the symbol {name}, and {other}."
    else:
        cause = f"{by} needs the symbol {name}, which none of its libraries defines: one is of another build."
        remedies = remedies or [Remedy("install {} and its libraries from one source", base(by))]
    yield finding(
        case,
        complaint,
        "symbol",
        cause,
        remedies,
        paths=different,
        sure=Sure.YES if different else Sure.LIKELY,
        ground="the message says so" if not different else "the two images' files differ",
    )


def _different(case: Case, needer: str) -> tuple[str, ...]:
    """Return libraries of a file that differ in the complete image."""
    if case.full is None or case.full_resolver is None:
        return ()
    program = case.find_command(case.argv[0]) if case.argv else ""
    roots = [
        Root(path, environment=case.loader_environment)
        for path in (program, needer)
        if path and case.full.resolve(path).exists
    ]
    different = []
    for edge in case.full_resolver.resolve(roots).edges:
        ours, theirs = case.view.resolve(edge.path).entry, case.full.resolve(edge.path).entry
        if theirs is None or (ours is not None and _same(case, ours.path, theirs.path)):
            continue
        different.append(edge.path)
    ours, theirs = case.view.resolve(needer).entry, case.full.resolve(needer).entry
    if not different and ours and theirs and not _same(case, ours.path, theirs.path):
        different.append(needer)
    return tuple(dict.fromkeys(different))


def _same(case: Case, ours: str, theirs: str) -> bool:
    assert case.full is not None
    return case.view.tree.read([(ours, 0, -1)]) == case.full.tree.read([(theirs, 0, -1)])


EXPLAINERS = {
    "library": library,
    "library-refused": library_refused,
    "preload": preload,
    "version": version,
    "symbol": symbol,
}
