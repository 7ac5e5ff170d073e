"""Search a file by its name alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from tracewhale.rootfs.tree import Entry, Kind, View

SEARCHED = 20_000
"""The most directories that are searched for a name."""

NO_PROGRAM = re.compile(r"/etc/|/share/(?:doc|bash-completion|zsh|man)/|/var/lib/dpkg/").search

ELSEWHERE = ("/proc", "/sys", "/dev")


def find_name(view: View, name: str, limit: int = SEARCHED) -> str:
    """Return the first file of a name, level by level; empty for none."""
    if "/" in name or not name:
        return ""
    entries = (e for e in find_all(view, (name,), limit) if e.kind is not Kind.DIRECTORY)
    return next((e.path for e in entries if view.resolve(e.path).exists), "")


def find_all(view: View, names: Collection[str], limit: int = SEARCHED) -> Iterator[Entry]:
    """Yield every entry with one of some names, level by level."""
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


def find_program(view: View, name: str, limit: int = SEARCHED) -> str:
    """Return the first executable file of a name, except for scripts of the boot or of a shell; empty for
    none."""
    if "/" in name or not name:
        return ""
    for program in find_all(view, (name,), limit):
        entry = view.resolve(program.path).entry
        executable = entry is not None and entry.kind is Kind.FILE and entry.mode & 0o111
        if executable and not NO_PROGRAM(program.path):
            return program.path
    return ""


def find_below(view: View, names: Collection[str], limit: int = SEARCHED) -> Iterator[tuple[str, str]]:
    """Yield every file whose path ends with one of some relative paths, with the directory before it."""
    ends = {name.rpartition("/")[2]: name for name in names}
    for entry in find_all(view, tuple(ends), limit):
        end = f"/{ends[entry.path.rpartition('/')[2]]}"
        if entry.kind is not Kind.DIRECTORY and entry.path.endswith(end):
            yield entry.path.removesuffix(end) or "/", entry.path
