"""The processes of a log: the known directory, root, descriptors and program of each at a line.

A *whole* path begins at the outermost root, a *requested* one at the process's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RequestedPath:
    """A path as requested in a root."""

    path: str
    root: str = "/"

    @property
    def full_path(self) -> str:
        """The path with the root before it."""
        return self.path if self.root == "/" else self.root + self.path

    @staticmethod
    def of_full_path(path: str, root: str) -> RequestedPath:
        """Return a path as a process with this root names it, or the full path if it is outside (chroot(2)
        keeps the directory)."""
        if root != "/" and f"{path}/".startswith(f"{root}/"):
            return RequestedPath(path[len(root) :] or "/", root)
        return RequestedPath(path)


@dataclass(slots=True)
class FsState:
    """A working directory (whole; "" if unknown) and a root, which threads share (CLONE_FS)."""

    directory: str = ""
    root: str = "/"

    def copy(self) -> FsState:
        return FsState(self.directory, self.root)


@dataclass(frozen=True, slots=True)
class Open:
    """An open file: its path (whole; "" if unknown or none), and the thread that opened it."""

    path: str
    pid: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """The state of a process before the first line of its log."""

    directory: str = ""
    root: str = "/"
    program: str = ""
    files: Mapping[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class TracedThread:
    """A thread, by the log's number; ``files`` are its descriptors, which threads share (CLONE_FILES)."""

    pid: int | None
    place: FsState
    files: dict[int, Open]
    program: str = ""

    @staticmethod
    def started(pid: int | None, start: Start) -> TracedThread:
        """Return a thread that existed before the log."""
        files = {number: Open(path, pid) for number, path in start.files.items()}
        return TracedThread(pid, FsState(start.directory, start.root), files, start.program)

    def child(self, pid: int | None, *, shares_place: bool, shares_files: bool) -> TracedThread:
        """Return the thread that its fork(2) or clone(2) makes."""
        place = self.place if shares_place else self.place.copy()
        files = self.files if shares_files else dict(self.files)
        return TracedThread(pid, place, files, self.program)

    def unshare(self, *, place: bool, files: bool) -> None:
        """Apply unshare(2), and the closing of descriptors by execve(2)."""
        self.place = self.place.copy() if place else self.place
        self.files = dict(self.files) if files else self.files


def join(directory: str, path: str) -> str:
    """Return a relative path as a whole one, with nothing in it resolved."""
    return f"{directory.rstrip('/')}/{path}"


def without_dots(path: str) -> str:
    """Return an absolute path without ``.`` and double slashes; ``..`` stays, because a link may
    precede it."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
