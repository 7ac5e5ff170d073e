"""A tree that counts the bytes that are read from it, for a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from tracewhale.rootfs.tree import Entry, PackedEntry, Tree

Count = Callable[[int], None]
"""Called with each number of bytes. It must be cheap."""


def ignore(size: int) -> None:
    """Count nothing."""


class CountedTree:
    """Another tree that calls ``count`` with the size of each piece of a packed file."""

    def __init__(self, tree: Tree, count: Count) -> None:
        self._tree, self._count = tree, count

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """See Tree.scan."""
        return self._tree.scan(directories)

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """See Tree.read."""
        return self._tree.read(ranges)

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """See Tree.pack."""
        for packed in self._tree.pack(paths):
            yield replace(packed, chunks=count_chunks(packed.chunks, self._count))


def count_chunks(chunks: Iterable[bytes], count: Count) -> Iterator[bytes]:
    """Yield the chunks, each after it is counted."""
    for chunk in chunks:
        count(len(chunk))
        yield chunk
