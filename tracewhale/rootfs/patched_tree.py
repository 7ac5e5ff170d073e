"""A tree with some paths of another tree in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, View, join, parent


class PatchedTree:
    """The files of one tree, overlaid with some of another."""

    def __init__(self, base: View, other: View) -> None:
        self._base, self._other = base, other
        self._entries: dict[str, Entry] = {}
        self._sources: dict[str, str] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that come from the other tree, sorted."""
        return tuple(sorted(self._entries))

    def add(self, path: str) -> bool:
        """Add a requested path of the other tree, a directory with all its contents; return whether it exists
        there.

        The links on the way in the other tree are added, too, unless this tree has an entry of their name.
        """
        lookup = self._other.resolve(path)
        if lookup.entry is None:
            return False
        for step in lookup.steps:
            entry = self._other.lstat(step)
            if entry is not None and entry.kind is Kind.SYMLINK and not self._has(entry.path):
                self._put(entry)
        self._put(lookup.entry)
        level = [lookup.entry.path] if lookup.entry.kind is Kind.DIRECTORY else []
        while level:
            self._other.prefetch(level)
            entries = [e for directory in level for e in (self._other.listing(directory) or {}).values()]
            for entry in entries:
                self._put(entry)
            level = [entry.path for entry in entries if entry.kind is Kind.DIRECTORY]
        return True

    def _has(self, path: str) -> bool:
        return path in self._entries or self._base.resolve(path, follow=False).exists

    def _put(self, entry: Entry) -> str:
        """Put an entry of the other tree into the corresponding directory of this tree, and return its
        path."""
        if entry.path == "/":
            return "/"
        above = parent(entry.path)
        there = self._base.resolve(above).entry
        if above in self._entries:
            directory = above
        elif there is not None and there.kind is Kind.DIRECTORY:
            directory = there.path
        else:
            parent_entry = self._other.lstat(above)
            directory = self._put(parent_entry) if parent_entry is not None else above
        place = join(directory, entry.path.rpartition("/")[2])
        # An inode of another tree says nothing here.
        self._entries[place] = replace(entry, path=place, device=0, inode=0, nlink=1)
        self._sources[place] = entry.path
        return place

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """Return entries of each directory by name, or None if neither tree has it."""
        wanted = list(directories)
        self._base.prefetch(wanted)
        listings = {path: self._base.listing(path) for path in wanted}
        merged = {path: dict(listing) if listing is not None else None for path, listing in listings.items()}
        for place, entry in self._entries.items():
            above = parent(place)
            if above in merged:
                merged[above] = {**(merged[above] or {}), place.rpartition("/")[2]: entry}
        for path in wanted:
            own = self._entries.get(path)
            if merged[path] is None and own is not None and own.kind is Kind.DIRECTORY:
                merged[path] = {}
        return merged

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """Return contents, each from the tree to which the file belongs."""
        ours = [(path, start, size) for path, start, size in ranges if path not in self._entries]
        theirs = [(self._sources[p], start, size) for p, start, size in ranges if p in self._entries]
        base, other = iter(self._base.tree.read(ours)), iter(self._other.tree.read(theirs))
        return [next(other if path in self._entries else base) for path, _, _ in ranges]

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """Yield entries with their contents, each from the tree to which the file belongs."""
        for patched, run in groupby(paths, key=self._entries.__contains__):
            group = list(run)
            if not patched:
                yield from self._base.tree.pack(group)
                continue
            packed = self._other.tree.pack([self._sources[path] for path in group])
            for path, item in zip(group, packed, strict=True):
                yield replace(item, entry=self._entries[path])
