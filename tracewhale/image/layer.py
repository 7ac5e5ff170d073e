"""One deterministic image layer: the same entries give the same bytes, wherever and whenever."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tracewhale.errors import ImageContentError
from tracewhale.rootfs.layer_entries import HOST_XATTRS, WHITEOUT_PREFIX
from tracewhale.rootfs.tar_header import BLOCK, TYPES, header, padding
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, parent

_GATHERED = 1 << 20


class Writable(Protocol):
    """The destination of a layer's bytes: a file, a pipe."""

    def write(self, data: bytes, /) -> object:
        """Write all of the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Layer:
    """A written layer: ``diff_id`` is ``sha256:HEX`` of its uncompressed tar, ``size`` its bytes.

    ``left_out`` are entries that a layer cannot hold, as pairs of a path and the reason.
    """

    diff_id: str
    size: int
    entries: int
    left_out: tuple[tuple[str, str], ...] = ()


def write_layer(packed: Iterable[PackedEntry], out: Writable) -> Layer:
    """Write one uncompressed tar layer.

    ``packed`` should be in `layer_order`, on which the digest depends; raise ValueError for a name that comes
    twice or before its directory. If a file has several names (same device and inode), the first holds the
    contents, and the others are hard links to it. Sockets, for which tar has no type, and names that would
    mean a deletion are left out. Raise ImageContentError if a file yields more or fewer bytes than its
    entry's size.
    """
    sink = _Sink(out)
    written: dict[tuple[int, int], str] = {}
    left_out: list[tuple[str, str]] = []
    seen: set[str] = set()
    entries = 0
    for item in packed:
        entry = item.entry
        if entry.path in seen or not (parent(entry.path) in seen or parent(entry.path) == "/"):
            raise ValueError(f"{entry.path!r} comes out of order in a layer")
        seen.add(entry.path)
        if reason := _unfit(entry):
            left_out.append((entry.path, reason))
            continue
        xattrs, lost = layer_xattrs(item.xattrs)
        left_out += [(entry.path, reason) for reason in lost]
        entries += 1
        first = (
            written.setdefault((entry.device, entry.inode), entry.path) if _is_linked(entry) else entry.path
        )
        if first != entry.path:
            sink.write(header(entry, xattrs, hard_link_to=first))
            continue
        sink.write(header(entry, xattrs))
        if entry.kind is Kind.FILE:
            for chunk in _exact_chunks(item):
                sink.write(chunk)
            sink.write(bytes(padding(entry.size)))
    sink.write(bytes(2 * BLOCK))
    sink.flush()
    return Layer(f"sha256:{sink.digest.hexdigest()}", sink.size, entries, tuple(left_out))


def layer_xattrs(xattrs: Mapping[str, bytes]) -> tuple[dict[bytes, bytes], list[str]]:
    """Return the extended attributes of a layer's entry by name, and the reasons why others cannot be
    in it."""
    kept: dict[bytes, bytes] = {}
    lost: list[str] = []
    for name, value in sorted((os.fsencode(name), value) for name, value in xattrs.items()):
        if name.startswith(HOST_XATTRS):
            continue
        if b"=" in name:  # ends a PAX keyword
            lost.append(f"the extended attribute {os.fsdecode(name)} has a name that tar cannot hold")
        else:
            kept[name] = value
    return kept, lost


def _is_linked(entry: Entry) -> bool:
    return entry.nlink > 1 and entry.kind is not Kind.DIRECTORY


def _unfit(entry: Entry) -> str:
    if entry.kind not in TYPES:
        return "a socket cannot be in a layer; the program that listens on it makes it"
    if any(name.startswith(WHITEOUT_PREFIX) for name in entry.path.split("/")):
        return f"names that start with {WHITEOUT_PREFIX} mean deletions in a layer"
    return ""


def _exact_chunks(item: PackedEntry) -> Iterator[bytes]:
    given = 0
    for chunk in item.chunks:
        given += len(chunk)
        yield chunk
    if given != item.entry.size:
        raise ImageContentError(
            f"{item.entry.path!r} has {given} bytes, and not {item.entry.size} as its entry says.",
            "It changed while it was read: run again.",
        )


class _Sink:
    """Writes, counts and hashes; small pieces are collected, because each call costs more than its bytes."""

    def __init__(self, out: Writable) -> None:
        self._out = out
        self._pieces: list[bytes] = []
        self._gathered = 0
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._pieces.append(data)
        self._gathered += len(data)
        if self._gathered >= _GATHERED:
            self.flush()

    def flush(self) -> None:
        block = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces, self._gathered = [], 0
        self.digest.update(block)
        self._out.write(block)
        self.size += len(block)
