"""``/etc/ld.so.cache``: reading and writing the file, and looking a name up as the loader does.

Three forms are in use (glibc, sysdeps/generic/dl-cache.h): the old one of libc5 (``ld.so-1.7.0``), the
new one (``glibc-ld.so.cache1.1``), and the old with the new inside it. Since glibc 2.33 extension
sections follow the strings: the generator, and the names of ``glibc-hwcaps`` subdirectories.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
MAX_ENTRIES = 1 << 18


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


def lookup(entries: Sequence[CacheEntry], flags: frozenset[int], priorities: Mapping[str, int],
           usable_hwcap: int = 0) -> CacheEntry | None:  # fmt: skip
    """Which of the entries for a name the loader takes.

    ``flags`` are those it accepts, the largest being its own; ``priorities`` maps the subdirectories
    of ``glibc-hwcaps`` that are in use to their rank (1 is best); ``usable_hwcap`` masks the older
    capabilities and platforms that this CPU has, 0 for a loader that has forgotten them (2.37).
    """
    best: CacheEntry | None = None
    best_priority = 0
    for entry in entries:
        if entry.flags not in flags:
            continue
        if entry.subdirectory:
            priority = priorities.get(entry.subdirectory, 0)
            if priority and (best is None or priority < best_priority):
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
    def text(offset: int) -> str:
        start = base + offset
        end = data.find(b"\0", start, start + 4096)
        if start >= len(data) or end < 0:
            raise IndexError(offset)
        return os.fsdecode(data[start:end])

    return text
