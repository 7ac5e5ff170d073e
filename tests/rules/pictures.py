r"""Trees drawn as text (tests/trees.py), with a mark before each line for what is kept.

* /usr/lib/libc.so.6                      kept already (its directories are, too)
+ /etc/nsswitch.conf: hosts: files sss    kept by the rule; \n in contents is a new line
  /usr/lib/libnss_db.so.2                 there, and left out
* /bin/x: ELF needs libc.so.6 names pthread_cancel note [{"soname": ["libx.so.1"]}]
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.trees import MemoryTree
from tracewhale.rootfs.tree import parent

ELF = re.compile(r"ELF needs (\S*) names (\S*)(?: note (.*))?")


@dataclass(frozen=True)
class Note:
    owner: str
    type: int
    description: bytes


@dataclass(frozen=True)
class Elf:
    needed: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


class Picture:
    """A tree, which of its paths are kept, and what is known of the kept ELF files."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if line.strip()]
        self.drawn = "".join(
            f"{line.rstrip()}\n" for line in sorted(lines, key=lambda line: line[1:].strip())
        )
        self.tree = MemoryTree("\n".join(line[1:].strip() for line in lines) or "/etc/")
        self.lines = {_path(line[1:].strip()): line[1:].strip() for line in lines}
        self.kept = {"/"}
        self.objects: dict[str, Elf] = {}
        for line in lines:
            if line[0] == "*":
                self.kept.update(_upwards(_path(line[1:].strip())))
        for path, content in list(self.tree.contents.items()):
            text = content.decode()
            found = ELF.fullmatch(text)
            self.tree.contents[path] = text.replace("\\n", "\n").encode()
            if found:
                self.tree.contents[path] = elf_file(found[2].split(","))
                if path in self.kept:
                    notes = (Note("FDO", 0x407C0C0A, found[3].encode() + b"\0"),) if found[3] else ()
                    self.objects[path] = Elf(tuple(found[1].split(",")), notes)

    def with_added(self, paths: Iterable[str]) -> str:
        """The lines, each with the mark of what became of it; paths that were not drawn show up."""
        added = set(paths) - self.kept
        texts = {path: path for path in added} | self.lines
        marks = {path: "*" if path in self.kept else "+" if path in added else " " for path in texts}
        return "".join(f"{marks[path]} {text}\n" for path, text in sorted(texts.items(), key=lambda i: i[1]))


def _path(line: str) -> str:
    name = line.split(" -> ")[0] if " -> " in line else line.partition(": ")[0]
    return name.rstrip("/") or "/"


def _upwards(path: str) -> Iterator[str]:
    while path != "/":
        yield path
        path = parent(path)


def cases(text: str) -> Mapping[str, str]:
    """The pictures of a file by title, ``RULE: what it shows`` after ``== ``."""
    found: dict[str, str] = {}
    for block in re.split(r"^== ", text, flags=re.MULTILINE)[1:]:
        title, _, body = block.partition("\n")
        if title in found:
            raise ValueError(f"two cases are called {title}")
        found[title] = body
    return found


def elf_file(names: Iterable[str], *, wide: bool = True) -> bytes:
    """A file with as much ELF as a dynamic string table needs (elf(5)), little-endian."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    word, head, size = ("Q", 64, 56) if wide else ("I", 52, 32)
    table = head + 2 * size
    at = table + struct.calcsize(f"<6{word}")
    dynamic = struct.pack(f"<6{word}", 5, 0x1000 + at, 10, len(strings), 0, 0)
    end, length, where = at + len(strings), len(dynamic), 0x1000 + table
    if wide:
        load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x1000, 0x1000, end, end, 0x1000)
        section = struct.pack("<IIQQQQQQ", 2, 6, table, where, where, length, length, 8)
        header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, head, 0, 0, head, size, 2, 0, 0, 0)
    else:
        load = struct.pack("<IIIIIIII", 1, 0, 0x1000, 0x1000, end, end, 5, 0x1000)
        section = struct.pack("<IIIIIIII", 2, table, where, where, length, length, 6, 4)
        header = struct.pack("<HHIIIIIHHHHHH", 3, 3, 1, 0, head, 0, 0, head, size, 2, 0, 0, 0)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    return ident + header + load + section + dynamic + strings
