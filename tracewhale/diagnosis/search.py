"""Looking for a file by its name alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tracewhale.rootfs.tree import Entry, Kind, View

SEARCHED = 20_000
"""Directories that are looked at for a name."""

ELSEWHERE = ("/proc", "/sys", "/dev")


def find_name(view: View, name: str, limit: int = SEARCHED) -> str:
    """The first file of a name, going down the tree level by level; empty for none."""
    if "/" in name or not name:
        return ""
    found = (e for e in find_all(view, (name,), limit) if e.kind is not Kind.DIRECTORY)
    return next((e.path for e in found if view.resolve(e.path).exists), "")


def find_all(view: View, names: Collection[str], limit: int = SEARCHED) -> Iterator[Entry]:
    """Every entry that has one of some names, going down the tree level by level."""
    level, looked = ["/"], 0
    while level and looked < limit:
        level = level[: limit - looked]
        view.prefetch(level)
        looked += len(level)
        following = []
        for directory in level:
            listing = view.listing(directory) or {}
            yield from (listing[name] for name in names if name in listing)
            following += [e.path for e in listing.values() if e.kind is Kind.DIRECTORY]
        level = sorted(path for path in following if path not in ELSEWHERE)
