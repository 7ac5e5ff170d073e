"""Every entry of a tree, directory by directory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tracewhale.rootfs.tree import Entry, Kind, View

BATCH = 1000
"""The number of directories that are read in one exchange."""

RUNTIME = ("/proc", "/sys", "/dev")
"""Directories that a container runtime mounts over, so that the image's contents there are never visible."""


def walk(view: View) -> Iterator[tuple[str, Entry]]:
    """Yield every path of a tree with its entry, except for paths below RUNTIME, level by level.

    Directories are read when they are needed, many in one exchange, so stopping early saves the rest.
    """
    pending = deque(["/"])
    while pending:
        batch = [pending.popleft() for _ in range(min(BATCH, len(pending)))]
        view.prefetch(batch)
        for directory in batch:
            for entry in (view.listing(directory) or {}).values():
                yield entry.path, entry
                if entry.kind is Kind.DIRECTORY and entry.path not in RUNTIME:
                    pending.append(entry.path)
