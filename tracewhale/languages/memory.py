"""A cache of the names that texts mention, by their contents: in this process, and between runs in a
directory.

This is the only module of the languages that writes. An entry's key is the digest of the text, of the suffix
of its name, and of the code that reads it; a damaged entry counts as missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tracewhale.languages.model import Language, Mention

MOST = 20_000
"""The most texts in a process's cache; many images share the same libraries."""

FILE = "mentions.db"
FILE_SIZE = 64 << 20
"""The bytes of the file above which the oldest entries are deleted."""

ENTRY_SIZE = 1 << 20
"""The most bytes of one entry; a larger one is parsed again in each run."""

BUSY = 0.5
"""Seconds to wait for another process that writes; then nothing is stored."""

READERS = ("tree-sitter", *(f"tree-sitter-{name}" for name in "bash java javascript php python ruby".split()))
CHECK = 8
"""The bytes at the beginning of an entry with the digest of the rest."""

_known: dict[bytes, tuple[Mention, ...]] = {}


class Memory:
    """The names that texts mention. With a directory, they are read from it and stored by ``save``; on errors
    it counts as empty."""

    def __init__(self, directory: str = "") -> None:
        self._directory = directory
        self._connection: sqlite3.Connection | None = None
        self._new: dict[bytes, bytes] = {}

    def mentions(self, language: Language, path: str, content: bytes) -> tuple[Mention, ...]:
        """Return the mentions of a text; it is parsed once for each suffix of a name and content.

        Raise Unparsed.
        """
        ending = path.rpartition("/")[2].rpartition(".")[2]
        key = _digest(reader(), f"{language.name} {ending}".encode("utf-8", "surrogateescape"), content)
        if key in _known:
            return _known[key]
        if len(_known) >= MOST:
            _known.clear()
        stored = self._find(key)
        if stored is None:
            mentions = dict.fromkeys(language.mentions(path, content))
            stored = tuple(sorted(mentions, key=lambda mention: mention.line))
            if self._directory:
                self._new[key] = encode(stored)
        _known[key] = stored
        return stored

    def _find(self, key: bytes) -> tuple[Mention, ...] | None:
        with suppress(sqlite3.Error, OSError):
            if self._directory and self._connection is None:
                self._connection = _open(self._directory)
            if self._connection is not None:
                row = self._connection.execute("select entry from mentions where key = ?", (key,)).fetchone()
                return decode(row[0]) if row else None
        self._directory = ""
        return None

    def save(self) -> None:
        """Store the parsed texts, and close the file."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        rows = [(key, int(time.time()), entry) for key, entry in self._new.items() if len(entry) < ENTRY_SIZE]
        self._new = {}
        with suppress(sqlite3.Error):
            with connection:
                connection.executemany("insert or replace into mentions values (?, ?, ?)", rows)
            _shorten(connection)
        with suppress(sqlite3.Error):
            connection.close()


def encode(mentions: tuple[Mention, ...]) -> bytes:
    """Return an entry of the file: a digest, and rows in JSON."""
    rows = [[m.line, m.name, m.how, m.lazy, *m.parts] for m in mentions]
    text = json.dumps(rows, separators=(",", ":")).encode()
    return hashlib.blake2b(text, digest_size=CHECK).digest() + text


def decode(entry: object) -> tuple[Mention, ...] | None:
    """Return the mentions of an entry, or None if it is damaged."""
    if not isinstance(entry, bytes):
        return None
    text = entry[CHECK:]
    if hashlib.blake2b(text, digest_size=CHECK).digest() != entry[:CHECK]:
        return None
    with suppress(ValueError, TypeError):
        rows = json.loads(text)
        return tuple(Mention(line, name, how, lazy, tuple(parts)) for line, name, how, lazy, *parts in rows)
    return None


@cache
def reader() -> bytes:
    """Return the digest of the code that reads texts: of the modules beside this one, and of the grammars."""
    here = Path(__file__).parent
    sources = [path.read_bytes() for path in sorted(here.rglob("*.py"))]
    return _digest(*sources, *(f"{name} {_version(name)}".encode() for name in READERS))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _digest(*parts: bytes) -> bytes:
    """Return the digest of a list of texts."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _open(directory: str) -> sqlite3.Connection:
    """Open the file, and replace it if it is not a database. Raise OSError, sqlite3.Error."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    path = os.path.join(directory, FILE)
    try:
        return _connect(path)
    except sqlite3.OperationalError:  # busy, or not ours to open
        raise
    except sqlite3.DatabaseError:
        os.unlink(path)
        return _connect(path)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY)
    try:
        connection.execute("pragma synchronous = off")  # a crash may damage it: then it is made anew
        connection.execute(
            "create table if not exists mentions "
            "(key blob primary key, stored integer, entry blob) without rowid"
        )
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _shorten(connection: sqlite3.Connection) -> None:
    """Delete the older half of the entries of a file that is too large; its pages are used again."""
    (pages,) = connection.execute("pragma page_count").fetchone()
    (free,) = connection.execute("pragma freelist_count").fetchone()
    (page,) = connection.execute("pragma page_size").fetchone()
    if (pages - free) * page > FILE_SIZE:
        with connection:
            connection.execute(
                "delete from mentions where key in (select key from mentions order by stored limit "
                "(select count(*) / 2 from mentions))"
            )
