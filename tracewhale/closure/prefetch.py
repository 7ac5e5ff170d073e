"""Read ahead the files that a closure will probably need, level by level and in bulk, because a tree may be
remote.

A guess decides nothing: it only fills caches, and a wrong guess costs time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tracewhale.closure.cache import Cache
from tracewhale.closure.disk import Disk, LocatedElf
from tracewhale.closure.loader import Loader
from tracewhale.closure.model import Elf, Root
from tracewhale.closure.tokens import Tokens, directories
from tracewhale.rootfs.tree import Entry


def read_ahead(
    disk: Disk,
    roots: Sequence[Root],
    loader_of: Callable[[LocatedElf], Loader | None],
    cache_of: Callable[[Loader], Cache],
) -> None:
    """Fetch the directories and ELF files that the roots' closures will most likely need."""
    paths = {path for root in roots for path in (root.path, root.program) if path}
    _prefetch(disk, {path.rpartition("/")[0] or "/" for path in paths})
    entries = _entries(disk, paths)
    disk.files.load(entries.values())
    located = [
        LocatedElf(path, entry.path, entry.path, elf)
        for path, entry in entries.items()
        if isinstance(elf := disk.files.get(entry), Elf)
    ]
    loaders = {loader.physical: loader for item in located if (loader := _kind(item, loader_of))}
    libraries = {dict(root.environment).get("LD_LIBRARY_PATH", "") for root in roots}
    places_named = {place for text in libraries for place in text.replace(";", ":").split(":") if place}
    for loader in loaders.values():
        _level_by_level(disk, located, loader, cache_of(loader), places_named)


def _kind(item: LocatedElf, loader_of: Callable[[LocatedElf], Loader | None]) -> Loader | None:
    return loader_of(item) if item.elf.dynamic else None


def _level_by_level(
    disk: Disk, located: Iterable[LocatedElf], loader: Loader, cache: Cache, places: set[str]
) -> None:
    names = {entry.name: entry.path for entry in cache.entries if entry.flags in loader.cache_flags}
    places = {p.rstrip("/") + "/" for p in (*loader.directories, *places) if p.startswith("/")}
    _prefetch(disk, {p.rpartition("/")[0] for p in names.values()} | places)
    level = [item for item in located if item.elf.machine == loader.elf.machine]
    seen: set[str] = set()
    while level:
        wanted: set[str] = set()
        own: set[str] = set()
        for item in level:
            if item.physical in seen:
                continue
            seen.add(item.physical)
            own |= set(_own(item, loader))
            for name in item.elf.needed:
                if name in names:
                    wanted.add(names[name])
                else:
                    wanted |= {place + name for place in (*places, *_own(item, loader))}
        _prefetch(disk, own)
        entries = _entries(disk, wanted)
        disk.files.load(entries.values())
        level = [
            LocatedElf(path, entry.path, entry.path, elf)
            for path, entry in entries.items()
            if entry.path not in seen and isinstance(elf := disk.files.get(entry), Elf)
        ]


def _own(item: LocatedElf, loader: Loader) -> tuple[str, ...]:
    text = item.elf.runpath or item.elf.rpath
    if not text:
        return ()
    origin = item.path.rpartition("/")[0]
    return directories(text.split(":"), Tokens(origin, loader.lib, loader.platform), "/")


def _entries(disk: Disk, paths: Iterable[str]) -> dict[str, Entry]:
    entries = {path: disk.view.resolve(path).entry for path in sorted(paths)}
    return {path: entry for path, entry in entries.items() if entry is not None}


def _prefetch(disk: Disk, paths: Iterable[str]) -> None:
    """List directories and all directories that lead to them, also with a merged /usr, in one exchange."""
    wanted: set[str] = set()
    for path in paths:
        path = path.rstrip("/")
        while path not in wanted and path:
            wanted |= {path, f"/usr{path}"}
            path = path.rpartition("/")[0]
    disk.view.prefetch(wanted | {"/"})
