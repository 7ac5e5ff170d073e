"""The three forms of rpm's database: read the package headers, and write the newest form.

SQLite (rpm, lib/backend/sqlite.c) is Fedora's since 33 and RHEL's since 9, NDB (lib/backend/ndb/rpmpkg.c)
SUSE's, and Berkeley DB's hash (db_page.h) that of older systems. A malformed or hostile file counts as one
without packages.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress

PACKAGES = "Packages"
INDEXES = frozenset(
    "Name Basenames Group Requirename Providename Conflictname Obsoletename Triggername Dirnames Installtid "
    "Sigmd5 Sha1header Filetriggername Transfiletriggername Recommendname Suggestname Supplementname "
    "Enhancename".split()
)
"""Tables of SQLite's form beside ``Packages``: keys, and the numbers of the packages that have them."""

BINARY = frozenset({"Installtid", "Sigmd5"})
"""The tables whose keys are not text."""

OTHER_COLUMNS = "hnum INTEGER NOT NULL, idx INTEGER NOT NULL, FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum)"

STEPS = 50_000_000
"""The most steps of SQLite's machine for one database; a real one takes a hundredth."""

WAL_VERSION = slice(18, 20)
CHANGE_COUNTER, VALID_FOR, WRITER = slice(24, 28), slice(92, 96), slice(96, 100)
"""Offsets in SQLite's file header (sqlite.org/fileformat2.html, 1.3)."""

NDB_MAGIC, SLOT_MAGIC, BLOB_MAGIC = b"RpmP", b"Slot", b"BlbS"
NDB_PAGE, NDB_BLOCK = 4096, 16

BDB_HASH_MAGIC = 0x00061561
BDB_HASH_PAGES = (2, 13)
BDB_OVERFLOW_PAGE = 7
BDB_OFF_PAGE = 3
BDB_PAGE_HEADER = 26


Row = tuple[bytes | str | int, int, int]
"""A row of a table of keys: the key, the package's number, and the position of the key among its values."""


def headers(data: bytes) -> dict[int, bytes]:
    """Return the headers in a database of any form, by the package's number."""
    if data.startswith(b"SQLite format 3\0"):
        return _sqlite(data)[0]
    if data.startswith(NDB_MAGIC):
        return dict(_ndb(data))
    return dict(enumerate(_bdb(data), 1))


def subset(data: bytes, chosen: Mapping[int, tuple[str, bytes]]) -> bytes:
    """Return a database in SQLite's form with some of another's packages, given as number: (name, header).

    The same packages give the same bytes: the version of the writing SQLite is not in them.
    """
    rows: Mapping[str, list[Row]] = {"Name": [(name, number, 0) for number, (name, _) in chosen.items()]}
    if data.startswith(b"SQLite format 3\0"):
        rows = _sqlite(data)[1]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA page_size = 512")
        database.execute(
            "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
        )
        database.executemany(
            "INSERT INTO Packages VALUES (?, ?)", [(n, blob) for n, (_, blob) in sorted(chosen.items())]
        )
        for table in sorted(INDEXES):
            kind = "BLOB" if table in BINARY else "TEXT"
            database.execute(f"CREATE TABLE '{table}' (key '{kind}' NOT NULL, {OTHER_COLUMNS})")
            own = _in_order([row for row in rows.get(table, []) if row[1] in chosen])
            database.executemany(f"INSERT INTO '{table}' VALUES (?, ?, ?)", own)
            database.execute(f"CREATE INDEX '{table}_key_idx' ON '{table}'(key ASC)")
        database.commit()
        written = bytearray(database.serialize())
    written[CHANGE_COUNTER] = written[VALID_FOR] = (1).to_bytes(4, "big")
    written[WRITER] = (3_040_000).to_bytes(4, "big")
    return bytes(written)


def _in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row[1], row[2], str(row[0])))


def _sqlite(data: bytes) -> tuple[dict[int, bytes], dict[str, list[Row]]]:
    """Return headers by number, and the rows of the other tables. SQL in the file is not executed."""
    image = bytearray(data)
    # A database in WAL mode cannot be opened from memory, and the image has none of its -wal file.
    image[WAL_VERSION] = b"\1\1"
    blobs: dict[int, bytes] = {}
    tables: dict[str, list[Row]] = {}
    with suppress(sqlite3.Error, OverflowError, UnicodeError), closing(sqlite3.connect(":memory:")) as opened:
        opened.deserialize(bytes(image))
        opened.set_progress_handler(lambda: 1, STEPS)
        opened.execute("PRAGMA trusted_schema = OFF")
        opened.execute("PRAGMA query_only = ON")
        names = {
            name
            for (name,) in opened.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
            )
        }
        if PACKAGES in names:
            rows = opened.execute("SELECT hnum, blob FROM Packages ORDER BY hnum")
            blobs = {n: blob for n, blob in rows if isinstance(n, int) and isinstance(blob, bytes)}
        for name in sorted(names & INDEXES):
            rows = opened.execute(f"SELECT key, hnum, idx FROM '{name}'")
            tables[name] = [row for row in rows if isinstance(row[1], int) and isinstance(row[2], int)]
    return blobs, tables


def _ndb(data: bytes) -> Iterator[tuple[int, bytes]]:
    if len(data) < 32:
        return
    (pages,) = struct.unpack_from("<I", data, 12)
    for at in range(32, min(pages * NDB_PAGE, len(data) - NDB_BLOCK + 1), NDB_BLOCK):
        magic, number, block, _ = struct.unpack_from("<4sIII", data, at)
        offset = block * NDB_BLOCK
        if magic != SLOT_MAGIC or not number or offset + NDB_BLOCK > len(data):
            continue
        head, same, _, size = struct.unpack_from("<4sIII", data, offset)
        if head == BLOB_MAGIC and same == number:
            yield number, data[offset + NDB_BLOCK : offset + NDB_BLOCK + size]


def _bdb(data: bytes) -> Iterator[bytes]:
    """Yield values of a hash database that are long enough for pages of their own, as all headers are."""
    if len(data) < 512:
        return
    order = next((o for o in "<>" if struct.unpack_from(f"{o}I", data, 12)[0] == BDB_HASH_MAGIC), "")
    if not order:
        return
    (size,) = struct.unpack_from(f"{order}I", data, 20)
    if size < 512 or size > 65536 or size & (size - 1):
        return
    for page in range(size, len(data) - size + 1, size):
        entries, _, _, kind = struct.unpack_from(f"{order}HHBB", data, page + 20)
        if kind not in BDB_HASH_PAGES or BDB_PAGE_HEADER + 2 * entries > size:
            continue
        offsets = struct.unpack_from(f"{order}{entries}H", data, page + BDB_PAGE_HEADER)
        for offset in offsets[1::2]:
            if offset + 12 <= size and data[page + offset] == BDB_OFF_PAGE:
                first, length = struct.unpack_from(f"{order}II", data, page + offset + 4)
                yield _overflow(data, order, size, first)[:length]


def _overflow(data: bytes, order: str, size: int, number: int) -> bytes:
    pieces: list[bytes] = []
    for _ in range(len(data) // size):
        page = number * size
        if not number or page + size > len(data):
            break
        following, _, used, _, kind = struct.unpack_from(f"{order}IHHBB", data, page + 16)
        if kind != BDB_OVERFLOW_PAGE:
            break
        pieces.append(data[page + BDB_PAGE_HEADER : page + BDB_PAGE_HEADER + used])
        number = following
    return b"".join(pieces)
