"""Read the members of a tar as Docker does (Go's archive/tar): ustar, PAX, GNU, star, V7, sparse.

The module tarfile is not used: it takes a damaged header for the end of the archive, reads headers of any
size into memory, rounds times to floats, and differs between versions of Python. Malformed input raises
ImageContentError, because images come from strangers.

Formats: POSIX.1-2017 pax; the GNU tar manual, "Basic Tar Format" and "Storing Sparse Files".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tracewhale.errors import ImageContentError
from tracewhale.rootfs.tar_header import BLOCK, padding

EXTENDED_LIMIT = 1 << 20
"""The most bytes of one extended header or sparse map, as in archive/tar."""

REGULAR = frozenset({b"0", b"\0", b"7", b"S"})
HEADER_ONLY = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
HARD_LINK = b"1"
SYMLINK = b"2"
DIRECTORY = b"5"

_XATTR = b"SCHILY.xattr."
_ZEROS = bytes(BLOCK)

Extent = tuple[int, int, int]
"""A run of a file's bytes: offset in the file, offset in the tar, length."""


class ByteSource(Protocol):
    """A source of bytes that is read forwards only."""

    position: int

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        ...

    def skip_to(self, position: int) -> None:
        """Skip to a later position. Raise ImageContentError if the end comes first."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One member: ``name`` and ``link`` as written, ``size`` of its file in bytes.

    ``extents`` are the data of a sparse file, with zeros between them.
    """

    name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: bytes
    rdev: tuple[int, int]
    xattrs: Mapping[bytes, bytes]
    extents: tuple[Extent, ...]


def members(source: ByteSource) -> Iterator[Member]:
    """Yield each member in order. Its contents may be read from the source before the next one is
    requested."""
    extended: dict[bytes, bytes] = {}
    while block := _next_header(source):
        kind = block[156:157]
        stored = _size(block)
        if kind in b"xgLK":
            if stored > EXTENDED_LIMIT:
                raise _malformation("has an extended header of more than 1 MiB")
            body = _exactly(source, stored + padding(stored))[:stored]
            if kind == b"x":
                extended |= _records(body)
            elif kind != b"g":  # global records are ignored, as archive/tar does
                extended[b"path" if kind == b"L" else b"linkpath"] = body.split(b"\0", 1)[0]
            continue
        stored = _decimal(extended, b"size", stored)
        if kind in HEADER_ONLY:
            stored = 0
        elif kind not in REGULAR:
            raise _malformation(f"has a member of the unknown type {kind!r}")
        size, extents, end = _contents(source, block, extended, stored)
        yield _member(block, extended, size, extents)
        extended = {}
        source.skip_to(end)
        if stored % BLOCK:
            source.read(padding(stored))  # which may be missing at the very end, as archive/tar allows
    if extended:
        raise _malformation("ends after an extended header")


def _next_header(source: ByteSource) -> bytes:
    """Return the next header block, or nothing at the end, which is two blocks of zeros or the end of the
    file."""
    block = source.read(BLOCK)
    if not block:
        return b""
    if len(block) < BLOCK:
        raise _malformation("is truncated")
    if block == _ZEROS:
        if source.read(BLOCK) not in (_ZEROS, b""):
            raise _malformation("has a block of zeros among its headers")
        return b""
    field = block[148:156]
    wrong = sum(block) - sum(field) + sum(b" " * 8) - _number(field)
    # Some old writers summed signed characters, which POSIX forbids and everybody reads.
    if wrong and wrong != 256 * sum(byte > 127 for byte in block[:148] + block[156:]):
        raise _malformation("has a header with a wrong checksum")
    return block


def _member(block: bytes, extended: Mapping[bytes, bytes], size: int, extents: tuple[Extent, ...]) -> Member:
    name = extended.get(b"GNU.sparse.name") or extended.get(b"path") or _name(block)
    kind = block[156:157]
    if kind == b"\0" and name.endswith(b"/"):
        kind = DIRECTORY  # V7 has no type for it
    device = block[257:262] == b"ustar" and kind in (b"3", b"4")
    return Member(
        name=name,
        type=kind,
        mode=_number(block[100:108]) & 0o7777,
        uid=_owner(_decimal(extended, b"uid", _number(block[108:116]))),
        gid=_owner(_decimal(extended, b"gid", _number(block[116:124]))),
        size=size,
        mtime_ns=_time(extended, _number(block[136:148])),
        link=extended.get(b"linkpath") or _text(block[157:257]),
        rdev=(_number(block[329:337]), _number(block[337:345])) if device else (0, 0),
        xattrs={key.removeprefix(_XATTR): value for key, value in extended.items() if key.startswith(_XATTR)},
        extents=extents,
    )


def _name(block: bytes) -> bytes:
    name = _text(block[:100])
    if block[257:263] != b"ustar\0":  # GNU has other fields in the place of the prefix, V7 nothing
        return name
    prefix = _text(block[345:476] if block[508:512] == b"tar\0" else block[345:500])
    return prefix + b"/" + name if prefix else name


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _number(field: bytes) -> int:
    """Return the number in octal digits between spaces and NULs, or in GNU's base-256 with the first
    bit set."""
    if field[0] & 0x80:
        value = int.from_bytes(field) & ~(1 << 8 * len(field) - 1)
        return value - (1 << 8 * len(field) - 1) if field[0] & 0x40 else value
    digits = field.strip(b" \0").split(b"\0", 1)[0]
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise _malformation("has a header with a number that is none")
    return int(digits, 8)


def _size(block: bytes) -> int:
    size = _number(block[124:136])
    if size < 0 or size >> 63:
        raise _malformation("has a member of an impossible size")
    return size


def _owner(number: int) -> int:
    if not 0 <= number < 0xFFFFFFFF:  # the last one means "no change" to chown(2)
        raise _malformation("has a member of an impossible owner")
    return number


def _decimal(extended: Mapping[bytes, bytes], keyword: bytes, otherwise: int) -> int:
    text = extended.get(keyword)
    return _natural(text) if text else otherwise


def _natural(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise _malformation("has an extended header with a number that is none")
    return int(text)


def _time(extended: Mapping[bytes, bytes], seconds: int) -> int:
    """Return nanoseconds of PAX's decimal seconds, digits beyond the ninth cut."""
    text = extended.get(b"mtime")
    if not text:
        if abs(seconds) >> 63:
            raise _malformation("has a member of an impossible time")
        return seconds * 1_000_000_000
    integer, _, fraction = text.removeprefix(b"-").partition(b".")
    nanoseconds = _natural(integer or b"0") * 1_000_000_000 + _natural(fraction[:9].ljust(9, b"0"))
    return -nanoseconds if text.startswith(b"-") else nanoseconds


def _records(body: bytes) -> dict[bytes, bytes]:
    """Return PAX records, ``LENGTH KEYWORD=VALUE\n`` each; those of a GNU 0.0 sparse map become one of
    0.1."""
    records: dict[bytes, bytes] = {}
    sparse: list[bytes] = []
    at = 0
    while at < len(body):
        space = body.find(b" ", at, at + 20)
        length = _natural(body[at:space]) if space > at else 0
        record = body[space + 1 : at + length]
        keyword, equals, value = record.removesuffix(b"\n").partition(b"=")
        if (
            not (keyword and equals and record.endswith(b"\n") and at + length <= len(body))
            or b"\0" in keyword
        ):
            raise _malformation("has an extended header that is not made of records")
        if keyword in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            sparse.append(value)
        else:
            records[keyword] = value
        at += length
    if sparse:
        records[b"GNU.sparse.map"] = b",".join(sparse)
    return records


def _contents(
    source: ByteSource, block: bytes, extended: Mapping[bytes, bytes], stored: int
) -> tuple[int, tuple[Extent, ...], int]:
    """Return the file's size, the extents of its bytes, and their end; read a sparse map on the way."""
    begin = source.position
    if block[156:157] == b"S":
        pairs = _gnu_map(source, block)
        begin = source.position  # the map's blocks do not count in the member's size
        size = _number(block[483:495])
    elif (extended.get(b"GNU.sparse.major"), extended.get(b"GNU.sparse.minor")) == (b"1", b"0"):
        pairs = _leading_map(source)
        size = _decimal(extended, b"GNU.sparse.realsize", stored)
    elif text := extended.get(b"GNU.sparse.map"):
        pairs = _pairs([_natural(number) for number in text.split(b",")])
        size = _decimal(extended, b"GNU.sparse.size", stored)
    else:
        pairs = [(0, stored)]
        size = stored
    end = begin + stored
    return size, _extents(pairs, size, source.position, end), end


def _gnu_map(source: ByteSource, block: bytes) -> list[tuple[int, int]]:
    """Return the map of GNU's own sparse type: four pairs in the header, 21 in each block that follows it."""
    pairs: list[tuple[int, int]] = []
    place, more = block[386:482], block[482]
    while True:
        for at in range(0, len(place), 24):
            if place[at] == 0:
                break
            pairs.append((_number(place[at : at + 12]), _number(place[at + 12 : at + 24])))
        if not more:
            return pairs
        if len(pairs) * 24 > EXTENDED_LIMIT:
            raise _malformation("has a sparse map of more than 1 MiB")
        following = _exactly(source, BLOCK)
        place, more = following[:504], following[504]


def _leading_map(source: ByteSource) -> list[tuple[int, int]]:
    """Return the map of PAX sparse format 1.0: lines before the contents, the first with their number, padded
    to blocks."""
    text = _exactly(source, BLOCK)
    wanted = 2 * _natural(text.split(b"\n", 1)[0])
    blocks, lines = [text], text.count(b"\n") - 1
    while lines < wanted:
        if len(blocks) * BLOCK > EXTENDED_LIMIT:
            raise _malformation("has a sparse map of more than 1 MiB")
        blocks.append(_exactly(source, BLOCK))
        lines += blocks[-1].count(b"\n")
    return _pairs([_natural(line) for line in b"".join(blocks).split(b"\n")[1 : wanted + 1]])


def _pairs(numbers: list[int]) -> list[tuple[int, int]]:
    if len(numbers) % 2:
        raise _malformation("has a sparse map that is cut")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _extents(pairs: list[tuple[int, int]], size: int, begin: int, end: int) -> tuple[Extent, ...]:
    """Return extents after checking that they are in order, within the file, and together as long as the
    stored bytes."""
    extents: list[Extent] = []
    last = 0
    for offset, length in pairs:
        if offset < last or length < 0 or offset + length > size:
            raise _malformation("has a sparse map that is out of order or longer than its file")
        last = offset + length
        if length:
            extents.append((offset, begin, length))
            begin += length
    if begin != end or size >> 63:
        raise _malformation("has a sparse map that is not as long as its contents")
    return tuple(extents)


def _exactly(source: ByteSource, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise _malformation("is truncated")
    return data


def _malformation(title: str) -> ImageContentError:
    return ImageContentError(
        f"A layer or archive {title}.", "It is damaged or no tar: fetch or save it again."
    )
