"""``/etc/ld.so.cache``: reading and writing the file, and looking a name up as the loader does.

Three forms are in use (glibc, sysdeps/generic/dl-cache.h): the old one of libc5 (``ld.so-1.7.0``), the
new one (``glibc-ld.so.cache1.1``), and the old with the new inside it. Since glibc 2.33 extension
sections follow the strings: the generator, and the names of ``glibc-hwcaps`` subdirectories.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

OLD_MAGIC = b"ld.so-1.7.0"
NEW_MAGIC = b"glibc-ld.so.cache1.1"
OLD_HEADER = struct.Struct("<11sxI")
OLD_ENTRY = struct.Struct("<iII")
NEW_HEADER = struct.Struct("<20sIIB3xI12x")
NEW_ENTRY = struct.Struct("<iIIIQ")
EXTENSION_MAGIC = 0xEAA42174
EXTENSION_HEADER = struct.Struct("<II")
EXTENSION_SECTION = struct.Struct("<IIII")
TAG_GENERATOR, TAG_HWCAPS = 0, 1
LITTLE_ENDIAN = 2
HWCAP_EXTENSION = 1 << 62
ISA_LEVEL_MASK = 0x3FF
MAX_ENTRIES = 1 << 17
MAX_STRINGS = 32 << 20


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One library: the name asked for, the path it is at, and what it is for.

    ``flags`` is the class and machine (0x303 is x86-64 and libc6). ``subdirectory`` is the name below
    ``glibc-hwcaps``, empty for none; ``isa_level`` are the ISA bits that the library itself needs;
    ``hwcap`` is the older mask of hardware capabilities.
    """

    name: str
    path: str
    flags: int
    subdirectory: str = ""
    isa_level: int = 0
    hwcap: int = 0


@dataclass(frozen=True, slots=True)
class Cache:
    """The entries in the order of the file, which is that of ``ordering``; ``form`` is old, new or compat."""

    entries: tuple[CacheEntry, ...] = ()
    form: str = "new"
    generator: str = ""

    def named(self, name: str) -> tuple[CacheEntry, ...]:
        """Entries for a name, found by binary search as the loader does it (dl-cache.c, search_cache)."""
        left, right = 0, len(self.entries) - 1
        while left <= right:
            middle = (left + right) // 2
            compared = compare(name, self.entries[middle].name)
            if compared == 0:
                first = last = middle
                while first > 0 and compare(name, self.entries[first - 1].name) == 0:
                    first -= 1
                while last < right and compare(name, self.entries[last + 1].name) == 0:
                    last += 1
                return self.entries[first : last + 1]
            if compared < 0:
                left = middle + 1
            else:
                right = middle - 1
        return ()


def lookup(
    entries: Sequence[CacheEntry],
    flags: frozenset[int],
    priorities: Mapping[str, int],
    usable_hwcap: int = 0,
    isa_levels: int = 1,
) -> CacheEntry | None:
    """Which of the entries for a name the loader takes.

    ``flags`` are those it accepts, the largest being its own; ``priorities`` maps the subdirectories
    of ``glibc-hwcaps`` that are in use to their rank (1 is best); ``usable_hwcap`` masks the older
    capabilities and platforms that this CPU has, 0 for a loader that has forgotten them (2.37);
    ``isa_levels`` are the bits of the levels that it has.
    """
    best: CacheEntry | None = None
    best_priority = 0
    for entry in entries:
        if entry.flags not in flags:
            continue
        if entry.subdirectory:
            priority = priorities.get(entry.subdirectory, 0)
            usable = priority and not entry.isa_level & ~isa_levels
            if usable and (best is None or priority < best_priority):
                best, best_priority = entry, priority
            continue
        if best is not None and best.subdirectory:
            break
        if entry.hwcap & ~usable_hwcap:
            continue
        best = entry
        if entry.flags == max(flags):
            break
    return best


def compare(a: str, b: str) -> int:
    """Order of names in which numbers count as numbers (glibc, _dl_cache_libcmp)."""
    i = j = 0
    while i < len(a):
        x, y = a[i], b[j] if j < len(b) else "\0"
        if "0" <= x <= "9":
            if not "0" <= y <= "9":
                return 1
            k, m = i, j
            while i < len(a) and "0" <= a[i] <= "9":
                i += 1
            while j < len(b) and "0" <= b[j] <= "9":
                j += 1
            difference = int(a[k:i][:64]) - int(b[m:j][:64])
            if difference:
                return difference
        elif "0" <= y <= "9":
            return -1
        elif x != y:
            return ord(x) - ord(y)
        else:
            i += 1
            j += 1
    return -ord(b[j]) if j < len(b) else 0


def parse(data: bytes) -> Cache:
    """Take a cache file apart. One that the loader would not accept is an empty cache."""
    try:
        if data.startswith(NEW_MAGIC):
            return _parse_new(data, 0, "new")
        if data.startswith(OLD_MAGIC):
            return _parse_old(data)
    except (struct.error, IndexError):
        pass
    return Cache()


def _parse_old(data: bytes) -> Cache:
    _, count = OLD_HEADER.unpack_from(data)
    strings = OLD_HEADER.size + count * OLD_ENTRY.size
    if strings > len(data):
        return Cache()
    inner = -(-strings // 8) * 8
    if data[inner : inner + len(NEW_MAGIC)] == NEW_MAGIC and len(data) >= inner + NEW_HEADER.size:
        return _parse_new(data, inner, "compat")
    rows = OLD_ENTRY.iter_unpack(data[OLD_HEADER.size : strings])
    text = _reader(data, strings)
    return Cache(tuple(CacheEntry(text(k), text(v), f) for f, k, v in rows), "old")


def _parse_new(data: bytes, base: int, form: str) -> Cache:
    _, count, _, endian, extension = NEW_HEADER.unpack_from(data, base)
    start = base + NEW_HEADER.size
    end = start + count * NEW_ENTRY.size
    if end > len(data) or count > MAX_ENTRIES or (endian & 3) not in (0, LITTLE_ENDIAN):
        return Cache()
    text = _reader(data, base)
    generator, subdirectories = _extensions(data, extension)
    entries: list[CacheEntry] = []
    for flags, key, value, _, hwcap in NEW_ENTRY.iter_unpack(data[start:end]):
        subdirectory, level = "", 0
        if (hwcap >> 32) & ~ISA_LEVEL_MASK == HWCAP_EXTENSION >> 32:
            index = hwcap & 0xFFFFFFFF
            # A name that is no subdirectory's keeps such an entry from ever being chosen.
            subdirectory = subdirectories[index] if index < len(subdirectories) else "?"
            level, hwcap = (hwcap >> 32) & ISA_LEVEL_MASK, 0
        entries.append(CacheEntry(text(key), text(value), flags, subdirectory, level, hwcap))
    return Cache(tuple(entries), form, generator)


def _extensions(data: bytes, offset: int) -> tuple[str, list[str]]:
    generator, names = "", list[str]()
    if not offset or offset % 4 or offset + EXTENSION_HEADER.size > len(data):
        return generator, names
    magic, count = EXTENSION_HEADER.unpack_from(data, offset)
    if magic != EXTENSION_MAGIC or count > 64:
        return generator, names
    text = _reader(data, 0)
    for index in range(count):
        at = offset + EXTENSION_HEADER.size + index * EXTENSION_SECTION.size
        tag, _, start, size = EXTENSION_SECTION.unpack_from(data, at)
        if start + size > len(data):
            return "", []
        if tag == TAG_GENERATOR:
            generator = os.fsdecode(data[start : start + size])
        elif tag == TAG_HWCAPS and size % 4 == 0 and size <= 4096:
            names = [text(i) for (i,) in struct.iter_unpack("<I", data[start : start + size])]
    return generator, names


def _reader(data: bytes, base: int) -> Callable[[int], str]:
    """Reads strings of the table by their offset, each once, and no more in all than a sane one has."""
    known: dict[int, str] = {}
    left = MAX_STRINGS

    def text(offset: int) -> str:
        nonlocal left
        if offset not in known:
            start = base + offset
            end = data.find(b"\0", start, start + 4096)
            left -= max(0, end - start)
            if start >= len(data) or end < 0 or left < 0:
                raise IndexError(offset)
            known[offset] = os.fsdecode(data[start:end])
        return known[offset]

    return text


def ordered(entries: Iterable[CacheEntry]) -> tuple[CacheEntry, ...]:
    """Entries in the order of the file, which the loader's binary search relies on (cache.c, compare)."""
    return tuple(sorted(entries, key=cmp_to_key(_before)))


def _before(a: CacheEntry, b: CacheEntry) -> int:
    difference = compare(b.name, a.name) or b.flags - a.flags
    if difference:
        return difference
    if bool(a.subdirectory) != bool(b.subdirectory):
        return -1 if a.subdirectory else 1
    if a.subdirectory != b.subdirectory:
        return -1 if os.fsencode(a.subdirectory) < os.fsencode(b.subdirectory) else 1
    return b.hwcap.bit_count() - a.hwcap.bit_count() or b.hwcap - a.hwcap


def rewritten(data: bytes, exists: Callable[[str], bool]) -> bytes:
    """A cache file without the entries whose path ``exists`` denies, in the same form and otherwise as
    ldconfig(8) would write it for what is left."""
    cache = parse(data)
    kept = tuple(entry for entry in cache.entries if exists(entry.path))
    return encode(Cache(kept, cache.form, cache.generator))


def encode(cache: Cache, names: Iterable[str] = ()) -> bytes:
    """The file that ldconfig(8) writes for these entries, byte for byte (glibc 2.36, cache.c).

    ``names`` are subdirectories of ``glibc-hwcaps`` that hold nothing: ldconfig keeps their names among
    the strings. Without a generator there is no extension section, as before glibc 2.33.
    """
    texts, offsets = _strings(cache.entries, names)
    subdirectories = sorted({e.subdirectory for e in cache.entries if e.subdirectory}, key=os.fsencode)
    start = NEW_HEADER.size + len(cache.entries) * NEW_ENTRY.size
    old = _old(cache, offsets, 0 if cache.form == "old" else start)
    if cache.form == "old":
        return old + texts
    rows = b"".join(
        NEW_ENTRY.pack(
            entry.flags,
            start + offsets[entry.name],
            start + offsets[entry.path],
            0,
            HWCAP_EXTENSION | entry.isa_level << 32 | subdirectories.index(entry.subdirectory)
            if entry.subdirectory
            else entry.hwcap,
        )
        for entry in cache.entries
    )
    end = len(old) + start + len(texts)
    extension = -(-end // 4) * 4 if cache.generator else 0
    header = NEW_HEADER.pack(NEW_MAGIC, len(cache.entries), len(texts), LITTLE_ENDIAN, extension)
    written = old + header + rows + texts
    if not extension:
        return written
    # ldconfig forgets that the strings stand after the old part: a loader of the combined form
    # finds its subdirectories only where there is none.
    listed = b"".join(struct.pack("<I", start + offsets[name]) for name in subdirectories)
    return written.ljust(extension, b"\0") + _sections(extension, listed, os.fsencode(cache.generator))


def _sections(at: int, subdirectories: bytes, generator: bytes) -> bytes:
    count = 2 if subdirectories else 1
    data = at + EXTENSION_HEADER.size + count * EXTENSION_SECTION.size
    sections = EXTENSION_SECTION.pack(TAG_GENERATOR, 0, data + len(subdirectories), len(generator))
    if subdirectories:
        sections += EXTENSION_SECTION.pack(TAG_HWCAPS, 0, data, len(subdirectories))
    return EXTENSION_HEADER.pack(EXTENSION_MAGIC, count) + sections + subdirectories + generator


def _old(cache: Cache, offsets: Mapping[str, int], start: int) -> bytes:
    """The old part, padded to where the new one may begin; an even number of entries before one."""
    if cache.form == "new":
        return b""
    plain = [e for e in cache.entries if not e.hwcap]
    rows = [OLD_ENTRY.pack(e.flags, start + offsets[e.name], start + offsets[e.path]) for e in plain]
    if cache.form == "compat" and len(rows) % 2:
        rows.append(rows[-1])
    written = OLD_HEADER.pack(OLD_MAGIC, len(rows)) + b"".join(rows)
    return written if cache.form == "old" else written.ljust(-(-len(written) // 8) * 8, b"\0")


def _strings(entries: Iterable[CacheEntry], names: Iterable[str]) -> tuple[bytes, dict[str, int]]:
    """The table of strings, of which one may be the end of another (glibc, elf/stringtable.c)."""
    texts = {text for e in entries for text in (e.name, e.path, e.subdirectory) if text} | set(names)
    table = bytearray()
    offsets: dict[str, int] = {}
    previous = b""
    for text in sorted(texts, key=lambda t: os.fsencode(t)[::-1], reverse=True):
        encoded = os.fsencode(text)
        if not previous.endswith(encoded):
            offsets[text] = len(table)
            table += encoded + b"\0"
        else:
            offsets[text] = len(table) - 1 - len(encoded)
        previous = encoded
    return bytes(table), offsets
