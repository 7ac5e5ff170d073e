"""Copies of a run's writable mounts, in a directory of our own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tracewhale.errors import EngineError
from tracewhale.running.run import Run
from tracewhale.running.snapshot import (
    NO_SNAPSHOT,
    MountSnapshot,
    copy_failure_note,
    too_large,
    writable_mounts,
)


@contextmanager
def mount_snapshot(run: Run) -> Iterator[MountSnapshot]:
    """Yield copies of the mounts that a run may write to, and a note on each that is too large or no
    directory."""
    sources = writable_mounts(run.options)
    if not sources:
        yield NO_SNAPSHOT
        return
    wanted: list[str] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="tracewhale-") as directory:
        for destination, source in sources.items():
            if os.path.exists(source) and not os.path.isdir(source):
                notes.append(copy_failure_note(destination, "it is not a directory"))
            elif too_large(source):
                notes.append(copy_failure_note(destination, "it is too large to be copied"))
            else:
                copy(source, os.path.join(directory, str(len(wanted))))
                wanted.append(destination)
        yield MountSnapshot(directory, tuple(wanted), tuple(notes))


@contextmanager
def copied_mounts(snapshot: MountSnapshot) -> Iterator[Mapping[str, str]]:
    """Yield a fresh copy of each mount of a snapshot, by the path in the container."""
    if not snapshot.destinations:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="tracewhale-") as directory:
        copies = {path: os.path.join(directory, str(n)) for n, path in enumerate(snapshot.destinations)}
        for number, place in enumerate(copies.values()):
            copy(os.path.join(snapshot.source, str(number)), place)
        yield copies


def copy(source: str, place: str) -> None:
    """Copy a directory with all metadata, sharing its blocks if the file system can; return without a copy if
    there is none."""
    os.mkdir(place)
    if not os.path.isdir(source):
        return
    words = ["cp", "-a", "--reflink=auto", "--", f"{source}/.", place]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip()[:300]
        raise EngineError(
            f"{source} could not be copied: {reason}.", "Mount it read-only, or use --no-verify."
        )
