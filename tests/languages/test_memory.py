"""A directory remembers the mentions of texts; a damaged entry is read anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.languages.text import SourceTree, edges
from tracewhale.languages import close, memory
from tracewhale.rootfs.tree import View

TREE = "/app/a.py: import b\\n\n/app/b.py: import c\\n\n/app/c.py: x"
EDGES = "/app/a.py:1 b -> /app/b.py (import)\n/app/b.py:1 c -> /app/c.py (import)"


@pytest.fixture(autouse=True)
def of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_known", {})


def closed(directory: Path) -> str:
    """The edges of the tree, as a process of its own finds them."""
    memory._known.clear()
    return edges(close(View(SourceTree(TREE)), ["/app/a.py"], memory=str(directory)))


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        pytest.fail("a text is read that is remembered")

    monkeypatch.setattr("tracewhale.languages.python.names.mentions", read)


def change(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / memory.FILE)) as connection, connection:
        connection.execute(statement)


def test_a_text_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "new"
    assert closed(directory) == EDGES
    forbid_reading(monkeypatch)
    assert closed(directory) == EDGES
    assert directory.stat().st_mode & 0o077 == 0


def test_other_code_reads_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert closed(tmp_path) == EDGES
    monkeypatch.setattr(memory, "reader", lambda: b"of another version")
    monkeypatch.setattr("tracewhale.languages.python.names.mentions", lambda content: iter(()))
    assert closed(tmp_path) == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: change(place, "update mentions set entry = x'00'"),
        lambda place: change(place, "update mentions set entry = substr(entry, 1, 12) || x'ff'"),
        lambda place: change(place, "update mentions set entry = 'text'"),
        lambda place: change(place, "drop table mentions"),
        lambda place: (place / memory.FILE).write_bytes(b"no data base, but longer than a header" * 100),
        lambda place: ((place / memory.FILE).unlink(), (place / memory.FILE).mkdir()),
    ],
    ids=["empty", "cut", "no bytes", "no table", "no data base", "a directory"],
)
def test_damage_is_absence(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    assert closed(tmp_path) == EDGES
    damage(tmp_path)
    assert closed(tmp_path) == EDGES


def test_a_place_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert closed(tmp_path / "file") == EDGES


def test_a_file_that_another_process_locks_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BUSY", 0.0)
    assert closed(tmp_path) == EDGES
    with closing(sqlite3.connect(tmp_path / memory.FILE)) as connection:
        connection.execute("begin exclusive")
        assert closed(tmp_path) == EDGES


def test_a_large_file_loses_half_of_its_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FILE_SIZE", 0)
    assert closed(tmp_path) == EDGES
    with closing(sqlite3.connect(tmp_path / memory.FILE)) as connection:
        assert connection.execute("select count(*) from mentions").fetchone() == (5,)
