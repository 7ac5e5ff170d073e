"""A private directory for an open target, removed when the target is closed, or by the next run."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tracewhale.rootfs.tempfiles import full_disk

PREFIX = "tracewhale-"
_NEW = f"{PREFIX}new-"
_RUN = f"{PREFIX}run-"
_LOCK = "lock"
START_SECONDS = 60.0
"""Seconds that a new directory may be without a lock."""


@contextmanager
def workspace(directory: str | None = None) -> Iterator[str]:
    """Yield a new directory below ``directory`` or TMPDIR that only this user may enter. Raise NoSpace.

    It is locked while it is used. Directories without a living owner are removed first.
    """
    where = directory or tempfile.gettempdir()
    sweep(where)
    with full_disk(where):
        path = tempfile.mkdtemp(prefix=_NEW, dir=where)
    lock = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Under the name by which a sweep finds it only now that the lock is held.
        locked = os.path.join(where, _RUN + os.path.basename(path).removeprefix(_NEW))
        os.rename(path, locked)
        path = locked
        yield path
    finally:
        try:
            _remove_locked(path)
        finally:
            os.close(lock)


def sweep(where: str) -> None:
    """Remove directories that killed runs of this user left in a directory."""
    with suppress(OSError):
        names = [entry.name for entry in os.scandir(where) if entry.name.startswith((_NEW, _RUN))]
        for name in names:
            _sweep_one(os.path.join(where, name), new=name.startswith(_NEW))


def _sweep_one(path: str, *, new: bool) -> None:
    with suppress(OSError):
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return
        if new and time.time() - status.st_mtime < START_SECONDS:
            return
        try:
            lock = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (
            FileNotFoundError
        ):  # its owner died when nothing but the directory was left, or nothing yet in it
            remove(path)
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_locked(path)
        finally:
            os.close(lock)


def _remove_locked(path: str) -> None:
    """Remove a workspace and last its lock, by which other processes see that it has an owner."""
    with suppress(FileNotFoundError):
        with os.scandir(path) as entries:
            others = [entry for entry in entries if entry.name != _LOCK]
        for entry in others:
            if entry.is_dir(follow_symlinks=False):
                remove(entry.path)
            else:
                os.unlink(entry.path)
        os.unlink(os.path.join(path, _LOCK))
        os.rmdir(path)


def remove(path: str) -> None:
    """Remove a directory with all its contents, following no link, at any depth.

    Each directory in it is first moved up to the top, so that no path gets long and no recursion deep. A
    directory without permissions, which another user of a container may leave, gets them first.
    """
    with suppress(FileNotFoundError):
        os.chmod(path, 0o700)
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(path)


def _empty(top: int) -> None:
    pending = _flatten(top, top, 0)
    moved = len(pending)
    while pending:
        name = pending.pop()
        here = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
        try:
            deeper = _flatten(here, top, moved)
        finally:
            os.close(here)
        moved += len(deeper)
        pending += deeper
        os.rmdir(name, dir_fd=top)


def _flatten(descriptor: int, top: int, number: int) -> list[str]:
    """Unlink all files of a directory and move its directories to the top; return their names there."""
    moved: list[str] = []
    with os.scandir(descriptor) as entries:
        listing = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, directory in listing:
        if not directory:
            os.unlink(name, dir_fd=descriptor)
            continue
        if stat.S_IMODE(os.lstat(name, dir_fd=descriptor).st_mode) & 0o700 != 0o700:
            os.chmod(name, 0o700, dir_fd=descriptor)
        new = f"{PREFIX}{number + len(moved)}.gone"
        os.rename(name, new, src_dir_fd=descriptor, dst_dir_fd=top)
        moved.append(new)
    return moved
