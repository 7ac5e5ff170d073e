"""Leave out the paths of --exclude."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from tracewhale.plan.model import PlannedPath
from tracewhale.rootfs.tree import join, parent


def exclude(
    kept: dict[str, PlannedPath], globs: tuple[str, ...]
) -> tuple[dict[str, PlannedPath], tuple[str, ...]]:
    """Return the paths that no glob matches, and, sorted, those that one does.

    A glob matches a path and everything below it; a glob without a slash matches any name.
    """
    excluded = {path for path in kept if path != "/" and is_excluded(path, globs)}
    return {path: kept[path] for path in kept if path not in excluded}, tuple(sorted(excluded))


def is_excluded(path: str, globs: tuple[str, ...]) -> bool:
    """Return whether a glob matches a path or a directory above it."""
    return any(_matches(above, glob) for above in _upwards(path) for glob in globs)


def _upwards(path: str) -> Iterator[str]:
    while path != "/":
        yield path
        path = parent(path)


def _matches(path: str, glob: str) -> bool:
    if "/" not in glob:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], glob)
    return fnmatch.fnmatchcase(path, join("/", glob.strip("/")))
