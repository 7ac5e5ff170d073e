"""The files in a trace as a tree without contents, for a trace whose image is not available."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tracewhale.errors import TargetNotFound
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, parent
from tracewhale.tracing.events import Trace

INSIDE = frozenset({"list", "chdir", "mkdir"})
"""Accesses that succeed only on a directory."""


class TraceTree:
    """A tree of the paths that existed when a traced command requested them."""

    def __init__(self, trace: Trace) -> None:
        self._entries: dict[str, Entry] = {}
        there = [(event.real or event.path, event) for event in trace.events if event.present]
        for path, event in sorted(there, key=lambda pair: pair[0]):
            kind = Kind.DIRECTORY if event.access in INSIDE else Kind.FILE
            self._add(path.rstrip("/"), kind)
            self._add(event.program, Kind.FILE)

    def _add(self, path: str, kind: Kind) -> None:
        if not path.startswith("/") or path == "/":
            return
        known = self._entries.get(path)
        if known is None or known.kind is Kind.FILE:
            self._entries[path] = Entry(path, kind, 0o755, 0, 0, 0, 0)
        above = parent(path)
        while above != "/":
            if (seen := self._entries.get(above)) is not None and seen.kind is Kind.DIRECTORY:
                break
            self._entries[above] = Entry(above, Kind.DIRECTORY, 0o755, 0, 0, 0, 0)
            above = parent(above)

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """Return entries of each directory by name; None for an unknown one."""
        wanted: dict[str, dict[str, Entry] | None] = {}
        for directory in directories:
            entry = self._entries.get(directory)
            known = directory == "/" or (entry is not None and entry.kind is Kind.DIRECTORY)
            wanted[directory] = {} if known else None
        for path, entry in self._entries.items():
            listing = wanted.get(parent(path))
            if listing is not None:
                listing[path.rpartition("/")[2]] = entry
        return wanted

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """Return nothing: a trace has no contents."""
        return [None for _ in ranges]

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """Raise TargetNotFound: a trace has no contents."""
        for path in paths:
            raise TargetNotFound(f"{path} is known from a trace alone.", "Name the image.")
        yield from ()
