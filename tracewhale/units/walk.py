"""Walk directories level by level, and group files into units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tracewhale.rootfs.tree import Entry, Kind, View, parent
from tracewhale.units.ballast import is_code
from tracewhale.units.model import Mechanism, Scene, Unit

FILES = 200_000
"""The most files of one walk; a larger tree is not a program's own directory."""

PIECE = 1 << 20
"""The bytes of a unit, so that a part of a directory can be kept if the whole does not fit."""

DATA = 0.5
"""The worth of data relative to that of code, because another request needs it less often."""


def below(view: View, tops: Iterable[str], enter: Callable[[str], bool]) -> list[Entry]:
    """Yield everything below some directories, except for directories that are not empty.

    ``enter`` says whether to read a directory.
    """
    entries: list[Entry] = []
    level = [top for top in dict.fromkeys(tops) if enter(top)]
    while level and len(entries) < FILES:
        view.prefetch(level)
        following: list[str] = []
        for directory in level:
            for entry in (view.listing(directory) or {}).values():
                if entry.kind is not Kind.DIRECTORY:
                    entries.append(entry)
                elif enter(entry.path):
                    following.append(entry.path)
                    entries.append(entry)
        level = following
    return entries


def entries(view: View, paths: Iterable[str]) -> Iterator[Entry]:
    """Yield the image's entries at some physical paths."""
    paths = list(paths)
    view.prefetch({parent(path) for path in paths})
    yield from (entry for path in paths if (entry := view.lstat(path)) is not None)


def way(scene: Scene, path: str) -> tuple[Entry, ...]:
    """Return the links on the way to a path and its entry, except for kept ones; nothing if the path does not
    exist or leads out of the image."""
    lookup = scene.view.resolve(path)
    if lookup.entry is None or scene.is_outside(lookup.entry.path):
        return ()
    steps = (scene.view.lstat(step) for step in lookup.steps)
    links = (step for step in steps if step is not None and step.kind is Kind.SYMLINK)
    return tuple(entry for entry in (*links, lookup.entry) if entry.path not in scene.kept)


def group(
    scene: Scene,
    mechanism: Mechanism,
    name: str,
    because: str,
    entries: Iterable[Entry],
    worth: float,
    decay: float,
) -> Iterator[Unit]:
    """Yield the files that are not kept yet as units: a directory's code and data, in pieces of similar
    files.

    ``worth`` is that of code in a directory with a used file; it decays with each directory between. A
    symbolic link comes with its target.
    """
    groups: dict[tuple[str, bool], list[tuple[Entry, ...]]] = {}
    for entry in entries:
        if entry.path in scene.kept or entry.kind not in (Kind.FILE, Kind.SYMLINK, Kind.DIRECTORY):
            continue
        if scene.is_outside(entry.path):
            continue
        code = is_code(entry.path) or bool(entry.kind is Kind.FILE and entry.mode & 0o111)
        groups.setdefault((parent(entry.path), code), []).append((entry, *_target(scene, entry)))
    for (directory, code), members in groups.items():
        likely = worth * decay ** scene.distance(directory) * (1 if code else DATA)
        for piece in _pieces(members):
            yield Unit(mechanism, name, because, piece, likely)


def _target(scene: Scene, entry: Entry) -> tuple[Entry, ...]:
    """Return a link's target if it is not kept."""
    if entry.kind is not Kind.SYMLINK:
        return ()
    target = scene.view.resolve(entry.path).entry
    wanted = target is not None and target.kind is Kind.FILE and target.path not in scene.kept
    return (target,) if target is not None and wanted else ()


def _pieces(groups: list[tuple[Entry, ...]]) -> Iterator[tuple[Entry, ...]]:
    """Yield files in the order of their sizes, grouped into pieces."""
    piece: dict[Entry, None] = {}
    total = 0
    for members in sorted(
        groups, key=lambda members: (sum(entry.size for entry in members), members[0].path)
    ):
        size = sum(entry.size for entry in members)
        if piece and total + size > PIECE:
            yield tuple(piece)
            piece, total = {}, 0
        piece |= dict.fromkeys(members)
        total += size
    if piece:
        yield tuple(piece)
