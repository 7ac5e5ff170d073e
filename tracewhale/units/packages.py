"""The unused files of used packages, and commands of packages made from the same source."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from tracewhale.packages import InstalledPackage
from tracewhale.packages.files import substance
from tracewhale.rootfs.tree import Entry, Kind, parent
from tracewhale.units.ballast import CACHES, TESTS, VENDORED, useful
from tracewhale.units.model import ALTERNATIVES, Mechanism, Scene, Unit
from tracewhale.units.own import DECAY as OWN_DECAY
from tracewhale.units.own import WORTH as OWN_WORTH
from tracewhale.units.own import is_standard, own_files
from tracewhale.units.walk import below, entries, group

COMMANDS = frozenset("/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/games".split())
CONFIGURATION = "/etc/"
SYSTEM = ("deb", "apk", "rpm")
"""The kinds of a distribution's packages."""

LEAST, DECAY = 0.35, 0.6
"""The worth of the code of a hardly used package, and the factor for each directory."""

LESS = 0.1
"""The factor for a package of which only files are used that other programs read, and no code of its own."""

INCIDENTAL = re.compile(r"/etc/.*|.*\.pth", re.DOTALL)
"""Configuration, and files that Python's start reads (site)."""

COMMANDS_WORTH = 0.3

LIBRARY = re.compile(r"lib[^/]+\.so(\.[\d.]+)?")
"""Names of shared libraries: in a directory of the dynamic loader, one is of use only to programs that need
it, with which it comes anyway, or that name it to dlopen(3)."""

STANDARD_LIBRARY = re.compile(
    r"/usr/(local/)?(lib|share)/([^/]+-linux-[^/]+/)?"
    r"(python\d[\d.]*/(?!(dist|site)-packages/)|ruby/\d(?!.*/enc/)|perl/\d|perl-base/|perl5/core_perl/).*",
    re.DOTALL,
)
"""Paths of the standard library of a language whose imports are followed: what nothing names is less likely
than the rest of any other package, and it is large. Ruby's encodings are not imported: the interpreter itself
loads them."""

UNNAMED, LATEST = 0.25, 3
"""The factor for the worth of the rest of a standard library, and its tier."""

UNNEEDED = 0.15
"""The factor for the worth of a shared library that no kept file needs."""


def authors(scene: Scene) -> Iterator[Unit]:
    """Yield the author's own files: those without a package, and those of used packages that were installed
    from the author's files (PyPA, "Recording the Direct URL Origin of installed distributions")."""
    yield from own_files(scene)
    for contents in scene.contents:
        if contents.own and (used := uses(scene, contents)):
            entries = files(scene, contents, used)
            for unit in group(
                scene, Mechanism.OWN, title(contents), min(used), entries, OWN_WORTH, OWN_DECAY
            ):
                yield replace(unit, own=True)


def rest(scene: Scene) -> Iterator[Unit]:
    """Yield the files that are not kept of each package of which code or data is used, except for the base
    system's, and of unused packages of the same source that it depends on: those have its data."""
    for contents in scene.contents:
        used = uses(scene, contents)
        if contents.base or not substance(used):
            continue
        entries = files(scene, contents, used)
        entries = with_alternatives(scene, entries)
        share = len(used) / max(1, len(entries))
        worth = LEAST + (1 - LEAST) * min(1.0, share)
        if all(INCIDENTAL.fullmatch(path) for path in used):
            worth *= LESS
        yield from _grouped(scene, contents, min(used), entries, worth, DECAY)
        for part in scene.ownership.parts(contents):
            if not uses(scene, part):
                entries = files(scene, part, set())
                yield from _grouped(scene, part, min(used), entries, LEAST, 1)


def _grouped(
    scene: Scene,
    contents: InstalledPackage,
    because: str,
    entries: list[Entry],
    worth: float,
    decay: float,
) -> Iterator[Unit]:
    """Yield the files of a package as units: shared libraries that nothing needs and the rest of a language's
    standard library are less likely, and the latter comes after all others."""
    kinds: dict[tuple[float, int], list[Entry]] = {}
    for entry in entries:
        standard = STANDARD_LIBRARY.fullmatch(entry.path)
        kind = (UNNAMED, LATEST) if standard else (UNNEEDED if _is_library(entry.path) else 1.0, 0)
        kinds.setdefault(kind, []).append(entry)
    for (factor, tier), alike in kinds.items():
        for unit in group(scene, Mechanism.PACKAGES, title(contents), because, alike, worth * factor, decay):
            yield replace(unit, tier=tier)


def siblings(scene: Scene) -> Iterator[Unit]:
    """Yield commands of unused packages made from the source of a package with a command that ran, or with a
    module that a program opened."""
    ran = {
        contents.source: path
        for path in sorted(scene.executed | scene.dlopened)
        if (contents := scene.owners.get(path)) is not None and not contents.base
    }
    for contents in scene.contents:
        if contents.source in ran and not contents.base and not uses(scene, contents):
            entries = with_alternatives(scene, commands(scene, contents))
            yield from group(
                scene, Mechanism.COMMANDS, title(contents), ran[contents.source], entries, COMMANDS_WORTH, 1
            )


def commands(scene: Scene, contents: InstalledPackage) -> list[Entry]:
    """Return the commands of a package."""
    return list(entries(scene.view, [path for path in contents.paths if parent(path) in COMMANDS]))


def with_alternatives(scene: Scene, files: list[Entry]) -> list[Entry]:
    """Return some files with the alternative names (update-alternatives(1)) of commands among them."""
    targets = {entry.path for entry in files if parent(entry.path) in COMMANDS}
    names = sorted(name for path in targets for name in scene.alternatives.get(path, ()))
    paths = [f"{directory}/{name}" for name in names for directory in (ALTERNATIVES, "/usr/bin", "/usr/sbin")]
    return [*files, *(e for e in entries(scene.view, paths) if e.kind is Kind.SYMLINK)]


def uses(scene: Scene, contents: InstalledPackage) -> set[str]:
    """Return the used files of a package."""
    used = (
        set(contents.paths & scene.used)
        if len(contents.paths) < len(scene.used)
        else set(scene.used & contents.paths)
    )
    for top in contents.tops:
        used.update(scene.used_below(top))
    return used


def files(scene: Scene, contents: InstalledPackage, used: set[str]) -> list[Entry]:
    """Return all files of a package in the image, without ballast, and the files without a package beside
    them."""
    inside = below(
        scene.view,
        contents.tops,
        lambda path: path in contents.tops or (path not in scene.tops and _enters(scene, path)),
    )
    entries_of = [*entries(scene.view, sorted(contents.paths)), *inside, *_launchers(scene, contents)]
    entries_of += _beside(scene, contents, entries_of)
    good = useful({entry.path for entry in entries_of}, used)
    directories = {parent(entry.path) for entry in entries_of}
    return [
        entry
        for entry in entries_of
        if entry.path in good and (entry.kind is not Kind.DIRECTORY or entry.path not in directories)
    ]


def _launchers(scene: Scene, contents: InstalledPackage) -> Iterator[Entry]:
    """Yield links in ``node_modules/.bin`` to the commands of a package (npm, "folders")."""
    for top in contents.tops:
        home, modules, _ = top.rpartition("/node_modules/")
        directory = f"{home}/node_modules/.bin"
        for entry in (scene.view.listing(directory) or {}).values() if modules else ():
            if posixpath.normpath(f"{directory}/{entry.target}").startswith(f"{top}/"):
                yield entry


def _beside(scene: Scene, contents: InstalledPackage, files: list[Entry]) -> list[Entry]:
    """Return the files without a package in a package's directories: its configuration, and what maintainer
    scripts made, such as dictionaries, caches and links (Debian policy, 6)."""
    own = {entry.path if entry.kind is Kind.DIRECTORY else parent(entry.path) for entry in files}
    system = contents.package.kind in SYSTEM
    directories = sorted(
        path
        for path in own
        if path.startswith(CONFIGURATION)
        or (system and not is_standard(path) and path.rpartition("/")[2] not in VENDORED)
    )
    scene.view.prefetch(directories)
    beside = [entry for path in directories for entry in (scene.view.listing(path) or {}).values()]
    known = {entry.path for entry in files}
    return [
        entry
        for entry in beside
        if entry.kind is not Kind.DIRECTORY and entry.path not in known and scene.owner(entry.path) is None
    ]


def _is_library(path: str) -> bool:
    return is_standard(parent(path)) and LIBRARY.fullmatch(path.rpartition("/")[2]) is not None


def title(contents: InstalledPackage) -> str:
    """Return a package's name in reports: its kind and name."""
    return f"{contents.package.kind}:{contents.package.title}"


def _enters(scene: Scene, path: str) -> bool:
    name = path.rpartition("/")[2]
    return name not in CACHES and (name not in TESTS or path in scene.kept)
