"""Symbol versions that a file needs (DT_VERNEED) and defines (DT_VERDEF): LSB, "Symbol Versioning"."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from tracewhale.closure.model import UnreadableElf, VersionNeed

MAX_VERSIONS = 8192
VER_FLG_WEAK = 2


class RawNeed(NamedTuple):
    """A needed version: offsets of the file's and the version's names in the string table."""

    file: int
    version: int
    weak: bool

    def with_names(self, text: Callable[[int], str]) -> VersionNeed:
        return VersionNeed(text(self.file), text(self.version), self.weak)


Needs = list[RawNeed]
Definitions = list[int]


def needs(table: bytes, order: str) -> Needs:
    """Return every needed version in order. Raise IndexError if the table extends beyond these bytes."""
    result: Needs = []
    head = struct.Struct(order + "HHIII")
    aux = struct.Struct(order + "IHHII")
    at, entries = 0, 0
    while table:
        version, _, file, first, following = _unpack(head, table, at)
        if version != 1:
            raise UnreadableElf(f"unsupported version {version} of Verneed record")
        where = at + first
        while True:
            _, flags, _, name, after = _unpack(aux, table, where)
            result.append(RawNeed(file, name, bool(flags & VER_FLG_WEAK)))
            entries += 1
            if entries > MAX_VERSIONS:
                raise UnreadableElf(f"more than {MAX_VERSIONS} symbol versions")
            if after == 0:
                break
            where += after
        if following == 0:
            break
        at += following
    return result


def definitions(table: bytes, order: str) -> Definitions:
    """Return the name offsets of every defined version in order. Raise IndexError as ``needs`` does."""
    result: Definitions = []
    head = struct.Struct(order + "HHHHIII")
    aux = struct.Struct(order + "II")
    at = 0
    while table:
        version, _, _, _, _, first, following = _unpack(head, table, at)
        if version != 1:
            raise UnreadableElf(f"unsupported version {version} of Verdef record")
        result.append(_unpack(aux, table, at + first)[0])
        if len(result) > MAX_VERSIONS:
            raise UnreadableElf(f"more than {MAX_VERSIONS} symbol versions")
        if following == 0:
            break
        at += following
    return result


def _unpack(layout: struct.Struct, table: bytes, at: int) -> tuple[int, ...]:
    if at + layout.size > len(table):
        raise IndexError(at)
    return layout.unpack_from(table, at)
