"""Copies of writable mounts, made before the traced run, for the runs that repeat it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tracewhale.running.options import RunOptions

BYTES_LIMIT = 256 << 20
FILES_LIMIT = 20_000
"""The limits of a mount that is copied: copying more takes too long."""


@dataclass(frozen=True, slots=True)
class MountSnapshot:
    """Copies of mounts by the path in the container on which each was mounted.

    ``source`` is their place: the id of a container, or a directory. ``notes`` say which mounts could not be
    copied, so that a repeated run sees the state after the traced run.
    """

    source: str = ""
    destinations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        """Whether a repeated run may find files of the traced one, so that its end and output may differ."""
        return bool(self.notes)

    def after_the_run(self) -> MountSnapshot:
        """Return these copies, marked as taken after the traced run has written to the mounts."""
        left = (copy_failure_note(path, "a trace file has no copy of it") for path in self.destinations)
        return replace(self, notes=(*self.notes, *left))


NO_SNAPSHOT = MountSnapshot()


def writable_mounts(options: RunOptions) -> dict[str, str]:
    """Return the source (a path, or a volume's name) of each mount that a run may write to, by its path.

    Anonymous volumes and mounts in memory are new in each run anyway.
    """
    result = {}
    for text in options.volumes:
        source, _, rest = text.partition(":")
        destination, _, mode = rest.partition(":")
        if rest and "ro" not in mode.split(","):
            result[destination] = source
    for mount in options.mounts:
        if mount["Type"] in ("bind", "volume") and mount.get("Source") and not mount.get("ReadOnly"):
            result[str(mount["Target"])] = str(mount["Source"])
    return result


def remount(options: RunOptions, sources: Mapping[str, str]) -> RunOptions:
    """Return the options with other sources, volumes or directories, on the same paths."""
    kept = tuple(text for text in options.volumes if text.split(":")[min(1, text.count(":"))] not in sources)
    new = tuple(f"{source}:{destination}" for destination, source in sources.items())
    mounts = tuple(mount for mount in options.mounts if mount["Target"] not in sources)
    return replace(options, volumes=(*kept, *new), mounts=mounts)


def too_large(directory: str) -> bool:
    """Return whether a directory of this machine is too large to copy."""
    size = count = 0
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
        count += len(names)
        if size > BYTES_LIMIT or count > FILES_LIMIT:
            return True
    return False


def copy_failure_note(destination: str, reason: str) -> str:
    """Return the note on a mount that a repeated run sees in the state after the traced one."""
    return f"Verification saw {destination} as the traced run had left it: {reason}."
