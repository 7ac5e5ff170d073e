"""Read many ELF files together, each once: every round reads the next ranges of all of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from tracewhale.closure.elf import Parser, Range, parse
from tracewhale.closure.model import Elf, UnreadableElf
from tracewhale.rootfs.tree import Entry, Kind, View

BATCH = 512
"""Files read together; this limits the memory of a round."""

Read = Elf | UnreadableElf | None

HOSTILE = (struct.error, ValueError, OverflowError, IndexError, KeyError, MemoryError, RecursionError)
"""Exceptions that a malformed file may still raise while it is parsed."""


class ElfFiles:
    """The ELF files of a tree by physical path. None is a file that is not an ELF file."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._read: dict[str, Read] = {}
        self._broken: dict[str, str] = {}

    def get(self, entry: Entry) -> Read:
        """Return one file, read now unless it was read before."""
        if entry.path not in self._read:
            self.load([entry])
        return self._read[entry.path]

    def unreadable(self) -> Iterator[tuple[str, str]]:
        """Yield every path read so far that has only the beginning of an ELF file, with the reason."""
        yield from sorted(self._broken.items())

    def load(self, entries: Iterable[Entry]) -> None:
        """Read the regular files among these that were not read before."""
        wanted = {e.path: e for e in entries if e.path not in self._read}
        for path, entry in wanted.items():
            if entry.kind is not Kind.FILE:
                self._set(path, UnreadableElf(f"it is a {entry.kind.value}", is_elf=False))
        new = [e for e in wanted.values() if e.kind is Kind.FILE]
        for start in range(0, len(new), BATCH):
            self._load(new[start : start + BATCH])

    def _load(self, entries: list[Entry]) -> None:
        parsers: dict[str, Parser] = {}
        pending: dict[str, list[Range]] = {}
        for entry in entries:
            parser = parse(entry.size)
            parsers[entry.path], pending[entry.path] = parser, next(parser)
        while pending:
            ranges = [(path, start, size) for path, wanted in pending.items() for start, size in wanted]
            blocks = iter(self.view.tree.read(ranges))
            following: dict[str, list[Range]] = {}
            for path, wanted in pending.items():
                step = self._step(path, parsers[path], wanted, blocks)
                if step is not None:
                    following[path] = step
            pending = following

    def _step(
        self, path: str, parser: Parser, ranges: list[Range], blocks: Iterator[bytes | None]
    ) -> list[Range] | None:
        """Send a parser the bytes that it requested, and return its next request, or None at its end."""
        received = [next(blocks) for _ in ranges]
        try:
            if any(block is None for block in received):
                raise UnreadableElf("it cannot be read")
            return parser.send([block for block in received if block is not None])
        except StopIteration as end:
            self._set(path, end.value)
        except UnreadableElf as error:
            self._set(path, error)
        except HOSTILE as error:
            self._set(path, UnreadableElf(f"{type(error).__name__} while reading it"))
        return None

    def _set(self, path: str, read: Read) -> None:
        self._read[path] = read
        if isinstance(read, UnreadableElf) and read.is_elf:
            self._broken[path] = read.reason
