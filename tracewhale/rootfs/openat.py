"""Directories opened name by name below one root, so that no symbolic link can lead out of it."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

DIRECTORY_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

OPEN = 64
"""The most directories that stay open, so that directories above, below and beside them are opened
quickly."""


class Beneath:
    """File descriptors of the directories below a root, opened one component at a time.

    Each component is opened with O_NOFOLLOW relative to the one before: a symbolic link gives ENOTDIR
    (open(2): O_DIRECTORY | O_NOFOLLOW), and a path may be longer than PATH_MAX. O_PATH asks for no more
    than the search permission that any path through the directory needs. The last directories stay open.
    """

    def __init__(self, root: str) -> None:
        # The root itself may be named through symbolic links: it is the user's, not the tree's.
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every descriptor. May be called again."""
        while self._open:
            os.close(self._open.popitem()[1])
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def directory(self, path: str) -> int:
        """Return an O_PATH descriptor of the directory at a physical path, valid until the next call.

        Raise OSError: FileNotFoundError, NotADirectoryError (also for a symbolic link), PermissionError.
        """
        end = len(path.rstrip("/"))
        names: list[str] = []
        while end and not self._is_open(path[:end]):
            slash = path.rindex("/", 0, end)
            names.append(path[slash + 1 : end])
            end = slash
        here = self._open[path[:end]] if end else self._root
        for name in reversed(names):
            end += 1 + len(name)
            here = self._open[path[:end]] = os.open(name, DIRECTORY_FLAGS, dir_fd=here)
            if len(self._open) > OPEN:
                os.close(self._open.pop(next(iter(self._open))))
        return here

    def _is_open(self, path: str) -> bool:
        """Return whether a directory is open and was not removed in the meantime."""
        descriptor = self._open.get(path)
        if descriptor is None or os.fstat(descriptor).st_nlink:
            return descriptor is not None
        os.close(self._open.pop(path))
        return False
