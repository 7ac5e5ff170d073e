"""``/etc/ld.so.cache``: reading and writing the file, and looking up a name as the loader does.

There are three forms (glibc, sysdeps/generic/dl-cache.h): the old one of libc5 (``ld.so-1.7.0``), the new one
(``glibc-ld.so.cache1.1``), and the old with the new inside it. Since glibc 2.33 extension sections follow the
strings: the generator, and the names of ``glibc-hwcaps`` subdirectories.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

from tracewhale.closure.cache import LITTLE_ENDIAN, Cache, CacheEntry

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
HWCAP_EXTENSION = 1 << 62
ISA_LEVEL_MASK = 0x3FF
MAX_ENTRIES = 1 << 17
MAX_STRINGS = 32 << 20


def parse(data: bytes) -> Cache:
    """Parse a cache file. One that the loader would not accept is an empty cache."""
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
    for flags, key, value, osversion, hwcap in NEW_ENTRY.iter_unpack(data[start:end]):
        subdirectory, level = "", 0
        if (hwcap >> 32) & ~ISA_LEVEL_MASK == HWCAP_EXTENSION >> 32:
            index = hwcap & 0xFFFFFFFF
            # The loader never chooses an entry whose name is that of no subdirectory.
            subdirectory = subdirectories[index] if index < len(subdirectories) else "?"
            level, hwcap = (hwcap >> 32) & ISA_LEVEL_MASK, 0
        entries.append(CacheEntry(text(key), text(value), flags, subdirectory, level, hwcap, osversion))
    return Cache(tuple(entries), form, generator, endian)


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
    """Return a function that reads strings of the table by offset, each once, up to a total size."""
    known: dict[int, str] = {}
    remaining = MAX_STRINGS

    def text(offset: int) -> str:
        nonlocal remaining
        if offset not in known:
            start = base + offset
            end = data.find(b"\0", start, start + 4096)
            remaining -= max(0, end - start)
            if start >= len(data) or end < 0 or remaining < 0:
                raise IndexError(offset)
            known[offset] = os.fsdecode(data[start:end])
        return known[offset]

    return text


def rewritten(data: bytes, exists: Callable[[str], bool]) -> bytes:
    """Return a cache file without the entries whose path ``exists`` denies, in the same form and otherwise as
    ldconfig(8) would write it for the rest."""
    cache = parse(data)
    kept = tuple(entry for entry in cache.entries if exists(entry.path))
    return encode(replace(cache, entries=kept))


def _sections(at: int, subdirectories: bytes, generator: bytes) -> bytes:
    count = 2 if subdirectories else 1
    data = at + EXTENSION_HEADER.size + count * EXTENSION_SECTION.size
    sections = EXTENSION_SECTION.pack(TAG_GENERATOR, 0, data + len(subdirectories), len(generator))
    if subdirectories:
        sections += EXTENSION_SECTION.pack(TAG_HWCAPS, 0, data, len(subdirectories))
    return EXTENSION_HEADER.pack(EXTENSION_MAGIC, count) + sections + subdirectories + generator


def encode(cache: Cache) -> bytes:
    """Return the file that ldconfig(8) writes for these entries, byte for byte (glibc, elf/cache.c).

    Without a generator the file is that of glibc before 2.33: it has no extension section, and no string that
    is the end of another.
    """
    texts, places, offsets = (
        _unique_strings(cache) if cache.generator or cache.form == "old" else _apart(cache)
    )
    subdirectories = sorted({e.subdirectory for e in cache.entries if e.subdirectory}, key=os.fsencode)
    start = NEW_HEADER.size + len(cache.entries) * NEW_ENTRY.size
    old = _old(cache, places, 0 if cache.form == "old" else start)
    if cache.form == "old":
        return old + texts
    rows = (
        NEW_ENTRY.pack(e.flags, start + key, start + value, e.osversion, _hwcap(e, subdirectories))
        for e, (key, value) in zip(cache.entries, places, strict=True)
    )
    end = len(old) + start + len(texts)
    extension = -(-end // 4) * 4 if cache.generator else 0
    header = NEW_HEADER.pack(NEW_MAGIC, len(cache.entries), len(texts), cache.flags, extension)
    written = b"".join((old, header, *rows, texts))
    if not extension:
        return written
    # ldconfig forgets that the strings stand after the old part: a loader of the combined form
    # finds its subdirectories only where there is none.
    listed = b"".join(struct.pack("<I", start + offsets[name]) for name in subdirectories)
    return written.ljust(extension, b"\0") + _sections(extension, listed, os.fsencode(cache.generator))


def _hwcap(entry: CacheEntry, subdirectories: Sequence[str]) -> int:
    if not entry.subdirectory:
        return entry.hwcap
    return HWCAP_EXTENSION | entry.isa_level << 32 | subdirectories.index(entry.subdirectory)


def _old(cache: Cache, places: Sequence[tuple[int, int]], start: int) -> bytes:
    """Return the old part, padded to the beginning of the new one; an even number of entries comes before
    that."""
    if cache.form == "new":
        return b""
    plain = [(e, place) for e, place in zip(cache.entries, places, strict=True) if not e.hwcap]
    if cache.form == "compat" and len(plain) % 2:
        plain.append(plain[-1])
    size = OLD_HEADER.size + len(plain) * OLD_ENTRY.size
    padding = -size % 8 if cache.form == "compat" else 0
    start += 0 if cache.generator else padding
    rows = (OLD_ENTRY.pack(e.flags, start + key, start + value) for e, (key, value) in plain)
    return OLD_HEADER.pack(OLD_MAGIC, len(plain)) + b"".join(rows) + b"\0" * padding


Table = tuple[bytes, list[tuple[int, int]], dict[str, int]]
"""The strings, the offsets of each entry's name and path, and the offset of each string."""


def _apart(cache: Cache) -> Table:
    """Return every name followed by its path."""
    table = bytearray()
    places: list[tuple[int, int]] = []
    for entry in cache.entries:
        name, path = os.fsencode(entry.name) + b"\0", os.fsencode(entry.path) + b"\0"
        places.append((len(table), len(table) + len(name)))
        table += name + path
    return bytes(table), places, {}


def _unique_strings(cache: Cache) -> Table:
    """Return each string once; it may be the end of another one (glibc, elf/stringtable.c)."""
    texts = {text for e in cache.entries for text in (e.name, e.path)}
    texts |= {e.subdirectory for e in cache.entries if e.subdirectory}
    table = bytearray()
    offsets: dict[str, int] = {}
    previous = b""
    for text in sorted(texts, key=lambda t: os.fsencode(t)[::-1], reverse=True):
        encoded = os.fsencode(text)
        if not table or not previous.endswith(encoded):
            offsets[text] = len(table)
            table += encoded + b"\0"
        else:
            offsets[text] = len(table) - 1 - len(encoded)
        previous = encoded
    return bytes(table), [(offsets[e.name], offsets[e.path]) for e in cache.entries], offsets
