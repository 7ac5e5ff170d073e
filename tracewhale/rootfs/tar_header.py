"""One tar header as bytes: ustar, preceded by a PAX extended header if ustar is not sufficient.

Format: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format". The module tarfile is not
used, because an image's digest depends on these bytes: they must be the same under every version of Python,
and an extended attribute's value (SCHILY.xattr.*) is bytes, not text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tracewhale.rootfs.tree import Entry, Kind

BLOCK = 512

HARD_LINK = b"1"
TYPES = {
    Kind.FILE: b"0",
    Kind.SYMLINK: b"2",
    Kind.CHARACTER: b"3",
    Kind.BLOCK: b"4",
    Kind.DIRECTORY: b"5",
    Kind.FIFO: b"6",
}
"""The types of POSIX ustar; a socket has none."""

_PAX = b"x"
_NAME_SIZE = 100


def padding(size: int) -> int:
    """Return the number of bytes from the end of ``size`` bytes of contents to the next block."""
    return -size % BLOCK


def member_name(path: str, kind: Kind) -> bytes:
    """Return a physical path as a member's name: relative, the root as ``./``, directories with a final
    slash."""
    name = os.fsencode(path).lstrip(b"/")
    if kind is Kind.DIRECTORY:
        return name + b"/" if name else b"./"
    return name


def header(entry: Entry, xattrs: dict[bytes, bytes], hard_link_to: str = "") -> bytes:
    """Return all header blocks of one member. ``xattrs`` are written in their order.

    ``hard_link_to`` is the physical path of the member of which this one is another name: it has no contents,
    but repeats the metadata, because unpacking sets them again.
    """
    name = member_name(entry.path, entry.kind)
    kind = HARD_LINK if hard_link_to else TYPES[entry.kind]
    link = os.fsencode(hard_link_to).lstrip(b"/") if hard_link_to else os.fsencode(entry.target)
    size = entry.size if kind == TYPES[Kind.FILE] else 0
    seconds, nanoseconds = divmod(entry.mtime_ns, 1_000_000_000)

    records: list[tuple[bytes, bytes]] = []
    for keyword, text in ((b"path", name), (b"linkpath", link)):
        if len(text) > _NAME_SIZE or not text.isascii():
            records.append((keyword, text))
    if not all(map(_is_utf8, (name, link))):
        records.insert(0, (b"hdrcharset", b"BINARY"))
    for keyword, number, digits in ((b"uid", entry.uid, 7), (b"gid", entry.gid, 7), (b"size", size, 11)):
        if not _fits(number, digits):
            records.append((keyword, b"%d" % number))
    if nanoseconds or not _fits(seconds, 11):
        records.append((b"mtime", _decimal(entry.mtime_ns)))
    records += [(b"SCHILY.xattr." + name, value) for name, value in xattrs.items()]

    ustar = _ustar(name, kind, entry.mode, entry.uid, entry.gid, size, seconds, link, entry.rdev)
    return b"".join((*_extended_header(records), ustar))


def _extended_header(records: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    if records:
        body = b"".join(_record(keyword, value) for keyword, value in records)
        yield _ustar(b"././@PaxHeader", _PAX, 0o644, 0, 0, len(body), 0)
        yield body + bytes(padding(len(body)))


def _record(keyword: bytes, value: bytes) -> bytes:
    """Return ``LENGTH KEYWORD=VALUE\n``, whose length includes its own digits."""
    rest = len(keyword) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, keyword, value)


def _ustar(
    name: bytes,
    kind: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    block = b"".join(
        (
            name[:_NAME_SIZE].ljust(_NAME_SIZE, b"\0"),
            _octal(mode, 7),
            _octal(uid, 7),
            _octal(gid, 7),
            _octal(size, 11),
            _octal(mtime, 11),
            b" " * 8,
            kind,
            link[:_NAME_SIZE].ljust(_NAME_SIZE, b"\0"),
            b"ustar\00000",
            bytes(64),  # no user and group names: an image's own /etc/passwd may not know them
            _octal(device[0], 7),
            _octal(device[1], 7),
            bytes(167),
        )
    )
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def _octal(number: int, digits: int) -> bytes:
    """Return a number field with its NUL; 0 if the number does not fit and is in a PAX record."""
    return b"%0*o\0" % (digits, number if _fits(number, digits) else 0)


def _fits(number: int, digits: int) -> bool:
    return 0 <= number < 1 << 3 * digits


def _decimal(nanoseconds: int) -> bytes:
    """Return a PAX time: decimal seconds without trailing zeros, with the sign first."""
    seconds, fraction = divmod(abs(nanoseconds), 1_000_000_000)
    sign = "-" if nanoseconds < 0 else ""
    return f"{sign}{seconds}.{fraction:09d}".rstrip("0").rstrip(".").encode()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
