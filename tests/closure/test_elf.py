"""The reader of ELF files returns the right values and reads few bytes."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.closure.elfs import (
    AUXILIARY,
    FILTER,
    FLAGS_1,
    NEEDED,
    RPATH,
    RUNPATH,
    SONAME,
    VERDEF,
    VERNEED,
    ElfTree,
    elf,
    note,
)  # fmt: skip
from tracewhale.closure import Dependency, EdgeKind, Elf, Note, VersionNeed
from tracewhale.closure.files import ElfFiles
from tracewhale.rootfs.tree import View


def read(data: bytes) -> Elf:
    files = ElfFiles(View(ElfTree({"/f": data})))
    entry = files.view.lstat("/f")
    assert entry is not None
    found = files.get(entry)
    assert isinstance(found, Elf), found
    return found


def test_dynamic_section() -> None:
    found = read(
        elf(
            [
                (NEEDED, "libb.so"),
                (AUXILIARY, "liba.so"),
                (NEEDED, "libc.so.6"),
                (FILTER, "libf.so"),
                (SONAME, "libself.so.1"),
                (RUNPATH, "$ORIGIN/x:/y"),
            ],
            [(FLAGS_1, 0x800)],
            interpreter="/lib/ld.so",
        )
    )
    assert found.dependencies == (
        Dependency(EdgeKind.NEEDED, "libb.so"),
        Dependency(EdgeKind.AUXILIARY, "liba.so"),
        Dependency(EdgeKind.NEEDED, "libc.so.6"),
        Dependency(EdgeKind.FILTER, "libf.so"),
    )
    assert found.needed == ("libb.so", "libc.so.6")
    assert (found.soname, found.runpath, found.rpath) == ("libself.so.1", "$ORIGIN/x:/y", None)
    assert (found.bits, found.machine, found.type, found.flags_1) == (64, 62, 3, 0x800)
    assert found.interpreter == "/lib/ld.so"
    assert found.refusal == ""


def test_rpath_of_an_object_with_a_runpath_is_ignored() -> None:
    assert read(elf([(RPATH, "/r")])).rpath == "/r"
    assert read(elf([(RPATH, "/r"), (RUNPATH, "/u")])).rpath is None


def test_names_that_are_not_utf8_survive() -> None:
    assert read(elf([(NEEDED, b"lib\xff.so")])).needed == ("lib\udcff.so",)


def test_dlopen_notes() -> None:
    said = b'[{"soname":["libx.so.1"],"priority":"recommended"}]\0'
    found = read(elf(notes=note("GNU", 3, b"12345") + note("FDO", 0x407C0C0A, said)))
    assert found.notes == (Note("GNU", 3, b"12345"), Note("FDO", 0x407C0C0A, said))


def test_isa_level_of_a_property_note() -> None:
    properties = struct.pack("<IIIxxxxIIIxxxx", 0xC0000002, 4, 3, 0xC0008002, 4, 3)
    aligned = struct.pack("<III4s", 4, len(properties), 5, b"GNU") + properties
    assert read(elf(notes=aligned, note_align=8)).isa_level == 3


def test_versions() -> None:
    names = [(NEEDED, "libv.so.1"), (SONAME, "V_1"), (SONAME, "V_2")]
    file, first, second = 1, 11, 15
    needs = struct.pack("<HHIII", 1, 2, file, 16, 0)
    needs += struct.pack("<IHHII", 0, 0, 2, first, 16) + struct.pack("<IHHII", 0, 2, 3, second, 0)
    defines = struct.pack("<HHHHIII", 1, 1, 1, 1, 0, 20, 28) + struct.pack("<II", first, 0)
    defines += struct.pack("<HHHHIII", 1, 0, 2, 1, 0, 20, 0) + struct.pack("<II", second, 0)
    found = read(elf(names, tables={VERNEED: needs, VERDEF: defines}))
    assert found.version_needs == (
        VersionNeed("libv.so.1", "V_1"), VersionNeed("libv.so.1", "V_2", weak=True),
    )  # fmt: skip
    assert found.version_definitions == ("V_1", "V_2")


def test_what_is_no_elf_file_is_none() -> None:
    files = ElfFiles(View(ElfTree({"/f": b"#!/bin/sh\n", "/e": b"", "/m": b"\x7fEL"})))
    assert [files.get(files.view.tree.entries[path]) for path in ("/f", "/e", "/m")] == [None] * 3  # type: ignore[attr-defined]


def test_many_files_are_read_in_a_few_exchanges() -> None:
    big = b"\0" * 1_000_000
    tree = ElfTree(
        {f"/f{i}": elf([(NEEDED, f"lib{i}.so"), (RUNPATH, "/x" * 9000)]) + big for i in range(300)}
    )
    files = ElfFiles(View(tree))
    files.load(tree.entries[f"/f{i}"] for i in range(300))
    assert all(isinstance(files.get(tree.entries[f"/f{i}"]), Elf) for i in range(300))
    assert tree.exchanges <= 4
    assert tree.bytes < 300 * 48_000


def test_little_is_read_of_a_real_library() -> None:
    library = Path("/lib/x86_64-linux-gnu/libc.so.6").read_bytes()
    tree = ElfTree({"/libc.so.6": library})
    found = ElfFiles(View(tree)).get(tree.entries["/libc.so.6"])
    assert isinstance(found, Elf)
    assert found.soname == "libc.so.6"
    assert "GLIBC_2.34" in found.version_definitions
    assert tree.bytes < 24_000
