"""Write entries as files below a directory, so that no entry can end up outside of it.

Every name is created relative to its directory's descriptor, and no link is followed: a symbolic link in the
place of a directory is an error, and so is a name that already exists.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tracewhale.errors import ImageContentError, UsageError
from tracewhale.rootfs.layer_entries import HOST_XATTRS
from tracewhale.rootfs.openat import Beneath
from tracewhale.rootfs.tempfiles import full_disk
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, parent

NODES = {
    Kind.FIFO: stat.S_IFIFO,
    Kind.SOCKET: stat.S_IFSOCK,
    Kind.CHARACTER: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
}
_DEVICES = (Kind.CHARACTER, Kind.BLOCK)
_SET_ID = stat.S_ISUID | stat.S_ISGID
FILE_CAPABILITIES = "security.capability"
_ZEROS = bytes(1 << 20)
_REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL})
_TOO_LARGE = frozenset({errno.E2BIG, errno.ERANGE, errno.ENOSPC, errno.EDQUOT})
"""Errors for an attribute that this file system cannot hold; if the disk is full, a later write fails,
too."""


@dataclass(frozen=True, slots=True)
class UnpackResult:
    """The paths that were written; ``left_out`` holds pairs of a path that could not be written and the
    reason."""

    entries: int
    left_out: tuple[tuple[str, str], ...] = ()


def write_rootfs(
    packed: Iterable[PackedEntry],
    directory: str,
    *,
    owners: bool | None = None,
    devices: bool | None = None,
    privileges: bool = True,
) -> UnpackResult:
    """Create the entries below a directory, which must be empty and is made if it does not exist.

    ``packed`` has directories before their contents; a directory that is not in it is made with mode 0755.
    ``owners`` (by default as root only) keeps owner and group; without it setuid and setgid are dropped,
    because they would lend another user's rights. ``devices`` (by default as root only) makes device nodes.
    ``privileges`` keeps setuid and setgid bits and file capabilities. Long runs of zeros become holes.

    Raise UsageError for an unusable directory, ImageContentError for entries that contradict each other,
    NoSpace.
    """
    root = os.geteuid() == 0
    try:
        os.makedirs(directory, exist_ok=True)
        if os.listdir(directory):
            raise UsageError(f"{directory} is not empty.", "Name an empty or a new directory.")
        beneath = Beneath(directory)
    except OSError as error:
        raise UsageError(
            f"{directory} cannot be used: {error.strerror}.", "Name another directory."
        ) from error
    with full_disk(directory), beneath:
        owned, nodes = root if owners is None else owners, root if devices is None else devices
        writer = _Writer(beneath, owned, nodes, privileges)
        for item in packed:
            writer.write(item)
        return writer.finish()


class _Writer:
    def __init__(self, beneath: Beneath, owners: bool, devices: bool, privileges: bool) -> None:
        self._beneath = beneath
        self._owners = owners
        self._devices = devices
        self._privileges = privileges
        self._directories: dict[str, PackedEntry | None] = {"/": None}
        self._written: dict[tuple[int, int], str] = {}
        self._left_out: list[tuple[str, str]] = []
        self._entries = 0

    def write(self, item: PackedEntry) -> None:
        """Create one entry."""
        entry = item.entry
        try:
            is_new = self._make(item)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ImageContentError(
                f"{entry.path!r} cannot be written: {error.strerror}.",
                "The image's entries contradict each other.",
            ) from error
        self._entries += is_new

    def finish(self) -> UnpackResult:
        """Set the metadata of directories, deepest first; creating entries in them would change it."""
        for path in sorted(self._directories, reverse=True):  # so each comes before those above it
            item = self._directories[path]
            if item is not None and path == "/":
                here = self._beneath.directory("/")
                self._metadata(item, ".", here)
            elif item is not None:
                self._metadata(item, os.path.basename(path), self._beneath.directory(parent(path)))
        return UnpackResult(self._entries, tuple(self._left_out))

    def _make(self, item: PackedEntry) -> bool:
        entry = item.entry
        name = os.path.basename(entry.path)
        if entry.kind is Kind.DIRECTORY:
            self._directory(entry.path)
            self._directories[entry.path] = item
            return True
        self._directory(parent(entry.path))
        here = self._beneath.directory(parent(entry.path))
        if entry.nlink > 1:
            first = self._written.setdefault((entry.device, entry.inode), entry.path)
            if first != entry.path:
                self._link(first, name, here)
                return True
        if entry.kind is Kind.FILE:
            self._file(item, name, here)
            return True
        if entry.kind in _DEVICES and not self._devices:
            self._left_out.append((entry.path, "device nodes are not made here"))
            return False
        if entry.kind is Kind.SYMLINK:
            os.symlink(entry.target, name, dir_fd=here)
        elif reason := _mknod(entry, name, here):
            self._left_out.append((entry.path, reason))
            return False
        self._metadata(item, name, here)
        return True

    def _directory(self, path: str) -> None:
        """Create a directory and its missing parents, private until they are finished."""
        missing = []
        while path not in self._directories:
            missing.append(path)
            path = parent(path)
        for new in reversed(missing):
            os.mkdir(os.path.basename(new), 0o700, dir_fd=self._beneath.directory(parent(new)))
            self._directories[new] = _default_directory(new)

    def _link(self, first: str, name: str, directory: int) -> None:
        # `here` is held by the walker for one call only, and the first name's directory needs another.
        with _own_descriptor(directory) as there:
            source = self._beneath.directory(parent(first))
            os.link(os.path.basename(first), name, src_dir_fd=source, dst_dir_fd=there, follow_symlinks=False)

    def _file(self, item: PackedEntry, name: str, parent: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=parent)
        with open(descriptor, "wb", buffering=0) as file:
            size = 0
            for chunk in item.chunks:
                size += len(chunk)
                if chunk == _ZEROS[: len(chunk)]:
                    file.seek(size)
                else:
                    _write_all(descriptor, chunk)
            os.ftruncate(descriptor, size)
        self._metadata(item, name, parent)

    def _metadata(self, item: PackedEntry, name: str, parent: int) -> None:
        entry = item.entry
        mode = entry.mode
        owned = self._chowned(entry, name, parent)
        if not (owned and self._privileges) and entry.kind is not Kind.DIRECTORY and mode & _SET_ID:
            mode &= ~_SET_ID
            self._left_out.append((entry.path, "setuid and setgid bits"))
        if item.xattrs:  # after chown(2), which drops capabilities; before a mode that forbids writing
            self._xattrs(item, name, parent)
        if entry.kind is not Kind.SYMLINK:
            os.chmod(name, mode, dir_fd=parent)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)

    def _chowned(self, entry: Entry, name: str, parent: int) -> bool:
        if not self._owners:
            return False
        try:
            os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        except OSError as error:  # a user namespace has some owners only
            if error.errno not in _REFUSED:
                raise
            self._left_out.append((entry.path, f"owner {entry.uid}:{entry.gid}: {error.strerror}"))
            return False
        return True

    def _xattrs(self, item: PackedEntry, name: str, parent: int) -> None:
        path_fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            for attribute, value in item.xattrs.items():
                # An overlay above this directory would obey its own (trusted.overlay.metacopy).
                if os.fsencode(attribute).startswith(HOST_XATTRS):
                    continue
                if attribute == FILE_CAPABILITIES and not self._privileges:
                    self._left_out.append((item.entry.path, "file capabilities"))
                    continue
                try:
                    os.setxattr(f"/proc/self/fd/{path_fd}", attribute, value)
                except OSError as error:
                    if error.errno not in _REFUSED | _TOO_LARGE:
                        raise
                    self._left_out.append(
                        (item.entry.path, f"extended attribute {attribute}: {error.strerror}")
                    )
        finally:
            os.close(path_fd)


@contextmanager
def _own_descriptor(descriptor: int) -> Iterator[int]:
    """Yield an independent descriptor of the same file."""
    copy = os.dup(descriptor)
    try:
        yield copy
    finally:
        os.close(copy)


def _mknod(entry: Entry, name: str, parent: int) -> str:
    try:
        os.mknod(name, NODES[entry.kind] | 0o600, os.makedev(*entry.rdev), dir_fd=parent)
    except PermissionError as error:
        return f"{entry.kind.value} node: {error.strerror}"
    return ""


def _default_directory(path: str) -> PackedEntry:
    return PackedEntry(Entry(path, Kind.DIRECTORY, 0o755, os.geteuid(), os.getegid(), 0, 0), {}, iter(()))


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
