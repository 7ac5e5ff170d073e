"""Trees for tests, written as text: one line an entry, as `find -ls` would show it.

/bin -> usr/bin
/usr/bin/
/usr/bin/sh: contents
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, join, parent


class MemoryTree:
    """A tree held in memory, that counts the exchanges it is asked for."""

    def __init__(self, text: str) -> None:
        self.entries: dict[str, Entry] = {}
        self.contents: dict[str, bytes] = {}
        self.exchanges = 0
        for line in text.strip().splitlines():
            self._add(line.strip())

    def _add(self, line: str) -> None:
        inode = len(self.entries) + 2
        if " -> " in line:
            path, target = line.split(" -> ", 1)
            entry = Entry(path, Kind.SYMLINK, 0o777, 0, 0, len(target), 0, 1, inode, target=target)
        elif line.endswith("/"):
            path = line.rstrip("/")
            entry = Entry(path, Kind.DIRECTORY, 0o755, 0, 0, 0, 0, 1, inode)
        else:
            path, _, text = line.partition(": ")
            self.contents[path] = text.encode()
            entry = Entry(path, Kind.FILE, 0o644, 0, 0, len(text), 0, 1, inode)
        above = parent(path)
        if above != "/" and above not in self.entries:
            self._add(f"{above}/")
        self.entries[path] = entry

    def put(self, path: str, content: bytes) -> None:
        """Give a file other contents, which need not be text."""
        self.contents[path] = content
        self.entries[path] = replace(self.entries[path], size=len(content))

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        self.exchanges += 1
        return {directory: self._listing(directory) for directory in directories}

    def _listing(self, directory: str) -> dict[str, Entry] | None:
        if directory != "/" and (
            directory not in self.entries or self.entries[directory].kind is not Kind.DIRECTORY
        ):
            return None
        return {
            path.rpartition("/")[2]: entry
            for path, entry in self.entries.items()
            if path == join(directory, path.rpartition("/")[2])
        }

    def read(self, wanted: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        self.exchanges += 1
        answers: list[bytes | None] = []
        for path, offset, size in wanted:
            contents = self.contents.get(path)
            end = None if size < 0 else offset + size
            answers.append(None if contents is None else contents[offset:end])
        return answers

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        for path in paths:
            yield PackedEntry(self.entries[path], {}, iter((self.contents.get(path, b""),)))
