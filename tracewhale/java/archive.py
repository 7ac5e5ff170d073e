"""The archive of loaded classes (CDS) of a HotSpot JVM, made to fit a class library of another size.

A JVM takes an archive only with the class library from which it was made, and tells the library by its
size, which the archive records. A shrunk library has the same classes at other places, but an archive refers
to none of these places: it fits as soon as it records the new size. Its checksums are made to agree, too, for
-XX:+VerifySharedSpaces. Source: OpenJDK 17 to 25, src/hotspot/share/include/cds.h and share/cds/filemap.cpp.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MAGIC = 0xF00BABA2
"""Of the static archive that comes with a runtime (CDS_ARCHIVE_MAGIC)."""

_HEAD = struct.Struct("<II")
"""magic number, checksum of the header behind this field or some more"""

_REGION = struct.Struct("<I20xQ8xQ")
"""How the description of a region begins: checksum, ..., offset in the file, ..., bytes that are used."""

_CHECKED_FROM = (8, 16)
"""Where the part of the header begins that the checksum is of: it depends on the version."""

HEADER_LIMIT = 4096
"""The first region begins at a page's boundary."""


@dataclass(frozen=True, slots=True)
class _Region:
    description: int
    start: int
    end: int


def fit(archive: bytes, before: int, after: int) -> bytes | None:
    """Return the archive of a class library of ``before`` bytes for one of ``after`` bytes.

    Return None for a file that is not understood: of another version, or with checksums that do not agree.
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
    """Return the part of the header that its checksum is of."""
    _, expected = _HEAD.unpack_from(archive)
    for start in _CHECKED_FROM:
        checksum = 0
        for end in range(start, HEADER_LIMIT, 4):
            if checksum == expected and end > start:
                return slice(start, end)
            checksum = zlib.crc32(archive[end : end + 4], checksum)
    return None


def _region(archive: bytes, place: int) -> _Region | None:
    """Return the region that has the eight bytes at this place, if its checksum agrees."""
    for description in range(_HEAD.size, HEADER_LIMIT - _REGION.size, 8):
        checksum, start, used = _REGION.unpack_from(archive, description)
        end = start + used
        around = HEADER_LIMIT <= start <= place and place + 8 <= end <= len(archive)
        if around and zlib.crc32(archive[start:end]) == checksum:
            return _Region(description, start, end)
    return None
