"""Read the parts of an ELF file that the loader uses: headers, notes, dynamic section, its strings and
versions.

The parser is a generator that requests ranges of its file and is sent their bytes, so hundreds of files are
read together in a few exchanges. Every count and length in a file is checked against a limit before it is
used. Structures: elf(5), gABI chapters 4 and 5, LSB symbol versioning.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Generator
from dataclasses import replace

from elftools.elf.enums import ENUM_D_TAG

from tracewhale.closure.headers import (
    ET_DYN,
    ET_EXEC,
    PAGE,
    PT_DYNAMIC,
    PT_INTERP,
    PT_NOTE,
    Segment,
    file_offset,
    header_refusal,
    map_refusal,
    segments,
)
from tracewhale.closure.model import Dependency, EdgeKind, Elf, Note, UnreadableElf
from tracewhale.closure.notes import isa_level, notes
from tracewhale.closure.versions import Definitions, Needs, definitions, needs

Range = tuple[int, int]
Parser = Generator[list[Range], list[bytes], Elf | None]

HEAD = 4096
"""The bytes read first of each file; they nearly always contain all of its headers, interpreter and notes."""

MAX_PROGRAM_HEADERS = 65536
"""The most bytes of program headers, as accepted by execve(2) in Linux (fs/binfmt_elf.c, load_elf_phdrs)."""
MAX_DYNAMIC = 1 << 20
MAX_DEPENDENCIES = 1024
MAX_STRING = 32768
MAX_NOTES = 65536
MAX_ROLES = 16
SMALL_STRING_TABLE = 16384
STRING_WINDOW = 256

MAGIC = b"\x7fELF"
DT_STRTAB: int = ENUM_D_TAG["DT_STRTAB"]
DT_STRSZ: int = ENUM_D_TAG["DT_STRSZ"]
DT_SONAME: int = ENUM_D_TAG["DT_SONAME"]
DT_RPATH: int = ENUM_D_TAG["DT_RPATH"]
DT_RUNPATH: int = ENUM_D_TAG["DT_RUNPATH"]
DT_FLAGS: int = ENUM_D_TAG["DT_FLAGS"]
DT_FLAGS_1: int = ENUM_D_TAG["DT_FLAGS_1"]
DT_VERNEED: int = ENUM_D_TAG["DT_VERNEED"]
DT_VERDEF: int = ENUM_D_TAG["DT_VERDEF"]
DT_AUDIT = 0x6FFFFEFC
DT_DEPAUDIT = 0x6FFFFEFB
LOADING = {
    ENUM_D_TAG["DT_NEEDED"]: EdgeKind.NEEDED,
    ENUM_D_TAG["DT_FILTER"]: EdgeKind.FILTER,
    ENUM_D_TAG["DT_AUXILIARY"]: EdgeKind.AUXILIARY,
}
DF_1_NODEFLIB = 0x800
DF_1_PIE = 0x08000000


def parse(size: int) -> Parser:
    """Parse a file of ``size`` bytes, and return None if it is not an ELF file at all.

    Raise UnreadableElf if it has ELF's magic number and cannot be read.
    """
    (head,) = yield [(0, min(HEAD, size))]
    if head[:4] != MAGIC:
        return None
    if len(head) < 52 or (head[4] == 2 and len(head) < 64):
        raise UnreadableElf("file too short")
    if head[4] not in (1, 2):
        raise UnreadableElf(f"wrong ELF class: {head[4]}")
    if head[5] not in (1, 2):
        raise UnreadableElf(f"ELF file data encoding {head[5]} is unknown")
    bits = 32 * head[4]
    order = "<" if head[5] == 1 else ">"
    if bits == 64:
        kind, machine, version, _, phoff, _, e_flags, _, phentsize, phnum = struct.unpack_from(
            order + "HHIQQQIHHH", head, 16
        )
    else:
        kind, machine, version, _, phoff, _, e_flags, _, phentsize, phnum = struct.unpack_from(
            order + "HHIIIIIHHH", head, 16
        )
    base = Elf(bits, order == "<", machine, kind, head[7], head[8], e_flags)
    refusal = header_refusal(head, kind, version)
    if kind not in (ET_EXEC, ET_DYN):
        return replace(base, refusal=refusal)
    if phentsize != (56 if bits == 64 else 32):
        raise UnreadableElf("ELF file's phentsize not the expected size")
    length = phentsize * phnum
    if length > MAX_PROGRAM_HEADERS:
        raise UnreadableElf(f"{phnum} program headers")
    (table,) = yield from _ask(head, size, [(phoff, length)])
    if len(table) < length:
        raise UnreadableElf("truncated within its program headers")
    return (yield from _contents(base, order, head, size, segments(table, order, bits), refusal))


def _contents(base: Elf, order: str, head: bytes, size: int, mapped: list[Segment], refusal: str) -> Parser:
    wanted: list[Range] = []
    roles: list[Segment] = []
    dynamic: Segment | None = None
    for segment in mapped:
        again = segment.type == PT_INTERP and any(s.type == PT_INTERP for s in roles)
        limit = {PT_INTERP: PAGE, PT_NOTE: MAX_NOTES}.get(segment.type, -1)
        if segment.file_size <= limit and len(roles) < MAX_ROLES and not again:
            wanted.append((segment.offset, segment.file_size))
            roles.append(segment)
        elif segment.type == PT_DYNAMIC and segment.file_size:
            dynamic = segment
    if dynamic is not None:
        if dynamic.file_size > MAX_DYNAMIC:
            raise UnreadableElf(f"a dynamic section of {dynamic.file_size} bytes")
        wanted.append((file_offset(mapped, dynamic.address, "dynamic section"), dynamic.file_size))
    blocks = yield from _ask(head, size, wanted)
    interpreter: str | None = None
    result: list[Note] = []
    for segment, block in zip(roles, blocks, strict=False):
        if segment.type == PT_INTERP:
            if len(block) < segment.file_size:
                raise UnreadableElf("truncated within its interpreter's name")
            interpreter = os.fsdecode(block.split(b"\0")[0])
        else:
            result += notes(block, order, segment.align)
    base = replace(
        base,
        interpreter=interpreter,
        notes=tuple(result),
        isa_level=isa_level(result, order, base),
        refusal=refusal or map_refusal(base.type, mapped),
    )
    if dynamic is None:
        return base
    if len(blocks[-1]) < dynamic.file_size:
        raise UnreadableElf("truncated within its dynamic section")
    return (yield from _dynamic(base, order, head, size, mapped, blocks[-1]))


def _dynamic(base: Elf, order: str, head: bytes, size: int, mapped: list[Segment], block: bytes) -> Parser:
    values: dict[int, int] = {}
    loading: list[tuple[EdgeKind, int]] = []
    entry = struct.Struct(order + ("QQ" if base.bits == 64 else "II"))
    for tag, value in entry.iter_unpack(block[: len(block) - len(block) % entry.size]):
        if tag == 0:
            break
        values[tag] = value
        if tag in LOADING:
            loading.append((LOADING[tag], value))
    if len(loading) > MAX_DEPENDENCIES:
        raise UnreadableElf(f"{len(loading)} entries of DT_NEEDED")
    singles = [t for t in (DT_SONAME, DT_RPATH, DT_RUNPATH, DT_AUDIT, DT_DEPAUDIT) if t in values]
    offsets = [value for _, value in loading] + [values[tag] for tag in singles]
    if DT_STRTAB not in values:
        if offsets:
            raise UnreadableElf("no string table")
        return replace(base, dynamic=True, flags_1=values.get(DT_FLAGS_1, 0))
    strings = _Strings(file_offset(mapped, values[DT_STRTAB], "string table"))
    need = define = b""
    tables: list[Range] = [
        (file_offset(mapped, values[tag], "version table"), PAGE)
        for tag in (DT_VERNEED, DT_VERDEF)
        if tag in values
    ]
    small = values.get(DT_STRSZ, 0) <= SMALL_STRING_TABLE
    first: list[Range] = [(strings.base, values.get(DT_STRSZ, 0))] if small else strings.missing(offsets)
    blocks = yield from _ask(head, size, tables + first)
    if small:
        strings._text = blocks[-1]
    else:
        strings.add(first, blocks[len(tables) :])
    if DT_VERNEED in values:
        need = blocks[0]
    if DT_VERDEF in values:
        define = blocks[len(tables) - 1]
    wanted_versions: Needs = []
    defined: Definitions = []
    for larger in (PAGE, 65536, MAX_DYNAMIC):
        if DT_VERNEED in values and len(need) < larger and larger > PAGE:
            (need,) = yield from _ask(b"", size, [(tables[0][0], larger)])
        if DT_VERDEF in values and len(define) < larger and larger > PAGE:
            (define,) = yield from _ask(b"", size, [(tables[-1][0], larger)])
        last = larger == MAX_DYNAMIC or (len(need) < larger and len(define) < larger)
        try:
            wanted_versions = needs(need, order)
            defined = definitions(define, order)
            break
        except IndexError:
            if last:
                raise UnreadableElf("a version table runs out of the file") from None
    names = [n.file for n in wanted_versions] + [n.version for n in wanted_versions] + defined
    while missing := strings.missing(offsets + names):
        blocks = yield from _ask(b"", size, missing)
        strings.add(missing, blocks)
    texts = dict(zip(singles, map(strings.text, offsets[len(loading) :]), strict=True))
    rpath = None if DT_RUNPATH in texts else texts.get(DT_RPATH)
    flags_1 = values.get(DT_FLAGS_1, 0)
    pie = "cannot dynamically load position-independent executable" if flags_1 & DF_1_PIE else ""
    return replace(
        base,
        soname=texts.get(DT_SONAME),
        dependencies=tuple(Dependency(kind, strings.text(value)) for kind, value in loading),
        rpath=rpath,
        runpath=texts.get(DT_RUNPATH),
        flags=values.get(DT_FLAGS, 0),
        flags_1=flags_1,
        audit=texts.get(DT_AUDIT),
        depaudit=texts.get(DT_DEPAUDIT),
        version_needs=tuple(n.with_names(strings.text) for n in wanted_versions),
        version_definitions=tuple(dict.fromkeys(map(strings.text, defined))),
        dynamic=True,
        refusal=base.refusal or pie,
    )


class _Strings:
    """The needed parts of a string table; names are NUL-terminated at offsets into it."""

    def __init__(self, base: int) -> None:
        self.base = base
        self._windows: dict[int, bytes] = {}
        self._texts: dict[int, str] = {}
        self._text = b""

    def missing(self, offsets: list[int]) -> list[Range]:
        """Return ranges of the file to read for the names at these offsets; each call returns longer ones."""
        ranges: list[Range] = []
        for offset in sorted(set(offsets)):
            if offset in self._texts:
                continue
            end = self._text.find(b"\0", offset) if offset < len(self._text) else -1
            if end >= 0:
                self._texts[offset] = os.fsdecode(self._text[offset:end])
                continue
            before = self._windows.get(offset)
            wanted = STRING_WINDOW if before is None else STRING_WINDOW * 128
            if before is not None and len(before) >= wanted:
                raise UnreadableElf("a name in its string table does not end")
            ranges.append((self.base + offset, wanted))
        return ranges

    def add(self, ranges: list[Range], blocks: list[bytes]) -> None:
        for (start, wanted), block in zip(ranges, blocks, strict=True):
            end = block.find(b"\0")
            if end >= 0:
                self._texts[start - self.base] = os.fsdecode(block[:end])
            elif len(block) < wanted:
                raise UnreadableElf("truncated within its string table")
            else:
                self._windows[start - self.base] = block

    def text(self, offset: int) -> str:
        return self._texts[offset]


def _ask(head: bytes, size: int, ranges: list[Range]) -> Generator[list[Range], list[bytes], list[bytes]]:
    """Yield the bytes of each range, and request only ranges that are not in the head of the file."""
    absent = [r for r in ranges if len(head) < r[0] + r[1] and r[0] < size]
    bounded = [(start, min(length, size - start)) for start, length in absent]
    blocks = (yield bounded) if bounded else []
    contents = dict(zip(absent, blocks, strict=True))
    return [contents[r] if r in contents else head[r[0] : r[0] + r[1]] for r in ranges]
