"""Layers and archives in a file: plain, gzip or zstd. They are decompressed once and then read in place."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import zstandard

from tracewhale.errors import ImageContentError
from tracewhale.rootfs.tempfiles import CHUNK, contents

WINDOW_LIMIT = 128 << 20
"""The most memory in bytes that a zstd frame may need: the default of ``zstd -d``."""

EXPANSION_LIMIT = 1032
"""The highest ratio by which a blob may expand: the most of deflate (zlib's technical details)."""

EXPANSION_FLOOR = 1 << 30
"""Bytes that any blob may expand to."""

Read = Callable[[int], bytes]

_MAGIC = 8
_DIGEST = re.compile("sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_DAMAGED = "It is damaged, or was changed: fetch or save the image again."


@dataclass(frozen=True, slots=True)
class Blob:
    """A range of bytes in an open file, read in place."""

    file: BinaryIO
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield all its bytes."""
        return contents(self.file, self.offset, self.size)

    def read(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on, fewer at the end."""
        return os.pread(self.file.fileno(), max(0, min(size, self.size - offset)), self.offset + offset)


class BlobSource:
    """Reads a blob forwards (`tracewhale.rootfs.members.ByteSource`)."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        data = self._blob.read(self.position, size)
        self.position += len(data)
        return data

    def skip_to(self, position: int) -> None:
        """Skip to a later position."""
        if position > self._blob.size:
            raise ImageContentError("A layer or archive is truncated.", _DAMAGED)
        self.position = position


class StreamSource:
    """Reads bytes that come once, from ``read(n)``, which may return fewer; passes each to ``watch``, too."""

    def __init__(self, read: Read, watch: Callable[[bytes], object] = len) -> None:
        self._read = read
        self._watch = watch
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        pieces: list[bytes] = []
        while size > 0 and (piece := self._read(min(size, CHUNK))):
            self._watch(piece)
            self.position += len(piece)
            size -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def skip_to(self, position: int) -> None:
        """Read up to a later position."""
        while self.position < position:
            if not self.read(min(CHUNK, position - self.position)):
                raise ImageContentError("A layer or archive is truncated.", _DAMAGED)


def compression(head: bytes) -> str:
    """Return ``gzip``, ``zstd`` or an empty string for the first bytes of a blob. Raise ImageContentError for
    another format."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    # RFC 8878: 3.1.1 frames, 3.1.2 skippable frames (zstd:chunked begins with none, but may).
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return "zstd"
    if head.startswith((b"BZh", b"\xfd7zXZ\0")):
        raise ImageContentError(
            "A layer is compressed with bzip2 or xz, which the OCI image specification does not know.",
            "Convert the image, for example with skopeo copy.",
        )
    return ""


def plain(blob: Blob, spool: BinaryIO, limit: int, size_read: int = 0) -> Blob:
    """Return the blob without its compression: itself if it has none, else a range appended to ``spool``.

    Raise ImageContentError if it is damaged, expands as only a bomb does (zstd can write 100 GB in 3 MB), or
    exceeds ``limit`` together with the ``size_read`` bytes before.
    """
    limit = min(limit, size_read + max(EXPANSION_FLOOR, EXPANSION_LIMIT * blob.size))
    source = BlobSource(blob)
    kind = compression(source.read(_MAGIC))
    begin = os.fstat(spool.fileno()).st_size
    size = 0 if kind else blob.size
    source = BlobSource(blob)
    for chunk in decompress(kind, source.read) if kind else ():
        size += len(chunk)
        if size_read + size > limit:
            break
        spool.write(chunk)
    if size_read + size > limit:
        raise ImageContentError(
            f"Without its compression the image is larger than the limit of {limit >> 20} MiB.",
            "This may be a decompression bomb.",
        )
    return Blob(spool, begin, size) if kind else blob


def plain_reader(read: Read) -> Read:
    """Return a ``read(n)`` of a stream without its compression, whatever that is."""
    head = StreamSource(read).read(_MAGIC)
    kind = compression(head)
    stream = chunk_reader(itertools.chain((head,), iter(lambda: read(CHUNK), b"")))
    return chunk_reader(decompress(kind, stream)) if kind else stream


def chunk_reader(chunks: Iterator[bytes]) -> Read:
    """Return a ``read(n)`` of chunks, which may return fewer bytes than requested, but none only at the
    end."""
    rest = memoryview(b"")

    def read(size: int) -> bytes:
        nonlocal rest
        while not rest:
            chunk = next(chunks, None)
            if chunk is None:
                return b""
            rest = memoryview(chunk)
        data, rest = bytes(rest[:size]), rest[size:]
        return data

    return read


def digest_of(chunks: Iterable[bytes], algorithm: str = "sha256") -> str:
    """Return ``ALGORITHM:HEX`` of all chunks (OCI image-spec, descriptor.md, "Digests")."""
    hashed = hashlib.new(algorithm)
    for chunk in chunks:
        hashed.update(chunk)
    return f"{algorithm}:{hashed.hexdigest()}"


def check_digest(blob: Blob, expected: str, title: str) -> None:
    """Raise ImageContentError if the blob does not match its digest."""
    if digest_of(blob.chunks(), algorithm_of(expected)) != expected:
        raise ImageContentError(f"The digest of {title} does not match its contents ({expected}).", _DAMAGED)


def algorithm_of(digest: str) -> str:
    """Return the algorithm of a well-formed digest. Raise ImageContentError for any other string."""
    if not _DIGEST.fullmatch(digest):
        raise ImageContentError(
            f"The image names {digest[:100]!a}, which is not a supported digest.", _DAMAGED
        )
    return digest.partition(":")[0]


def decompress(kind: str, read: Read) -> Iterator[bytes]:
    """Yield the contents of a compressed stream in chunks. Raise ImageContentError if it is damaged."""
    raw = io.BufferedReader(_Raw(read), CHUNK)
    try:
        if kind == "gzip":
            with gzip.GzipFile(fileobj=raw) as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        else:
            decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT)
            with decompressor.stream_reader(raw, read_across_frames=True) as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise ImageContentError(f"A layer cannot be decompressed: {error}.", _DAMAGED) from error


class _Raw(io.RawIOBase):
    def __init__(self, read: Read) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
