"""Program headers: the mappings of a file, and the reasons for which glibc refuses to map it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from elftools.elf.enums import ENUM_P_TYPE_BASE

from tracewhale.closure.model import UnreadableElf

PAGE = 4096
ET_EXEC, ET_DYN = 2, 3
PT_LOAD: int = ENUM_P_TYPE_BASE["PT_LOAD"]
PT_DYNAMIC: int = ENUM_P_TYPE_BASE["PT_DYNAMIC"]
PT_INTERP: int = ENUM_P_TYPE_BASE["PT_INTERP"]
PT_NOTE: int = ENUM_P_TYPE_BASE["PT_NOTE"]


@dataclass(frozen=True, slots=True)
class Segment:
    type: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    align: int


def segments(table: bytes, order: str, bits: int) -> list[Segment]:
    if bits == 64:
        rows = struct.iter_unpack(order + "IIQQQQQQ", table)
        return [Segment(t, o, v, f, m, a) for t, _, o, v, _, f, m, a in rows]
    rows = struct.iter_unpack(order + "IIIIIIII", table)
    return [Segment(t, o, v, f, m, a) for t, o, v, _, f, m, _, a in rows]


def file_offset(segments: list[Segment], address: int, title: str) -> int:
    """Return the offset in the file of the byte at an address; a later segment hides an earlier one."""
    loads = [s for s in segments if s.type == PT_LOAD]
    for segment in reversed(loads):
        if segment.address <= address < segment.address + segment.file_size:
            return segment.offset + address - segment.address
    for segment in reversed(loads):  # a segment maps whole pages
        start = segment.address // PAGE * PAGE
        end = -(-(segment.address + segment.file_size) // PAGE) * PAGE
        if start <= address < end and segment.offset + address >= segment.address:
            return segment.offset + address - segment.address
    raise UnreadableElf(f"its {title} is in no segment")


def header_refusal(head: bytes, kind: int, version: int) -> str:
    """Return glibc's message for a header that it refuses (elf/dl-load.c, open_verify), in the order of its
    checks."""
    if head[6] != 1:
        return "ELF file version ident does not match current one"
    if head[7] not in (0, 3):
        return "ELF file OS ABI invalid"
    if head[8] != 0 and not (head[7] == 3 and head[8] < 4):
        return "ELF file ABI version invalid"
    if any(head[9:16]):
        return "nonzero padding in e_ident"
    if version != 1:
        return "ELF file version does not match current one"
    if kind not in (ET_EXEC, ET_DYN):
        return "only ET_DYN and ET_EXEC can be loaded"
    return ""


def map_refusal(kind: int, segments: list[Segment]) -> str:
    """Return glibc's message for a file that it cannot map as a library (_dl_map_object_from_fd)."""
    loads = [s for s in segments if s.type == PT_LOAD]
    dynamic = [s for s in segments if s.type == PT_DYNAMIC]
    if any((s.address - s.offset) % PAGE for s in loads):
        return "ELF load command address/offset not page-aligned"
    if not loads:
        return "object file has no loadable segments"
    if kind != ET_DYN:
        return "cannot dynamically load executable"
    if not dynamic or any(s.file_size == 0 for s in dynamic):
        return "object file has no dynamic section"
    return ""
