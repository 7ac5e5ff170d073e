"""Notes of ELF files (elf(5), "Notes (Nhdr)"), and the CPU levels that x86 files require in them."""

from __future__ import annotations

import os
import struct

from elftools.elf.enums import ENUM_E_MACHINE

from tracewhale.closure.model import Elf, Note

X86 = frozenset({ENUM_E_MACHINE["EM_386"], ENUM_E_MACHINE["EM_X86_64"]})
NT_GNU_PROPERTY_TYPE_0 = 5
GNU_PROPERTY_X86_ISA_1_NEEDED = 0xC0008002


def notes(block: bytes, order: str, align: int) -> list[Note]:
    """Return notes of one segment, with ELF's padding of 4 bytes (8 if the segment is aligned so)."""
    pad = 8 if align == 8 else 4
    result: list[Note] = []
    at = 0
    while at + 12 <= len(block):
        name_size, size, kind = struct.unpack_from(order + "III", block, at)
        start = at + 12 + (name_size + 3) // 4 * 4
        if pad == 8:
            start = at + (12 + name_size + 7) // 8 * 8
        if start + size > len(block):
            break
        owner = block[at + 12 : at + 12 + name_size].rstrip(b"\0")
        result.append(Note(os.fsdecode(owner), kind, block[start : start + size]))
        at = start + -(-size // pad) * pad
    return result


def isa_level(notes: list[Note], order: str, base: Elf) -> int:
    """Return the x86-64 levels that a file requires (x86-64 psABI, "Program Property")."""
    if base.machine not in X86:
        return 0
    for note in notes:
        if note.owner != "GNU" or note.type != NT_GNU_PROPERTY_TYPE_0:
            continue
        at = 0
        while at + 8 <= len(note.description):
            kind, size = struct.unpack_from(order + "II", note.description, at)
            if kind == GNU_PROPERTY_X86_ISA_1_NEEDED and size == 4 and at + 12 <= len(note.description):
                (level,) = struct.unpack_from(order + "I", note.description, at + 8)
                return int(level)
            at += 8 + -(-size // (base.bits // 8)) * (base.bits // 8)
    return 0
