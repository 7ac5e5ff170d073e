"""Reads of an ELF file what the loader does: headers, notes, dynamic section, its strings and versions.

The parser is a generator that asks for ranges of its file and is sent their bytes, so that hundreds
of files are read in step, in a few exchanges with wherever they are. Every count and length that a
file claims is bounded before it is believed. Structures: elf(5), gABI chapters 4 and 5, LSB symbol
versioning.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Generator
from dataclasses import dataclass, replace

from elftools.elf.enums import ENUM_D_TAG, ENUM_E_MACHINE, ENUM_P_TYPE_BASE

from tracewhale.closure.model import Dependency, Elf, Kind, Note, UnreadableElf
from tracewhale.closure.versions import Definitions, Needs, definitions, needs

Range = tuple[int, int]
Parser = Generator[list[Range], list[bytes], Elf | None]

HEAD = 4096
"""Bytes read of each file at first: nearly always all of its headers, interpreter and notes."""

PAGE = 4096
MAX_PROGRAM_HEADERS = 65536
"""Bytes; what execve(2) in Linux accepts (fs/binfmt_elf.c, load_elf_phdrs)."""
MAX_DYNAMIC = 1 << 20
MAX_DEPENDENCIES = 1024
MAX_STRING = 32768
MAX_NOTES = 65536
SMALL_STRING_TABLE = 16384
STRING_WINDOW = 256

MAGIC = b"\x7fELF"
ET_EXEC, ET_DYN = 2, 3
PT_LOAD: int = ENUM_P_TYPE_BASE["PT_LOAD"]
PT_DYNAMIC: int = ENUM_P_TYPE_BASE["PT_DYNAMIC"]
PT_INTERP: int = ENUM_P_TYPE_BASE["PT_INTERP"]
PT_NOTE: int = ENUM_P_TYPE_BASE["PT_NOTE"]
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
    ENUM_D_TAG["DT_NEEDED"]: Kind.NEEDED,
    ENUM_D_TAG["DT_FILTER"]: Kind.FILTER,
    ENUM_D_TAG["DT_AUXILIARY"]: Kind.AUXILIARY,
}
DF_1_NODEFLIB = 0x800
DF_1_PIE = 0x08000000
X86 = frozenset({ENUM_E_MACHINE["EM_386"], ENUM_E_MACHINE["EM_X86_64"]})
NT_GNU_PROPERTY_TYPE_0 = 5
GNU_PROPERTY_X86_ISA_1_NEEDED = 0xC0008002


@dataclass(frozen=True, slots=True)
class Segment:
    type: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    align: int


def parse(size: int) -> Parser:
    """Read a file of ``size`` bytes; returns None when it is not an ELF file at all.

    Raises UnreadableElf for one that claims to be and cannot be read.
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
    refusal = _header_refusal(head, kind, version, phentsize, bits)
    if kind not in (ET_EXEC, ET_DYN) or phentsize != (56 if bits == 64 else 32):
        return replace(base, refusal=refusal)
    length = phentsize * phnum
    if length > MAX_PROGRAM_HEADERS:
        raise UnreadableElf(f"{phnum} program headers")
    if phoff + length > len(head):
        (table,) = yield [(phoff, length)]
    else:
        table = head[phoff : phoff + length]
    if len(table) < length:
        raise UnreadableElf("truncated within its program headers")
    segments = _segments(table, order, bits)
    return (yield from _contents(base, order, head, size, segments, refusal))


def _contents(base: Elf, order: str, head: bytes, size: int, segments: list[Segment], refusal: str) -> Parser:
    wanted: list[Range] = []
    roles: list[Segment] = []
    dynamic: Segment | None = None
    for segment in segments:
        if (segment.type == PT_INTERP and segment.file_size <= PAGE) or (
            segment.type == PT_NOTE and segment.file_size <= MAX_NOTES and len(roles) < 16
        ):
            wanted.append((segment.offset, segment.file_size))
            roles.append(segment)
        elif segment.type == PT_DYNAMIC and segment.file_size:
            dynamic = segment
    if dynamic is not None:
        if dynamic.file_size > MAX_DYNAMIC:
            raise UnreadableElf(f"a dynamic section of {dynamic.file_size} bytes")
        wanted.append((_file_offset(segments, dynamic.address, "dynamic section"), dynamic.file_size))
    blocks = yield from _ask(head, size, wanted)
    interpreter: str | None = None
    notes: list[Note] = []
    for segment, block in zip(roles, blocks, strict=False):
        if segment.type == PT_INTERP:
            if len(block) < segment.file_size:
                raise UnreadableElf("truncated within its interpreter's name")
            interpreter = os.fsdecode(block.split(b"\0")[0])
        else:
            notes += _notes(block, order, segment.align)
    base = replace(
        base,
        interpreter=interpreter,
        notes=tuple(notes),
        isa_level=_isa_level(notes, order, base),
        refusal=refusal or _map_refusal(base.type, segments),
    )
    if dynamic is None:
        return base
    if len(blocks[-1]) < dynamic.file_size:
        raise UnreadableElf("truncated within its dynamic section")
    return (yield from _dynamic(base, order, head, size, segments, blocks[-1]))


def _dynamic(base: Elf, order: str, head: bytes, size: int, segments: list[Segment], block: bytes) -> Parser:
    values: dict[int, int] = {}
    loading: list[tuple[Kind, int]] = []
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
    strings = _Strings(_file_offset(segments, values[DT_STRTAB], "string table"))
    need = define = b""
    tables: list[Range] = [
        (_file_offset(segments, values[tag], "version table"), PAGE)
        for tag in (DT_VERNEED, DT_VERDEF)
        if tag in values
    ]
    small = values.get(DT_STRSZ, 0) <= SMALL_STRING_TABLE
    first: list[Range] = [(strings.base, values.get(DT_STRSZ, 0))] if small else strings.missing(offsets)
    blocks = yield from _ask(head, size, tables + first)
    if small:
        strings.whole = blocks[-1]
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
        version_needs=tuple(n.named(strings.text) for n in wanted_versions),
        version_definitions=tuple(dict.fromkeys(map(strings.text, defined))),
        dynamic=True,
        refusal=base.refusal or pie,
    )


class _Strings:
    """The parts of a string table that are wanted; names are NUL-terminated at offsets into it."""

    def __init__(self, base: int) -> None:
        self.base = base
        self._windows: dict[int, bytes] = {}
        self._texts: dict[int, str] = {}
        self.whole = b""

    def missing(self, offsets: list[int]) -> list[Range]:
        """Ranges of the file to read for the names at these offsets; each call asks for longer ones."""
        ranges: list[Range] = []
        for offset in sorted(set(offsets)):
            if offset in self._texts:
                continue
            end = self.whole.find(b"\0", offset) if offset < len(self.whole) else -1
            if end >= 0:
                self._texts[offset] = os.fsdecode(self.whole[offset:end])
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
    """The bytes of each range, asking only for those that the head of the file does not hold."""
    absent = [r for r in ranges if len(head) < r[0] + r[1] and r[0] < size]
    bounded = [(start, min(length, size - start)) for start, length in absent]
    blocks = (yield bounded) if bounded else []
    found = dict(zip(absent, blocks, strict=True))
    return [found[r] if r in found else head[r[0] : r[0] + r[1]] for r in ranges]


def _segments(table: bytes, order: str, bits: int) -> list[Segment]:
    if bits == 64:
        rows = struct.iter_unpack(order + "IIQQQQQQ", table)
        return [Segment(t, o, v, f, m, a) for t, _, o, v, _, f, m, a in rows]
    rows = struct.iter_unpack(order + "IIIIIIII", table)
    return [Segment(t, o, v, f, m, a) for t, o, v, _, f, m, _, a in rows]


def _file_offset(segments: list[Segment], address: int, what: str) -> int:
    """Where in the file the byte is that is mapped at an address; a later segment covers an earlier."""
    loads = [s for s in segments if s.type == PT_LOAD]
    for segment in reversed(loads):
        if segment.address <= address < segment.address + segment.file_size:
            return segment.offset + address - segment.address
    for segment in reversed(loads):  # what else of its pages a segment maps
        start = segment.address // PAGE * PAGE
        end = -(-(segment.address + segment.file_size) // PAGE) * PAGE
        if start <= address < end and segment.offset + address >= segment.address:
            return segment.offset + address - segment.address
    raise UnreadableElf(f"its {what} is in no segment")


def _header_refusal(head: bytes, kind: int, version: int, phentsize: int, bits: int) -> str:
    """glibc's words for a header that it does not accept (elf/dl-load.c, open_verify), in its order."""
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
    if phentsize != (56 if bits == 64 else 32):
        return "ELF file's phentsize not the expected size"
    return ""


def _map_refusal(kind: int, segments: list[Segment]) -> str:
    """glibc's words for a file that it cannot map as a library (_dl_map_object_from_fd)."""
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


def _notes(block: bytes, order: str, align: int) -> list[Note]:
    """Notes of one segment, with ELF's padding of 4 bytes (8 where the segment says so)."""
    pad = 8 if align == 8 else 4
    found: list[Note] = []
    at = 0
    while at + 12 <= len(block):
        name_size, size, kind = struct.unpack_from(order + "III", block, at)
        start = at + 12 + (name_size + 3) // 4 * 4
        if pad == 8:
            start = at + (12 + name_size + 7) // 8 * 8
        if start + size > len(block):
            break
        owner = block[at + 12 : at + 12 + name_size].rstrip(b"\0")
        found.append(Note(os.fsdecode(owner), kind, block[start : start + size]))
        at = start + -(-size // pad) * pad
    return found


def _isa_level(notes: list[Note], order: str, base: Elf) -> int:
    """The x86-64 levels that a file says it needs (x86-64 psABI, "Program Property")."""
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
