"""The archive of loaded classes (CDS) of a HotSpot JVM, adapted to a class library of another size.

A JVM accepts an archive only with the class library from which it was made, which it recognizes by the size
in the archive. A shrunk library has the same classes at other offsets, but an archive has none of these
offsets, so it fits once it has the new size. Its checksums are recomputed, for -XX:+VerifySharedSpaces.
Source: OpenJDK 17 to 25, src/hotspot/share/include/cds.h and share/cds/filemap.cpp.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MAGIC = 0xF00BABA2
"""The magic number of the static archive that comes with a runtime (CDS_ARCHIVE_MAGIC)."""

_HEAD = struct.Struct("<II")
"""The magic number and the checksum of the header after this field or a few more."""

_REGION = struct.Struct("<I20xQ8xQ")
"""The beginning of a region's description: checksum, ..., offset in the file, ..., used bytes."""

_CHECKED_FROM = (8, 16)
"""The possible offsets at which the checksummed part of the header begins, which depend on the version."""

HEADER_LIMIT = 4096
"""The first region begins at a page's boundary."""


@dataclass(frozen=True, slots=True)
class _Region:
    description: int
    start: int
    end: int


def fit(archive: bytes, before: int, after: int) -> bytes | None:
    """Return the archive of a class library of ``before`` bytes for one of ``after`` bytes.

    Return None for an unsupported file: of another version, or with wrong checksums.
    """
    if len(archive) < HEADER_LIMIT or _HEAD.unpack_from(archive)[0] != MAGIC:
        return None
    recorded = struct.pack("<q", before)
    place = archive.find(recorded, HEADER_LIMIT)
    header, region = _header(archive), _region(archive, place)
    if header is None or region is None or archive.find(recorded, place + 1) >= 0:
        return None
    data = bytearray(archive)
    data[place : place + len(recorded)] = struct.pack("<q", after)
    struct.pack_into("<I", data, region.description, zlib.crc32(data[region.start : region.end]))
    struct.pack_into("<I", data, 4, zlib.crc32(data[header]))
    return bytes(data)


def _header(archive: bytes) -> slice | None:
    """Return the part of the header that its checksum covers."""
    _, expected = _HEAD.unpack_from(archive)
    for start in _CHECKED_FROM:
        checksum = 0
        for end in range(start, HEADER_LIMIT, 4):
            if checksum == expected and end > start:
                return slice(start, end)
            checksum = zlib.crc32(archive[end : end + 4], checksum)
    return None


def _region(archive: bytes, place: int) -> _Region | None:
    """Return the region that contains the eight bytes at this offset, if its checksum is right."""
    for description in range(_HEAD.size, HEADER_LIMIT - _REGION.size, 8):
        checksum, start, used = _REGION.unpack_from(archive, description)
        end = start + used
        around = HEADER_LIMIT <= start <= place and place + 8 <= end <= len(archive)
        if around and zlib.crc32(archive[start:end]) == checksum:
            return _Region(description, start, end)
    return None
