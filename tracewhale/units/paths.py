"""Files and directories that the author's files, or configuration that was read, name by absolute paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from tracewhale.languages.model import ELF
from tracewhale.rootfs.tree import Entry, Kind, join, parent
from tracewhale.units.ballast import kinds
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.own import enters, is_closed, is_standard, tree_of
from tracewhale.units.walk import below, group, way

PATH = re.compile(rb"(?<![\w./:@-])/[\w.+@-]+(?:/[\w.+@-]+)+")
IN_PROGRAM = re.compile(rb"/[\w.+@-]+(?:/[\w.+@-]+)+")
COMMENT = re.compile(rb"^[ \t]*(?:#|;|//|--|\*).*$", re.MULTILINE)
CONFIGURATION = re.compile(r"/(?:usr/local/)?etc/[^/]+/.+", re.DOTALL)
BUILDING = re.compile(
    r".*/(?:Dockerfile|Containerfile|Makefile|Jenkinsfile|Vagrantfile)[^/]*|.*\.(?:md|rst|lock|log)|.*-lock\.\w+"
    r"|.*/(?:docker-)?compose[^/]*\.ya?ml",
    re.DOTALL,
)
"""Files that are read when an image is built, or only by people."""

TEXT = 256 << 10
"""The most bytes of a text that is read; a larger one is data."""

PROGRAM = 64 << 20
"""The most bytes of one of the author's own programs that is read."""

TOTAL = 96 << 20
"""The most bytes that are read."""

SMALL = 1 << 20
"""The bytes of a package's directory above which only a part of it is of use."""

NAMES = 200
"""The most paths of one file that count; a longer list is data."""

RUNTIME = ("/var/log/", "/var/cache/", "/run/")
"""Trees of files that runs make: files of the image there that no package owns come from its author."""

CONFIGURED = "the image's configuration"
OWN_WORTH, WORTH, DECAY = 0.9, 0.6, 0.9


def named_paths(scene: Scene) -> Iterator[Unit]:
    """Yield the files that others name, with the links on the way, and the contents of directories that they
    name.

    The sources are the author's own files, the variables and command of the image's configuration, and used
    configuration of packages. An unpackaged file comes with its tree.
    """
    done: set[str] = set()
    for source, own, path in _mentions(scene):
        entry = scene.view.resolve(path).entry
        if entry is None or entry.path in done or not _counts(scene, entry, own):
            continue
        done.add(entry.path)
        yield from _units(scene, source, own, path, entry)


def _units(scene: Scene, source: str, own: bool, path: str, entry: Entry) -> Iterator[Unit]:
    worth = OWN_WORTH if own else WORTH
    steps = way(scene, path)
    if steps:
        yield Unit(Mechanism.PATHS, path, source, steps, worth, own=own)
    top = entry.path if entry.kind is Kind.DIRECTORY else tree_of(entry.path)
    packaged = scene.owner(entry.path) is not None or entry.path in scene.shared
    if is_standard(top) or not top or (entry.kind is not Kind.DIRECTORY and packaged):
        return
    runtime = top.startswith(RUNTIME)
    enter = (lambda path: not scene.is_outside(f"{path}/")) if runtime else partial(enters, scene, top)
    inside = below(scene.view, [top], enter)
    if not packaged:
        inside = [
            entry for entry in inside if entry.kind is Kind.DIRECTORY or scene.owner(entry.path) is None
        ]
    useful = [entry for entry in inside if not kinds(entry.path)]
    if (packaged or runtime) and sum(entry.size for entry in useful) > SMALL:
        return
    for unit in group(scene, Mechanism.PATHS, top, source, useful, worth, DECAY):
        yield replace(unit, own=own and not packaged)


def _counts(scene: Scene, entry: Entry, own: bool) -> bool:
    if entry.kind not in (Kind.FILE, Kind.DIRECTORY) or scene.is_outside(f"{entry.path}/"):
        return False
    runtime = own and entry.path.startswith(RUNTIME) and scene.owner(entry.path) is None
    closed = is_closed(entry.path) and not runtime
    return not is_standard(entry.path) and not closed and not kinds(entry.path)


def _mentions(scene: Scene) -> Iterator[tuple[str, bool, str]]:
    """Yield each source, whether it is the author's, and a path that it names."""
    for word in scene.words:
        yield from ((CONFIGURED, True, path) for path in _texts(word.encode("utf-8", "surrogateescape")))
    sources = {path: is_own for path in scene.kept if (is_own := _is_own(scene, path)) is not None}
    entries = [scene.kept[path] for path in sorted(sources)]
    total = 0
    chosen: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: entry.size):
        program = sources[entry.path] and entry.mode & 0o111 and entry.size <= PROGRAM
        if BUILDING.fullmatch(entry.path):
            continue
        if entry.kind is Kind.FILE and total < TOTAL and (entry.size <= TEXT or program):
            total += entry.size
            chosen.append(entry)
    contents = scene.view.tree.read([(entry.path, 0, entry.size) for entry in chosen])
    for entry, content in zip(chosen, contents, strict=True):
        names = _in_program(scene, content) if (content or b"").startswith(ELF) else _texts(content or b"")
        paths = list(dict.fromkeys(names))
        if len(paths) <= NAMES:
            yield from ((entry.path, sources[entry.path], path) for path in paths)


def _is_own(scene: Scene, path: str) -> bool | None:
    """Return whether a source is the author's own file; None for a file that is not a source."""
    owner = scene.owner(path)
    if owner is None or owner.own:
        is_file = (bool(tree_of(path)) and not _is_by_package(scene, path)) or path in scene.used
        return True if is_file and not is_closed(path) and parent(path) != "/etc" else None
    return False if path in scene.used and CONFIGURATION.fullmatch(path) and not owner.base else None


def _is_by_package(scene: Scene, path: str) -> bool:
    """Return whether an unpackaged file is one that the installation of a package makes: in one of its
    directories below /usr, which is not the author's (FHS, 4.1)."""
    directory = parent(path)
    below = path.startswith("/usr/") and not path.startswith(("/usr/local/", "/usr/src/"))
    return below and (scene.owner(directory) is not None or directory in scene.shared)


def _texts(content: bytes) -> Iterator[str]:
    if b"\0" in content:
        return
    for match in PATH.finditer(COMMENT.sub(b"", content)):
        yield match[0].decode("utf-8", "surrogateescape").rstrip(".")


def _in_program(scene: Scene, content: bytes | None) -> Iterator[str]:
    """Yield the paths in a program's strings, which need not end where the path does (Go's do not)."""
    for match in IN_PROGRAM.finditer(content or b""):
        here = "/"
        for part in match[0].decode("utf-8", "surrogateescape")[1:].split("/"):
            listing = scene.view.listing(here) or {}
            name = _longest(part, listing)
            if name is None:
                break
            here = join(here, name)
            if name != part:
                break
        if here.count("/") > 1:
            yield here


def _longest(part: str, names: Iterable[str]) -> str | None:
    return part if part in names else max((n for n in names if part.startswith(n)), key=len, default=None)
