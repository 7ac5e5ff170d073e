"""String literals of ELF files that could be the name of a library for dlopen(3). They are only guesses."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator
from itertools import islice

from tracewhale.closure.elf import MAGIC
from tracewhale.rootfs.tree import Entry, Kind, View

NAME = re.compile(rb"\.so(?:\.[A-Za-z0-9._-]{1,40})?\0")
"""The end of a literal that names a library."""

LONGEST = 256
LIMIT = 64 << 20
"""Bytes of a file that are examined: some programs carry gigabytes of data."""

MOST = 4096
"""The most names of a file."""

CHUNK = 4 << 20
SHT_PROGBITS = 1
SHF_ALLOC_ONLY = 2
"""The flag of read-only data, among the flags write, allocate and execute (gABI, "Sections")."""

FLAGS = 7
HEADER = 64
Range = tuple[int, int]


def literals(view: View, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each physical path of an ELF file, the literals in its read-only data that end like the
    file name of a library, in order, each once. A file that is not a readable ELF file has none."""
    entries = [entry for path in paths if (entry := view.lstat(path)) and entry.kind is Kind.FILE]
    result: dict[str, tuple[str, ...]] = {}
    for entry, ranges in zip(entries, _read_only(view, entries), strict=True):
        names: dict[str, None] = {}
        remaining = LIMIT
        for start, size in ranges:
            names |= dict.fromkeys(islice(_names(view, entry.path, start, min(size, remaining)), MOST))
            remaining -= min(size, remaining)
        result[entry.path] = tuple(names)[:MOST]
    return result


def _names(view: View, path: str, start: int, size: int) -> Iterator[str]:
    before = b"\0"
    for at in range(start, start + size, CHUNK):
        (block,) = view.tree.read([(path, at, min(CHUNK, start + size - at))])
        data = before + (block or b"")
        for match in NAME.finditer(data):
            begin = data.rfind(b"\0", max(0, match.start() - LONGEST), match.start()) + 1
            text = data[begin : match.end() - 1]
            if begin and re.fullmatch(rb"[!-~]+", text):
                yield os.fsdecode(text)
        before = data[-LONGEST - 44 :]


def _read_only(view: View, entries: list[Entry]) -> list[list[Range]]:
    """Return the ranges of each file that its section headers mark as read-only data, without overlaps."""
    heads = view.tree.read([(entry.path, 0, HEADER) for entry in entries])
    tables = [_table(head or b"", entry.size) for head, entry in zip(heads, entries, strict=True)]
    wanted = [(e.path, start, size) for e, (start, size, _) in zip(entries, tables, strict=True)]
    blocks = view.tree.read(wanted)
    return [
        _merge(_sections(block or b"", head or b"", width), entry.size)
        for block, head, (_, _, width), entry in zip(blocks, heads, tables, entries, strict=True)
    ]


def _table(head: bytes, size: int) -> tuple[int, int, int]:
    """Return the offset and size of the section headers, and the size of one; nothing if they are
    unusable."""
    if len(head) < HEADER or head[:4] != MAGIC or head[4] not in (1, 2) or head[5] not in (1, 2):
        return 0, 0, 0
    order = "<" if head[5] == 1 else ">"
    if head[4] == 2:
        (offset,), (width, count) = struct.unpack_from(order + "Q", head, 40), _counts(order, head, 58)
    else:
        (offset,), (width, count) = struct.unpack_from(order + "I", head, 32), _counts(order, head, 46)
    if width != (64 if head[4] == 2 else 40) or offset + width * count > size:
        return 0, 0, 0
    return offset, width * count, width


def _counts(order: str, head: bytes, at: int) -> tuple[int, int]:
    width, count = struct.unpack_from(order + "HH", head, at)
    return width, count


def _sections(table: bytes, head: bytes, width: int) -> Iterator[Range]:
    if not width:
        return
    order = "<" if head[5] == 1 else ">"
    layout = struct.Struct(order + ("IIQQQQIIQQ" if width == 64 else "IIIIIIIIII"))
    for row in layout.iter_unpack(table[: len(table) - len(table) % width]):
        _, kind, flags, _, offset, size = row[:6]
        if kind == SHT_PROGBITS and flags & FLAGS == SHF_ALLOC_ONLY:
            yield offset, size


def _merge(ranges: Iterable[Range], size: int) -> list[Range]:
    merged: list[Range] = []
    for start, length in sorted(ranges):
        end = min(start + length, size)
        if merged and start <= sum(merged[-1]):
            first = merged[-1][0]
            merged[-1] = (first, max(sum(merged[-1]), end) - first)
        elif start < end:
            merged.append((start, end - start))
    return merged
