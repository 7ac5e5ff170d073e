"""Directories reached name by name below one root, so that no symbolic link can lead out of it."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

DIRECTORY_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Beneath:
    """File descriptors of the directories below a root, opened one component at a time.

    Each component is opened with O_NOFOLLOW relative to the one before: a symbolic link gives ENOTDIR
    (open(2): O_DIRECTORY | O_NOFOLLOW), and a path may be longer than PATH_MAX. O_PATH asks for no more
    than the search permission that any path through the directory needs. The last directory stays open,
    so that its neighbours and what is below it are reached from there.
    """

    def __init__(self, root: str) -> None:
        # The root itself may be named through symbolic links: it is the user's, not the tree's.
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._path = "/"
        self._last = self._root

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every descriptor; harmless when done already."""
        self._forget()
        if self._root >= 0:
            os.close(self._root)
            self._root = self._last = -1

    def directory(self, path: str) -> int:
        """O_PATH descriptor of the directory at a physical path, valid until the next call.

        Raises OSError: FileNotFoundError, NotADirectoryError (also for a symbolic link), PermissionError.
        """
        if path == self._path:
            return self._last
        known = "/" if self._path == "/" else self._path + "/"
        if path.startswith(known):
            start, names = self._last, path[len(known) :]
        else:
            start, names = self._root, path
        here = start
        try:
            for name in filter(None, names.split("/")):
                after = os.open(name, DIRECTORY_FLAGS, dir_fd=here)
                if here != start:
                    os.close(here)
                here = after
        except BaseException:
            if here != start:
                os.close(here)
            raise
        if here != self._last:
            self._forget()
        self._path, self._last = path, here
        return here

    def _forget(self) -> None:
        if self._last != self._root:
            os.close(self._last)
        self._path, self._last = "/", self._root
