"""An image's layers as one tree: an index in memory, with contents read in place on request."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from tracewhale.errors import ImageContentError, TargetNotFound, UsageError
from tracewhale.rootfs.archive import SIZE_LIMIT, StoredImage
from tracewhale.rootfs.blobs import (
    Blob,
    BlobSource,
    Read,
    StreamSource,
    check_digest,
    chunk_reader,
    compression,
    plain,
    plain_reader,
)
from tracewhale.rootfs.layer_entries import WHITEOUT_PREFIX, layer_order, with_parents
from tracewhale.rootfs.members import REGULAR, members
from tracewhale.rootfs.overlay import (
    BOMB_HINT,
    ENTRY_LIMIT,
    HINT,
    OPAQUE,
    PATHS_LIMIT,
    Inode,
    Overlay,
    is_whiteout,
    split,
)
from tracewhale.rootfs.store import mapping, mappings, parse_text, string, strings
from tracewhale.rootfs.tar_header import BLOCK
from tracewhale.rootfs.tempfiles import CHUNK, contents, spool
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, join, parent
from tracewhale.rootfs.unpack import UnpackResult, write_rootfs

DOCUMENT_LIMIT = 4 << 20
"""Bytes of a JSON file in a stream of ``docker save``; all of these are kept until its end."""


class LayerTree:
    """The `Tree` of some layers, each a plain tar in an open file, the lowest first.

    ``limit`` is the most bytes of all their files. Raise ImageContentError.
    """

    def __init__(self, layers: Sequence[Blob], limit: int = SIZE_LIMIT) -> None:
        self._layers = layers
        self._overlay = Overlay(limit)
        for layer in layers:
            self._overlay.apply(members(BlobSource(layer)))
        self._overlay.count_links()
        self._near: tuple[str, Inode | None] = ("/", self._overlay.root)

    @property
    def size(self) -> int:
        """The bytes of the uncompressed layers."""
        return sum(layer.size for layer in self._layers)

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """Return entries of each directory by name, or None for one that is absent or not a directory."""
        return {directory: self._listing(directory) for directory in directories}

    def _listing(self, directory: str) -> dict[str, Entry] | None:
        inode = self._inode(directory)
        if inode is None or inode.kind is not Kind.DIRECTORY:
            return None
        return {name: child.entry(join(directory, name)) for name, child in inode.children.items()}

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """Return bytes of regular files, for each ``(path, offset, size)``; size -1 means to the end."""
        return [self._read(*request) for request in ranges]

    def _read(self, path: str, offset: int, size: int) -> bytes | None:
        inode = self._inode(path)
        if inode is None or inode.kind is not Kind.FILE:
            return None
        remaining = max(0, inode.size - offset)
        return b"".join(self._contents(inode, offset, remaining if size < 0 else min(size, remaining)))

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """Yield each path's metadata and contents, in the order given. Raise TargetNotFound if a path is
        absent."""
        for path in paths:
            inode = self._inode(path)
            if inode is None:
                raise TargetNotFound(f"The image has no {path!r}.", "Leave it out with --exclude.")
            yield PackedEntry(inode.entry(path), inode.xattrs, self._contents(inode, 0, inode.size))

    def paths(self) -> list[str]:
        """Return every physical path, in a layer's order."""
        return layer_order(path for path, _ in self._overlay.paths())

    def unpack_to(
        self,
        directory: str,
        paths: Iterable[str] | None = None,
        *,
        owners: bool | None = None,
        devices: bool | None = False,
        privileges: bool = True,
    ) -> UnpackResult:
        """Write some physical paths and their parents, or everything, below an empty directory.

        Options and errors are those of `write_rootfs`, but device nodes are not made by default, because
        those of a stranger's image would open this machine's devices. The directory gets the mode of the
        image's root, so put it into one that nobody else may search.
        """
        chosen = self.paths() if paths is None else layer_order(with_parents(paths))
        return write_rootfs(
            self.pack(chosen), directory, owners=owners, devices=devices, privileges=privileges
        )

    def _inode(self, path: str) -> Inode | None:
        """Return the inode at a physical path. A path in or below the previous one's directory is found
        quickly."""
        above, inode = self._near
        directory = parent(path)
        if directory != above:
            below = inode is not None and directory.startswith(f"{above}/")
            names = directory[len(above) :] if below else directory
            inode = self._overlay.find(filter(None, names.split("/")), inode if below else None)
            self._near = (directory, inode)
        name = path[len(directory) :].strip("/")
        return inode and self._overlay.find([name] if name else [], inode)

    def _contents(self, inode: Inode, offset: int, size: int) -> Iterator[bytes]:
        """Yield a range of a file, with zeros for the holes of a sparse one."""
        blob = self._layers[inode.layer]
        end = offset + size
        for begin, at, length in inode.extents:
            if begin >= end:
                break
            if begin + length <= offset:
                continue
            yield from _zeros(begin - offset)
            offset = max(offset, begin)
            wanted = min(begin + length, end) - offset
            yield from contents(blob.file, blob.offset + at + offset - begin, wanted)
            offset += wanted
        yield from _zeros(end - offset)


@contextmanager
def open_layers(image: StoredImage, limit: int = SIZE_LIMIT) -> Iterator[LayerTree]:
    """Yield the tree of an image in a file; it is valid while that is open.

    Compressed layers are decompressed once, into a file without a name in TMPDIR. Raise ImageContentError if
    they are malformed, hostile, different from their digests, or larger than ``limit`` bytes; NoSpace.
    """
    with spool() as file:
        layers: list[Blob] = []
        checks: list[tuple[Blob, str]] = []
        for stored in image.layers:
            layer = plain(stored.blob, file, limit, sum(layer.size for layer in layers))
            if stored.digest and layer is not stored.blob:
                checks.append((stored.blob, stored.digest))
            checks.append((layer, stored.diff_id))
            layers.append(layer)
        # Hashing takes longer than all else here, and lets other threads run meanwhile.
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(lambda check: check_digest(check[0], check[1], "a layer"), checks):
                pass
        yield LayerTree(layers, limit)


@dataclass(slots=True)
class _SavedImage:
    """The contents of a stream of ``docker save``: JSON files by name, names in each layer by diff_id."""

    documents: dict[str, bytes] = field(default_factory=dict)
    layers: dict[str, list[bytes]] = field(default_factory=dict)


def changed_paths(stream: BinaryIO, base: Sequence[str], limit: int = SIZE_LIMIT) -> list[str]:
    """Return physical paths that an image's layers above its base's add or replace and do not delete again.

    ``stream`` is the output of ``docker save`` for one image, which is read once to its end. ``base`` are the
    diff_ids of the base image's layers. Raise UsageError if the image is not made from that base,
    ImageContentError.
    """
    saved = _read_saved(stream, limit)
    entries = mappings(_document(saved, "manifest.json"), "manifest.json")
    if not entries:
        raise ImageContentError("The saved image's manifest.json names no image.", HINT)
    config = mapping(_document(saved, string(entries[0].get("Config"), "manifest.json")), "the configuration")
    rootfs = mapping(config.get("rootfs"), "the configuration")
    diff_ids = strings(rootfs.get("diff_ids"), "the configuration")
    if diff_ids[: len(base)] != list(base):
        raise UsageError(
            "The image is not made from that base: its layers do not begin with those of the base.",
            "Name the base image that it was built on.",
        )
    changed: list[str] = []
    for diff_id in diff_ids[len(base) :]:
        if diff_id not in saved.layers:
            raise ImageContentError(f"No layer has the digest {diff_id}, which the image should have.", HINT)
        changed = _changes(changed, saved.layers[diff_id])
    return layer_order(changed)


def _changes(below: Sequence[str], layer: Sequence[bytes]) -> list[str]:
    """Return the changed paths after a layer: its own, and those of the layers below that it does not
    delete."""
    own, deletions, opaque = set(), set(), set()
    for names in map(split, layer):
        if not is_whiteout(names):
            own.add(_path(names))
        elif names[-1] == OPAQUE:
            opaque.add(_path(names[:-1]))
        else:
            deletions.add(_path([*names[:-1], names[-1].removeprefix(WHITEOUT_PREFIX)]))
    own.discard("/")
    return [
        *(
            path
            for path in below
            if not (with_parents([path]) & deletions or with_parents([parent(path)]) & opaque)
        ),
        *own,
    ]


def _path(names: Sequence[str]) -> str:
    return "/" + "/".join(names)


def _document(saved: _SavedImage, name: str) -> Any:
    if name not in saved.documents:
        raise ImageContentError(f"The saved image has no {name[:200]!a}.", HINT)
    return parse_text(saved.documents[name], name)


def _read_saved(stream: BinaryIO, limit: int) -> _SavedImage:
    """Read a stream completely, because layers may come before the file with their order."""
    saved = _SavedImage()
    outer = StreamSource(stream.read)
    remaining = ENTRY_LIMIT
    for member in members(outer):
        if member.type not in REGULAR:
            continue  # a link to a layer that two images share: its digest is known by then
        end = outer.position + member.size
        head = outer.read(min(member.size, BLOCK))
        if member.size <= DOCUMENT_LIMIT and head[:1] in (b"{", b"[") and b"ustar" not in head:
            name = _path(split(member.name))[1:]
            saved.documents[name] = head + outer.read(member.size - len(head))
        elif compression(head) or member.size >= BLOCK:
            rest = iter(lambda end=end: outer.read(min(CHUNK, end - outer.position)), b"")  # type: ignore[misc]
            diff_id, names = _layer_names(chunk_reader(itertools.chain((head,), rest)), limit, remaining)
            saved.layers[diff_id] = names
            remaining -= len(names)
    return saved


def _layer_names(read: Read, limit: int, most: int) -> tuple[str, list[bytes]]:
    """Return a layer's diff_id and the names of its members, given its bytes as stored."""
    hashed = hashlib.sha256()
    source = StreamSource(plain_reader(read), hashed.update)
    names: list[bytes] = []
    room = PATHS_LIMIT
    for member in members(source):
        split(member.name)
        names.append(member.name)
        room -= len(member.name)
        if len(names) > most or room < 0 or source.position + member.size > limit:
            raise ImageContentError("A layer is larger than the limit.", BOMB_HINT)
    while source.read(CHUNK):
        if source.position > limit:
            raise ImageContentError("A layer is larger than the limit.", BOMB_HINT)
    return f"sha256:{hashed.hexdigest()}", names


def _zeros(size: int) -> Iterator[bytes]:
    while size > 0:
        yield bytes(min(CHUNK, size))
        size -= CHUNK
