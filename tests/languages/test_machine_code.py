"""Commands in machine code, in files that are written down section by section."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from tests.languages.text import SourceTree, edges
from tracewhale.languages import Environment, close
from tracewhale.rootfs.tree import View

X86_64, AARCH64 = 62, 183
PROGBITS, STRTAB, RELA, DYNSYM = 1, 3, 4, 11
READ, EXECUTE = 2, 6

LEA = b"\x48\x8d\x3d"
"""lea rdi, [rip + offset]"""


def elf(machine: int, sections: list[tuple[int, int, int, bytes, int]]) -> bytes:
    """A file of sections, each a type, flags, an address, contents and a link to another by number."""
    body, table = bytearray(64), bytearray(64)
    for kind, flags, address, content, link in sections:
        row = struct.pack("<IIQQQQIIQQ", 0, kind, flags, address, len(body), len(content), link, 0, 1, 0)
        body += content
        table += row
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack(
        "<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, len(body), 0, 64, 0, 0, 64, len(sections) + 1, 0
    )
    return head + bytes(body[64:]) + bytes(table)


def symbols(name: str, section: int = 0) -> list[tuple[int, int, int, bytes, int]]:
    """A table of one dynamic symbol, undefined unless it has a section, and its strings."""
    row = struct.pack("<IBBHQQ", 1, 0x12, 0, section, 0, 0)
    return [(DYNSYM, READ, 0, bytes(24) + row, 2), (STRTAB, READ, 0, f"\0{name}\0".encode(), 0)]


STRINGS = b"unused\0/usr/lib/unxz\0zstd\0remote-%s\0cat\0/usr/lib/tool-core\0"
"""``xz`` is the tail of another string, as the linker leaves it."""


def referring(word: bytes) -> int:
    """The address of a string."""
    return 0x1000 + STRINGS.index(word + b"\0")


def lea(*words: bytes) -> bytes:
    """Code at address 0 that refers to strings."""
    code = b""
    for word in words:
        code += LEA + struct.pack("<i", referring(word) - len(code) - 7)
    return code


def commands(program: bytes) -> list[str]:
    """Return what a program at ``/usr/bin/tool`` names, by the names in its code."""
    tree = SourceTree("""
        /usr/bin/tool: t
        /usr/bin/xz: x
        /usr/bin/zstd: z
        /usr/bin/cat: c
        /usr/bin/unused: u
        /usr/lib/tool-core/bin/: d
        /usr/lib/tool-core/tool-remote-https: h
        /usr/lib/tool-core/tool-other: o
    """)
    tree.contents["/usr/bin/tool"] = program
    tree.entries["/usr/bin/tool"] = replace(tree.entries["/usr/bin/tool"], size=len(program))
    helper = "/usr/lib/tool-core/tool-remote-https"
    tree.entries[helper] = replace(tree.entries[helper], mode=0o755)
    return edges(close(View(tree), ["/usr/bin/tool"], Environment())).splitlines()


def found(name: str, target: str) -> str:
    return f"/usr/bin/tool:0 {name} -> {target} (string in code, lazy)"


@pytest.mark.parametrize("function", ["execvp", "posix_spawnp", "popen"])
def test_strings_that_code_refers_to_are_commands(function: str) -> None:
    code = lea(b"xz", b"zstd", b"cat")
    sections = [*symbols(function), (PROGBITS, EXECUTE, 0, code, 0), (PROGBITS, READ, 0x1000, STRINGS, 0)]
    assert commands(elf(X86_64, sections)) == [found("xz", "/usr/bin/xz"), found("zstd", "/usr/bin/zstd")]


def test_strings_that_a_relocation_refers_to_are_commands() -> None:
    relocation = struct.pack("<QQq", 0, 8, referring(b"xz"))
    sections = [*symbols("execv"), (RELA, READ, 0, relocation, 0), (PROGBITS, READ, 0x1000, STRINGS, 0)]
    assert commands(elf(X86_64, sections)) == [found("xz", "/usr/bin/xz")]


def test_adrp_and_add_make_an_address() -> None:
    page = 1 << 29 | 0x90000000  # adrp x0, the next page
    add = 0x91000000 | (referring(b"zstd") - 0x1000) << 10  # add x0, x0, offset
    code = struct.pack("<II", page, add)
    sections = [*symbols("execvp"), (PROGBITS, EXECUTE, 0, code, 0), (PROGBITS, READ, 0x1000, STRINGS, 0)]
    assert commands(elf(AARCH64, sections)) == [found("zstd", "/usr/bin/zstd")]


def test_a_pattern_is_completed_in_the_directories_that_the_program_names() -> None:
    code = lea(b"remote-%s", b"/usr/lib/tool-core")
    sections = [*symbols("execvp"), (PROGBITS, EXECUTE, 0, code, 0), (PROGBITS, READ, 0x1000, STRINGS, 0)]
    assert commands(elf(X86_64, sections)) == [found("remote-%s", "/usr/lib/tool-core/tool-remote-https")]


@pytest.mark.parametrize(("name", "section"), [("puts", 0), ("execvp", 3)])
def test_a_program_that_imports_no_exec_names_no_commands(name: str, section: int) -> None:
    sections = [
        *symbols(name, section),
        (PROGBITS, EXECUTE, 0, lea(b"xz"), 0),
        (PROGBITS, READ, 0x1000, STRINGS, 0),
    ]
    assert commands(elf(X86_64, sections)) == []


@pytest.mark.parametrize("size", [5, 64, 100, 300])
def test_a_file_that_is_cut_names_nothing(size: int) -> None:
    sections = [
        *symbols("execvp"),
        (PROGBITS, EXECUTE, 0, lea(b"xz"), 0),
        (PROGBITS, READ, 0x1000, STRINGS, 0),
    ]
    assert commands(elf(X86_64, sections)[:size]) == []
