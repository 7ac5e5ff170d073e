"""A root file system before the run: names, metadata, contents, and the resolution of paths.

Paths are absolute ``str`` decoded with ``surrogateescape`` (``os.fsdecode``), so that a name that is not
UTF-8 survives. A *physical* path has no symbolic link, ``.`` or ``..`` in it; a *requested* path may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

SYMLINK_LIMIT = 40
"""The most symbolic links followed in one resolution before ELOOP (Linux: path_resolution(7))."""

RESOLUTIONS = 1 << 16
"""The most resolved paths in a view's cache."""


class Kind(Enum):
    """The type of a directory entry: ``st_mode & S_IFMT``."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    FIFO = "fifo"
    SOCKET = "socket"
    CHARACTER = "character"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a tree, with the metadata of lstat(2).

    ``mode`` holds the permission bits with setuid, setgid and sticky (07777). ``size`` is in bytes,
    ``mtime_ns`` in nanoseconds since the epoch. ``(device, inode)`` is equal for the names of one
    hard-linked file. ``target`` is a symbolic link's text, ``rdev`` a device node's numbers.
    """

    path: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    device: int = 0
    inode: int = 0
    nlink: int = 1
    target: str = ""
    rdev: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class PackedEntry:
    """A kept path with everything that an image needs: metadata, extended attributes, contents.

    ``chunks`` are a regular file's bytes in order (empty for other kinds) and must be consumed before the
    next ``PackedEntry`` of the same iterator is requested.
    """

    entry: Entry
    xattrs: Mapping[str, bytes]
    chunks: Iterator[bytes]


class Tree(Protocol):
    """A source of files: a container's file system, a directory, an archive.

    Every path is physical. Mounts over the tree (``/proc``, volumes) are not part of it.
    """

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """Return entries of each directory by name, or None for one that is absent or not a directory."""
        ...

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """Return bytes of regular files, for each ``(path, offset, size)``; size -1 means to the end.

        An item is None if the file is absent, not regular or unreadable, and short if the file ends early.
        """
        ...

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """Yield each path's metadata and contents, in the order given. Raise TargetNotFound if a path is
        absent."""
        ...


@dataclass(frozen=True, slots=True)
class Resolution:
    """The names that the kernel passes along a path (path_resolution(7)).

    ``steps`` are the physical paths of every directory and symbolic link passed, in order and without the
    final entry; ``entry`` is the end of the path, None if it does not exist; ``loop`` is true if the reason
    is too many symbolic links (ELOOP); ``blocked`` is the file in the place of a directory (ENOTDIR).
    """

    steps: tuple[str, ...]
    entry: Entry | None
    loop: bool = False
    blocked: str = ""

    @property
    def exists(self) -> bool:
        return self.entry is not None


ROOT = Entry("/", Kind.DIRECTORY, 0o755, 0, 0, 0, 0)


def join(directory: str, name: str) -> str:
    """Return a physical directory and a name in it, as one physical path."""
    return f"/{name}" if directory == "/" else f"{directory}/{name}"


def parent(path: str) -> str:
    """Return the directory of a physical path; for the root the root."""
    return path[: path.rfind("/")] or "/"


class View:
    """A tree with a cache: each directory is scanned once, and paths resolve as in the kernel.

    The tree must not change meanwhile.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._listings: dict[str, dict[str, Entry] | None] = {}
        self._resolutions: dict[tuple[str, bool, str], Resolution] = {}

    def listing(self, directory: str) -> dict[str, Entry] | None:
        """Return entries of a physical directory by name, or None if it is not a directory."""
        if directory not in self._listings:
            self._listings.update(self.tree.scan([directory]))
        return self._listings[directory]

    def prefetch(self, directories: Iterable[str]) -> None:
        """Scan many directories in one exchange, except for those in the cache."""
        wanted = sorted({path for path in directories if path not in self._listings})
        if wanted:
            self._listings.update(self.tree.scan(wanted))

    def lstat(self, path: str) -> Entry | None:
        """Return the entry at a physical path."""
        if path == "/":
            return ROOT
        listing = self.listing(parent(path))
        return None if listing is None else listing.get(path[path.rfind("/") + 1 :])

    def resolve(self, path: str, *, follow: bool = True, root: str = "/") -> Resolution:
        """Resolve a requested path inside ``root`` (a physical directory: not ``/`` after chroot(2)).

        ``follow`` says whether a final symbolic link is followed.
        """
        key = path, follow, root
        if key not in self._resolutions:
            if len(self._resolutions) >= RESOLUTIONS:
                self._resolutions.clear()
            self._resolutions[key] = self._resolve(path, follow, root)
        return self._resolutions[key]

    def _resolve(self, path: str, follow: bool, root: str) -> Resolution:
        steps: dict[str, None] = {}
        pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        must_be_directory = path.endswith(("/", "/.")) and bool(pending)
        here = root
        entry: Entry | None = ROOT if root == "/" else self.lstat(root)
        links = 0
        while pending:
            if entry is None or entry.kind is not Kind.DIRECTORY:
                return Resolution(tuple(steps), None, blocked=entry.path if entry else "")
            steps[here] = None
            name = pending.pop()
            if name == "..":
                here = here if here == root else parent(here)
                entry = self.lstat(here)
                continue
            step = (self.listing(here) or {}).get(name)
            if step is None:
                return Resolution(tuple(steps), None)
            if step.kind is Kind.SYMLINK and (pending or follow or must_be_directory):
                links += 1
                if links > SYMLINK_LIMIT:
                    return Resolution(tuple(steps), None, loop=True)
                steps[step.path] = None
                pending += [p for p in reversed(step.target.split("/")) if p not in ("", ".")]
                if step.target.startswith("/"):
                    here = root
                entry = ROOT if here == "/" else self.lstat(here)
                continue
            here, entry = step.path, step
        if must_be_directory and entry is not None and entry.kind is not Kind.DIRECTORY:
            return Resolution(tuple(steps), None, blocked=entry.path)
        return Resolution(tuple(steps), entry)
