"""ELF files of a few hundred bytes, well made or not, without a linker."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.trees import MemoryTree

LOAD, DYNAMIC, INTERP, NOTE = 1, 2, 3, 4
NEEDED, STRTAB, STRSZ, SONAME, RPATH, RUNPATH = 1, 5, 10, 14, 15, 29
FLAGS_1, VERNEED, VERDEF, AUXILIARY, FILTER = 0x6FFFFFFB, 0x6FFFFFFE, 0x6FFFFFFC, 0x7FFFFFFD, 0x7FFFFFFF
HEADER, PROGRAM = struct.Struct("<4sBBBBB7xHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
X86_64 = 62


def elf(
    strings: Sequence[tuple[int, str | bytes]] = (),
    values: Sequence[tuple[int, int]] = (),
    *,
    interpreter: str = "",
    notes: bytes = b"",
    note_align: int = 4,
    tables: Mapping[int, bytes] | None = None,
    machine: int = X86_64,
    kind: int = 3,
    extra: Sequence[tuple[int, int, int, int]] = (),
    header: Mapping[str, int] | None = None,
) -> bytes:
    """An ELF64 file whose dynamic section has ``strings`` (tag, text), ``values`` and ``tables`` (tag,
    contents). ``extra`` are more program headers (type, offset, address, size); ``header`` replaces
    fields of the file header."""
    count = 2 + bool(interpreter) + bool(notes) + len(extra)
    at = HEADER.size + PROGRAM.size * count
    body = bytearray()

    def put(data: bytes) -> int:
        body.extend(b"\0" * (-len(body) % 8))
        where = at + len(body)
        body.extend(data)
        return where

    table = bytearray(b"\0")
    dynamic: list[tuple[int, int]] = []
    for tag, text in strings:
        dynamic.append((tag, len(table)))
        table += (text.encode() if isinstance(text, str) else text) + b"\0"
    programs = []
    if interpreter:
        name = interpreter.encode() + b"\0"
        programs.append((INTERP, put(name), len(name), 1))
    if notes:
        programs.append((NOTE, put(notes), len(notes), note_align))
    for tag, data in (tables or {}).items():
        dynamic.append((tag, put(data)))
    dynamic += [(STRTAB, put(bytes(table))), (STRSZ, len(table)), *values, (0, 0)]
    section = b"".join(struct.pack("<QQ", tag, value & (1 << 64) - 1) for tag, value in dynamic)
    where = put(section)
    size = at + len(body)
    rows = [PROGRAM.pack(LOAD, 5, 0, 0, 0, size, size, 4096)]
    rows += [PROGRAM.pack(t, 4, o, o, o, n, n, align) for t, o, n, align in programs]
    rows.append(PROGRAM.pack(DYNAMIC, 6, where, where, where, len(section), len(section), 8))
    rows += [PROGRAM.pack(t, 4, o, v, v, n, n, 1) for t, o, v, n in extra]
    fields = {
        "magic": 0x464C457F, "class": 2, "data": 1, "version": 1, "osabi": 0, "abi": 0, "type": kind,
        "machine": machine, "e_version": 1, "entry": 0, "phoff": HEADER.size, "shoff": 0, "flags": 0,
        "ehsize": HEADER.size, "phentsize": PROGRAM.size, "phnum": count, "shentsize": 0, "shnum": 0,
        "shstrndx": 0,
    } | dict(header or {})  # fmt: skip
    magic, *rest = fields.values()
    return HEADER.pack(struct.pack("<I", magic), *rest) + b"".join(rows) + bytes(body)


def library(soname: str, *needed: str, **more: object) -> bytes:
    """A shared library of this soname."""
    return elf([(SONAME, soname), *((NEEDED, name) for name in needed)], **more)  # type: ignore[arg-type]


def note(owner: str, kind: int, description: bytes) -> bytes:
    """One note, padded to four bytes."""
    name = owner.encode() + b"\0"
    padded = [data + b"\0" * (-len(data) % 4) for data in (name, description)]
    return struct.pack("<III", len(name), len(description), kind) + b"".join(padded)


class ElfTree(MemoryTree):
    """A tree in memory with binary files, that counts the bytes and the ranges it is asked for."""

    def __init__(self, files: Mapping[str, bytes], text: str = "/etc/\n") -> None:
        super().__init__(text + "".join(f"{path}: x\n" for path in files))
        self.bytes = 0
        self.ranges = 0
        for path, data in files.items():
            self.contents[path] = data
            self.entries[path] = replace(self.entries[path], size=len(data))

    def read(self, wanted: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        assert all(0 <= offset < 1 << 63 and -1 <= size < 1 << 40 for _, offset, size in wanted)
        answers = super().read(wanted)
        self.ranges += len(wanted)
        self.bytes += sum(len(answer) for answer in answers if answer)
        return answers
