"""The file system that an image's layers form together (OCI image-spec, layer.md): names and inodes in
memory.

Nothing is written to disk. A hostile name is refused, or stays inside the image's own root. A name below a
symbolic link belongs to the link's target *inside* that root, as when containerd applies a layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tracewhale.errors import ImageContentError
from tracewhale.rootfs.layer_entries import WHITEOUT_PREFIX
from tracewhale.rootfs.members import DIRECTORY, HARD_LINK, Extent, Member
from tracewhale.rootfs.tree import SYMLINK_LIMIT, Entry, Kind, join

ENTRY_LIMIT = 4_000_000
"""The most names of all layers of one image."""

PATH_LIMIT = 32 << 10
"""The most bytes of one path: eight times PATH_MAX."""

PATHS_LIMIT = 512 << 20
"""The most bytes of all paths of an image, each from the root: four million of 128."""

METADATA_LIMIT = 1 << 30
"""The most bytes of names, links, extended attributes and sparse maps of all members of an image."""

EXTENT_SIZE = 64
"""The bytes of memory that each extent of a sparse file counts for."""

NAME_LIMIT = 255
"""The most bytes of one name: NAME_MAX of Linux's file systems."""

LINK_LIMIT = 4096
"""The most bytes of a symbolic link's text with its NUL: PATH_MAX, as in symlink(2)."""

WALK_LIMIT = 100_000_000
"""The most names that all look-ups together may pass; only symbolic links made to keep us busy need more."""

OPAQUE = ".wh..wh..opq"
META_PREFIX = ".wh..wh."
"""The prefix of AUFS's own files, which are not part of the image; Docker skips them, too."""

BOMB_HINT = "This may be a decompression bomb."
HINT = "Get the image again from where it came; if it stays so, do not trust it."

KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"S": Kind.FILE,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHARACTER,
    b"4": Kind.BLOCK,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
}


@dataclass(slots=True)
class Inode:
    """A file with all its names; ``layer`` is the number of the layer that holds its contents."""

    number: int
    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    target: str = ""
    rdev: tuple[int, int] = (0, 0)
    xattrs: dict[str, bytes] = field(default_factory=dict)
    layer: int = 0
    extents: tuple[Extent, ...] = ()
    nlink: int = 0
    children: dict[str, Inode] = field(default_factory=dict)

    def entry(self, path: str) -> Entry:
        """Return the entry of this file under one of its names."""
        return Entry(
            path,
            self.kind,
            self.mode,
            self.uid,
            self.gid,
            self.size,
            self.mtime_ns,
            inode=self.number,
            nlink=self.nlink,
            target=self.target,
            rdev=self.rdev,
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """The directory that some names lead to from the root, so that a walk below it need not start at the
    root."""

    names: list[str]
    trail: list[Inode]
    links: int


class Overlay:
    """The file system of some layers, applied one after the other.

    ``limit`` is the most bytes of all its files together: a sparse file's size is only a claim.
    """

    def __init__(self, limit: int) -> None:
        self.root = Inode(1, Kind.DIRECTORY)
        self._left = limit
        self._metadata = METADATA_LIMIT
        self._inodes = 1
        self._walked = 0
        self._layer = -1
        self._last = _Way([], [self.root], 0)

    def apply(self, members: Iterable[Member]) -> None:
        """Apply the next layer. Raise ImageContentError if it is malformed or hostile.

        Its whiteouts delete files of lower layers, wherever in the layer they occur.
        """
        self._layer += 1
        self._forget()
        added: list[Member] = []
        deleted: list[bytes] = []
        for member in members:
            if is_whiteout(split(member.name)):
                deleted.append(member.name)
            else:
                added.append(member)
            self._metadata -= _size(member)
            if len(added) + len(deleted) > ENTRY_LIMIT or self._metadata < 0:
                raise _too_many()
        for name in deleted:
            self._delete(split(name))
        self._forget()
        for member in added:
            self._add(split(member.name), member)

    def find(self, names: Iterable[str], start: Inode | None = None) -> Inode | None:
        """Return the inode at a physical path's names, from the root or from another directory."""
        here = start or self.root
        for name in names:
            if here.kind is not Kind.DIRECTORY or name not in here.children:
                return None
            here = here.children[name]
        return here

    def paths(self) -> Iterator[tuple[str, Inode]]:
        """Yield every path with its inode, the root first, directories before their contents."""
        pending = [("/", self.root)]
        while pending:
            path, inode = pending.pop()
            yield path, inode
            pending += [(join(path, name), child) for name, child in inode.children.items()]

    def count_links(self) -> None:
        """Set each file's number of names. Call it once, after the last layer.

        Raise ImageContentError for paths that are too long, which links can make of short names.
        """
        remaining = PATHS_LIMIT
        pending = [(self.root, 0)]
        while pending:
            inode, above = pending.pop()
            for name, child in inode.children.items():
                child.nlink += 1
                length = above + len(name) + 1
                remaining -= length
                if length > PATH_LIMIT or remaining < 0:
                    raise ImageContentError("The paths in the image are impossibly long.", HINT)
                if child.kind is Kind.DIRECTORY:
                    pending.append((child, length))

    def _delete(self, names: list[str]) -> None:
        # No link is followed: a directory that this layer puts in a link's place deletes what was below
        # its own name, not the target of the link.
        directory = self.find(names[:-1])
        if directory is None:
            return
        if names[-1] == OPAQUE:
            directory.children.clear()
        else:
            directory.children.pop(names[-1].removeprefix(WHITEOUT_PREFIX), None)

    def _add(self, names: list[str], member: Member) -> None:
        if not names:
            if member.type != DIRECTORY:
                raise ImageContentError(
                    "A layer puts something else in the place of the root directory.", HINT
                )
            self._describe(self.root, member)
            return
        directory = self._walk(names[:-1], create=True)
        assert directory is not None
        name = names[-1]
        old = directory.children.get(name)
        if old is not None and (old.kind, member.type) != (Kind.DIRECTORY, DIRECTORY):
            self._forget()  # the last way may lead through the replaced entry
        if member.type == HARD_LINK:
            directory.children[name] = self._linked(member)
            return
        kind = KINDS[member.type]
        if old is None or not (old.kind is kind is Kind.DIRECTORY):
            old = directory.children[name] = self._inode(kind)
        self._describe(old, member)

    def _linked(self, member: Member) -> Inode:
        names = split(member.link)
        directory = self._walk(names[:-1]) if names else None
        inode = directory.children.get(names[-1]) if directory else None
        if inode is None or inode.kind is Kind.DIRECTORY:
            link = f"{text(member.name)} as a hard link to {text(member.link)}"
            raise ImageContentError(f"A layer has {link}, which is no file in it.", HINT)
        return inode

    def _describe(self, inode: Inode, member: Member) -> None:
        inode.mode, inode.uid, inode.gid = member.mode, member.uid, member.gid
        inode.mtime_ns, inode.rdev = member.mtime_ns, member.rdev
        inode.xattrs = {os.fsdecode(name): value for name, value in member.xattrs.items()}
        inode.layer = self._layer
        if inode.kind is Kind.FILE:
            inode.size, inode.extents = member.size, member.extents
            self._left -= member.size
            if self._left < 0:
                raise ImageContentError("The image's files are larger together than the limit.", BOMB_HINT)
        elif inode.kind is Kind.SYMLINK:
            if not 0 < len(member.link) < LINK_LIMIT or b"\0" in member.link:
                raise ImageContentError(
                    f"A layer has {text(member.name)} as an impossible symbolic link.", HINT
                )
            inode.target = os.fsdecode(member.link)

    def _walk(self, names: list[str], *, create: bool = False) -> Inode | None:
        """Return the directory to which names lead from the root; symbolic links are followed, but not out of
        it.

        With ``create``, missing directories are made, and an impassable name is refused.
        """
        known = len(self._last.names)
        if names[:known] != self._last.names:
            self._forget()
            known = 0
        trail, links = list(self._last.trail), self._last.links
        pending = names[known:][::-1]
        while pending:
            self._walked += 1
            name = pending.pop()
            if name == "..":  # of a link's text: names have none
                del trail[1:][-1:]
                continue
            inode = trail[-1].children.get(name)
            if inode is None and create:
                inode = trail[-1].children[name] = self._inode(Kind.DIRECTORY)
            if inode is not None and inode.kind is Kind.SYMLINK and links < SYMLINK_LIMIT:
                links += 1
                pending += [part for part in inode.target.split("/")[::-1] if part not in ("", ".")]
                if inode.target.startswith("/"):
                    del trail[1:]
            elif inode is not None and inode.kind is Kind.DIRECTORY:
                trail.append(inode)
            elif create:
                raise ImageContentError(
                    f"A layer has /{'/'.join(names)!a} below something that is not a directory.", HINT
                )
            else:
                return None
        if self._walked > WALK_LIMIT:
            raise _too_many()
        self._last = _Way(names, trail, links)
        return trail[-1]

    def _forget(self) -> None:
        self._last = _Way([], [self.root], 0)

    def _inode(self, kind: Kind) -> Inode:
        self._inodes += 1
        if self._inodes > ENTRY_LIMIT:
            raise _too_many()
        return Inode(self._inodes, kind, layer=self._layer)


def _size(member: Member) -> int:
    """Return the bytes of a member besides its contents."""
    attributes = sum(len(name) + len(value) for name, value in member.xattrs.items())
    return len(member.name) + len(member.link) + attributes + EXTENT_SIZE * len(member.extents)


def split(name: bytes) -> list[str]:
    """Split a member's name into names below the root; an absolute name counts as relative to it.

    Raise ImageContentError for a name that no file can have, or that would lead out of the root.
    """
    if b"\0" in name or len(name) > PATH_LIMIT:
        raise ImageContentError(f"A layer has an impossible name: {text(name)}.", HINT)
    names = [part for part in os.fsdecode(name).split("/") if part not in ("", ".")]
    if ".." in names or max(map(len, name.split(b"/"))) > NAME_LIMIT:
        raise ImageContentError(f"A layer has an impossible name: {text(name)}.", HINT)
    return names


def is_whiteout(names: list[str]) -> bool:
    """Return whether a member is a whiteout. Raise ImageContentError if it would delete its own directory."""
    marked = [name for name in names if name.startswith(WHITEOUT_PREFIX)]
    if not marked:
        return False
    victim = marked[0].removeprefix(WHITEOUT_PREFIX)
    last = len(marked) == 1 and marked[0] is names[-1]
    if not marked[0].startswith(META_PREFIX) and (victim in ("", ".", "..") or not last):
        raise ImageContentError(f"A layer has an impossible whiteout: {'/'.join(names)!a}.", HINT)
    return True


def text(name: bytes) -> str:
    """Return a name for a message: shortened, and without characters that control a terminal."""
    return ascii(os.fsdecode(name[:200]))


def _too_many() -> ImageContentError:
    return ImageContentError("The image's layers have more names than any image could need.", HINT)
