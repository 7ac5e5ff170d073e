"""Writes the hostile files of ``corpus/``: ``python -m tests.closure.make_corpus``.

A file's suffix is what is to be said of it: ``unreadable``, or ``elf`` where the loader would take it.
"""

from __future__ import annotations

import struct
from pathlib import Path

from tests.closure.elfs import (
    DYNAMIC,
    INTERP,
    LOAD,
    NEEDED,
    NOTE,
    RUNPATH,
    SONAME,
    STRTAB,
    VERDEF,
    VERNEED,
    elf,
    note,
)  # fmt: skip

HUGE = (1 << 64) - 1


def verneed(following: int, first: int, after: int, size: int = 64) -> bytes:
    need = struct.pack("<HHIII", 1, 1, 1, first, following)
    return (need + struct.pack("<IHHII", 0, 0, 2, 1, after)).ljust(size, b"\0")


def files() -> dict[str, bytes]:
    good = elf([(NEEDED, "liba.so"), (SONAME, "libx.so")])
    chain = struct.pack("<HHIII", 1, 1, 1, 1, 1) * 2000
    return {
        "good.elf": good,
        "wrong-class.unreadable": good[:4] + b"\x03" + good[5:],
        "class-of-32-bits.unreadable": good[:4] + b"\x01" + good[5:],
        "unknown-byte-order.unreadable": good[:5] + b"\x09" + good[6:],
        "other-byte-order.elf": good[:5] + b"\x02" + good[6:],
        "header-cut.unreadable": good[:40],
        "program-headers-cut.unreadable": good[:80],
        "program-headers-beyond-the-end.unreadable": elf(header={"phoff": 1 << 40}),
        "program-headers-at-the-end-of-all.unreadable": elf(header={"phoff": HUGE}),
        "65535-program-headers.unreadable": elf(header={"phnum": 0xFFFF}),
        "odd-size-of-program-header.unreadable": elf(header={"phentsize": 1}),
        "dynamic-section-cut.unreadable": good[:-64],
        "dynamic-section-of-an-exabyte.unreadable": elf(extra=[(DYNAMIC, 0, 0, 1 << 60)]),
        "dynamic-section-nowhere.unreadable": elf(extra=[(DYNAMIC, 0, 1 << 50, 64)]),
        "string-table-nowhere.unreadable": elf([(NEEDED, "liba.so")], [(STRTAB, HUGE - 5)]),
        "string-table-in-itself.elf": elf([(NEEDED, "liba.so")], [(STRTAB, 0x40)]),
        "string-beyond-the-end.unreadable": elf(values=[(NEEDED, HUGE)]),
        "string-without-end.unreadable": elf([(NEEDED, b"a" * 40000)]),
        "2000-needed.unreadable": elf(values=[(NEEDED, 1)] * 2000),
        "search-path-of-a-mile.elf": elf([(NEEDED, "liba.so"), (RUNPATH, "/x:" * 10000)]),
        "search-path-without-end.unreadable": elf([(RUNPATH, "/x:" * 30000)]),
        "version-need-in-itself.unreadable": elf([(NEEDED, "a")], tables={VERNEED: chain}),
        "version-need-beyond-the-end.unreadable": elf(tables={VERNEED: verneed(0xFFFFFFFF, 16, 0)}),
        "version-aux-beyond-the-end.unreadable": elf(tables={VERNEED: verneed(0, 0xFFFFFFF0, 0)}),
        "version-need-of-another-form.unreadable": elf(tables={VERNEED: b"\x07" * 64}),
        "version-definition-of-another-form.unreadable": elf(tables={VERDEF: b"\x07" * 64}),
        "version-definition-in-steps-of-one.unreadable": elf(tables={VERDEF: b"\x01\0" * 30000}),
        "interpreter-cut.unreadable": elf(extra=[(INTERP, 1 << 30, 0, 20)]),
        "interpreter-of-a-gigabyte.elf": elf(extra=[(INTERP, 0, 0, 1 << 30)]),
        "note-of-four-gigabytes.elf": elf(notes=struct.pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, 1) + b"\0" * 20),
        "1000-notes.elf": elf(notes=note("GNU", 3, b"x") * 1000, extra=[(NOTE, 0, 0, 60000)] * 600),
        "property-of-no-size.elf": elf(notes=note("GNU", 5, struct.pack("<II", 0, 0xFFFFFFFF) * 20)),
        "overlapping-segments.elf": elf([(NEEDED, "liba.so")], extra=[(LOAD, 0, 0, 1 << 40)] * 500),
        "segment-over-the-string-table.unreadable": elf([(NEEDED, "a")], extra=[(LOAD, 1 << 40, 0, 1 << 40)]),
        "relocatable.elf": elf(kind=1),
        "core.elf": elf(kind=4),
    }


if __name__ == "__main__":
    corpus = Path(__file__).parent / "corpus"
    for name, data in files().items():
        (corpus / name).write_bytes(data)
