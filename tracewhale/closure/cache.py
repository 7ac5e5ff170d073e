"""The loader's cache: libraries by name, sorted as the loader's search needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LITTLE_ENDIAN = 2


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One library: its name, its path, and the conditions for its use.

    ``flags`` is the class and machine (0x303 is x86-64 and libc6). ``subdirectory`` is the name below
    ``glibc-hwcaps``, empty for none; ``isa_level`` are the ISA bits that the library itself needs; ``hwcap``
    is the older mask of hardware capabilities, ``osversion`` the kernel that it needs, which the loader
    ignores since glibc 2.36.
    """

    name: str
    path: str
    flags: int
    subdirectory: str = ""
    isa_level: int = 0
    hwcap: int = 0
    osversion: int = 0


@dataclass(frozen=True, slots=True)
class Cache:
    """The entries in the order of the file (cache.c, compare). ``form`` is old, new or compat, ``flags``
    the byte order; ``generator`` is the program that wrote the file, which is not named before glibc 2.33."""

    entries: tuple[CacheEntry, ...] = ()
    form: str = "new"
    generator: str = ""
    flags: int = LITTLE_ENDIAN

    def with_name(self, name: str) -> tuple[CacheEntry, ...]:
        """Return entries for a name, found by binary search as in the loader (dl-cache.c, search_cache)."""
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
    """Return the entry for a name that the loader takes.

    ``flags`` are those it accepts, the largest being its own; ``priorities`` maps the used subdirectories of
    ``glibc-hwcaps`` to their rank (1 is best); ``usable_hwcap`` masks the older capabilities and platforms of
    this CPU, 0 for a loader without them (since 2.37); ``isa_levels`` are the bits of the CPU's levels.
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
    """Compare names, with numbers in them as numbers (glibc, _dl_cache_libcmp)."""
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
