"""The order of a cache file's entries."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cmp_to_key

from tracewhale.closure.cache import CacheEntry, compare


def sort_entries(entries: Iterable[CacheEntry]) -> tuple[CacheEntry, ...]:
    """Return entries in the order of the file, on which the loader's binary search relies (cache.c,
    compare)."""
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
