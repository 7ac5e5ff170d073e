"""An archive of loaded classes that is made to fit a class library of another size."""

from __future__ import annotations

import struct
import zlib

import pytest

from tracewhale.java.archive import HEADER_LIMIT, MAGIC, fit

BEFORE, AFTER = 129_171_055, 46_100_000
SIZES = struct.pack("<q", BEFORE)
DESCRIPTIONS = (24, 96)


def archive(regions: tuple[bytes, ...], *, checked_from: int = 8, end: int = 952) -> bytes:
    """Return an archive with some regions, whose header's checksum is of a part of the header."""
    header = bytearray(HEADER_LIMIT)
    place = HEADER_LIMIT
    for description, region in zip(DESCRIPTIONS, regions, strict=True):
        struct.pack_into("<I20xQ8xQ", header, description, zlib.crc32(region), place, len(region))
        place += len(region)
    header[end - 4 : end] = b"last"
    struct.pack_into("<II", header, 0, MAGIC, zlib.crc32(header[checked_from:end]))
    return bytes(header) + b"".join(regions)


FIRST, SECOND = b"objects " * 512, b"classes " * 100 + SIZES + b" names  " * 411


@pytest.mark.parametrize(("checked_from", "end"), [(8, 952), (16, 984)])
def test_the_size_is_another_and_all_checksums_agree(checked_from: int, end: int) -> None:
    """The header is checked from another place in JDK 17 than in JDK 25."""
    old = archive((FIRST, SECOND), checked_from=checked_from, end=end)
    second = SECOND.replace(SIZES, struct.pack("<q", AFTER))
    assert fit(old, BEFORE, AFTER) == archive((FIRST, second), checked_from=checked_from, end=end)


def test_nothing_changes_where_the_size_does_not() -> None:
    old = archive((FIRST, SECOND))
    assert fit(old, BEFORE, BEFORE) == old


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC.to_bytes(4, "little"),
        b"\0" * 20_000,
        archive((FIRST, FIRST)),
        archive((SECOND, SECOND)),
        archive((FIRST, SECOND))[:-4],
        archive((FIRST, SECOND)).replace(b"last", b"lost"),
        archive((FIRST, SECOND)).replace(b"names", b"nemas"),
    ],
    ids=["empty", "short", "other", "no size", "two sizes", "cut", "header changed", "region changed"],
)
def test_what_is_not_understood_is_refused(data: bytes) -> None:
    assert fit(data, BEFORE, AFTER) is None
