"""A local directory as a tree: an unpacked root file system, or this machine's.

No link is followed: every name is opened relative to its directory with O_NOFOLLOW, so that a symbolic link
in the tree, even one that appears during the reading, never leads out of it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from tracewhale.errors import TargetNotFound
from tracewhale.rootfs.layer_entries import with_parents
from tracewhale.rootfs.mountinfo import unescape
from tracewhale.rootfs.openat import Beneath
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, join, parent

CHUNK = 1 << 20

KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
}

_ABSENT = (FileNotFoundError, NotADirectoryError)
_NO_XATTRS = frozenset({errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA, errno.ENOENT})


class DirectoryTree:
    """The `Tree` below ``root``; close it, or use it in a ``with`` statement.

    ``hidden`` are physical paths in the tree on which something else is mounted: such a directory appears
    empty, such a file absent. ``one_file_system`` hides every mount point below ``root``.
    """

    def __init__(self, root: str, *, one_file_system: bool = False, hidden: Collection[str] = ()) -> None:
        self._hidden = frozenset(hidden) | (mount_points(root) if one_file_system else frozenset())
        try:
            self._beneath = Beneath(root)
        except OSError as error:
            raise TargetNotFound(
                f"The directory {root} cannot be read: {error.strerror}.",
                "Name a directory that holds an unpacked root file system.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptors that the tree holds."""
        self._beneath.close()

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """Return entries of each directory by name, or None if it is absent, unreadable or not a
        directory."""
        return {directory: self._listing(directory) for directory in directories}

    def _listing(self, directory: str) -> dict[str, Entry] | None:
        try:
            here = os.open(".", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._directory(directory, directory))
        except (*_ABSENT, PermissionError):
            return None
        try:
            return {} if directory in self._hidden else self._entries(directory, here)
        finally:
            os.close(here)

    def _directory(self, directory: str, below: str) -> int:
        """Return a directory's descriptor. Raise FileNotFoundError if ``below`` is hidden by a mount."""
        if self._hidden and not self._hidden.isdisjoint(with_parents([parent(below)])):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._beneath.directory(directory)

    def _entries(self, directory: str, descriptor: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        with os.scandir(descriptor) as names:
            for name in names:
                path = join(directory, name.name)
                try:
                    status = name.stat(follow_symlinks=False)
                    target = os.readlink(name.name, dir_fd=descriptor) if name.is_symlink() else ""
                except OSError:
                    continue  # gone since the directory was listed
                entry = entry_of(path, status, target)
                if path not in self._hidden or entry.kind is Kind.DIRECTORY:
                    entries[name.name] = entry
        return entries

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """Return bytes of regular files, for each ``(path, offset, size)``; size -1 means to the end."""
        return [self._read(*request) for request in ranges]

    def _read(self, path: str, offset: int, size: int) -> bytes | None:
        try:
            path_fd = self._open(path)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(path_fd).st_mode):
                return None
            with open(_reopen(path_fd), "rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError:
            return None
        finally:
            os.close(path_fd)

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """Yield each path's metadata and contents, in the order given.

        Raise TargetNotFound for a path that is absent or cannot be read. A file that changes during the
        reading yields as many bytes as its entry says: growth is cut, and lost bytes are NUL.
        """
        for path in paths:
            try:
                path_fd = self._open(path)
            except OSError as error:
                raise _unreadable(path, error) from error
            try:
                yield _pack(path, path_fd)
            finally:
                os.close(path_fd)

    def _open(self, path: str) -> int:
        """Return a descriptor of the file at a physical path, without opening its contents (O_PATH)."""
        if path == "/":
            return os.dup(self._beneath.directory("/"))
        here = self._directory(parent(path), path)
        if path in self._hidden and not _is_directory(path, here):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return os.open(os.path.basename(path), os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)


def _is_directory(path: str, descriptor: int) -> bool:
    return stat.S_ISDIR(os.stat(os.path.basename(path), dir_fd=descriptor, follow_symlinks=False).st_mode)


def entry_of(path: str, status: os.stat_result, target: str = "") -> Entry:
    """Return an entry, given lstat(2)'s result and a symbolic link's text.

    The size is 0 for anything but a regular file, because it depends on the file system.
    """
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    device = kind in (Kind.CHARACTER, Kind.BLOCK)
    return Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if kind is Kind.FILE else 0,
        mtime_ns=status.st_mtime_ns,
        device=status.st_dev,
        inode=status.st_ino,
        nlink=status.st_nlink,
        target=target,
        rdev=(os.major(status.st_rdev), os.minor(status.st_rdev)) if device else (0, 0),
    )


def mount_points(root: str) -> frozenset[str]:
    """Return the mount points below ``root``, as physical paths in it (proc(5): mountinfo, field 5)."""
    top = os.fsencode(os.path.realpath(root)).rstrip(b"/") + b"/"
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            mounted = [unescape(line.split(b" ")[4]) for line in file]
    except FileNotFoundError:
        return frozenset()  # not Linux: there is nothing to be traced here either
    return frozenset(
        "/" + os.fsdecode(path[len(top) :]) for path in mounted if path.startswith(top) and path != top
    )


def _reopen(path_fd: int) -> str:
    """Return the name under which an O_PATH descriptor's file can be opened without resolving a path
    again."""
    return f"/proc/self/fd/{path_fd}"


def _pack(path: str, path_fd: int) -> PackedEntry:
    status = os.fstat(path_fd)
    target = os.readlink("", dir_fd=path_fd) if stat.S_ISLNK(status.st_mode) else ""
    entry = entry_of(path, status, target)
    chunks = _chunks(entry, path_fd) if entry.kind is Kind.FILE else iter(())
    return PackedEntry(entry, _xattrs(path_fd), chunks)


def _xattrs(path_fd: int) -> dict[str, bytes]:
    # The f*xattr calls refuse O_PATH descriptors (open(2)); through /proc they work, for symbolic links too.
    try:
        names = os.listxattr(_reopen(path_fd))
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return {}
        raise
    result: dict[str, bytes] = {}
    for name in names:
        try:
            result[name] = os.getxattr(_reopen(path_fd), name)
        except OSError as error:
            if error.errno not in _NO_XATTRS:
                raise
    return result


def _chunks(entry: Entry, path_fd: int) -> Iterator[bytes]:
    remaining = entry.size
    try:
        with open(_reopen(path_fd), "rb", buffering=0) as file:
            while remaining and (chunk := file.read(min(CHUNK, remaining))):
                remaining -= len(chunk)
                yield chunk
    except OSError as error:
        raise _unreadable(entry.path, error) from error
    while remaining:
        chunk = bytes(min(CHUNK, remaining))
        remaining -= len(chunk)
        yield chunk


def _unreadable(path: str, error: OSError) -> TargetNotFound:
    return TargetNotFound(
        f"{path!r} cannot be read: {error.strerror}.",
        "Leave it out with --exclude."
        if isinstance(error, _ABSENT)
        else "Run as root, or leave it out with --exclude.",
    )
