"""The lock file and limits, and traces that are used again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tracing.test_tracefile import TRACE
from tracewhale.errors import ImageGrew, NewPaths, UsageError
from tracewhale.project.cache import TraceCache, key_of
from tracewhale.project.lock import Amount, Limits, LockedImage, parse_amount, read_lock, write_lock
from tracewhale.tracing.events import Step
from tracewhale.tracing.exchanges import Exchange, HttpRequest

MADE = LockedImage("sha256:0", "sha256:1", 1000, ("/a", "/b\udcff"))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1000", Amount(1000)),
        ("50MB", Amount(50_000_000)),
        ("1.5 GiB", Amount(1.5 * 2**30)),
        ("2kb", Amount(2000)),
        ("10%", Amount(10, percent=True)),
    ],
)
def test_amounts(text: str, amount: Amount) -> None:
    assert parse_amount(text, percent=True) == amount


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "5XB", "1e3", "5%"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(UsageError):
        parse_amount(text)


def test_limits() -> None:
    lock = {"a": MADE}
    assert Limits(Amount(1000), Amount(0), True, lock).error("a", MADE) is None
    assert isinstance(Limits(Amount(999)).error("a", MADE), ImageGrew)
    larger = replace(MADE, size=1101)
    assert Limits(growth=Amount(10, percent=True), lock=lock).error("a", replace(MADE, size=1100)) is None
    assert isinstance(Limits(growth=Amount(10, percent=True), lock=lock).error("a", larger), ImageGrew)
    assert isinstance(Limits(growth=Amount(100), lock=lock).error("a", larger), ImageGrew)
    assert Limits(growth=Amount(0), no_new_paths=True, lock=lock).error("other", larger) is None


def test_new_paths_are_shown() -> None:
    made = replace(MADE, paths=("/a", "/c"))
    error = Limits(no_new_paths=True, lock={"a": MADE}).error("a", made)
    assert isinstance(error, NewPaths)
    assert "1 paths that the lock file lacks:\n+ /c\n- /b\udcff" in error.what
    assert Limits(no_new_paths=True, lock={"a": MADE}).error("a", replace(MADE, paths=("/a",))) is None


def test_a_lock_file_keeps_its_other_images(tmp_path: Path) -> None:
    path = str(tmp_path / "tracewhale.lock")
    assert read_lock(path) == {}
    write_lock(path, "b", MADE)
    first = Path(path).read_bytes()
    write_lock(path, "a", replace(MADE, size=5))
    assert read_lock(path) == {"a": replace(MADE, size=5), "b": MADE}
    Path(path).unlink()
    write_lock(path, "b", MADE)
    assert Path(path).read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["tracewhale.lock"]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2, "targets": {}}', '{"version": 1, "targets": {"a": {}}}']
)
def test_what_is_no_lock_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(UsageError):
        read_lock(str(tmp_path / "a"))


def test_a_lock_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_lock(str(tmp_path / "none" / "lock"), "a", MADE)


def test_a_trace_is_found_again(tmp_path: Path) -> None:
    cache = TraceCache(str(tmp_path / "new"))
    assert cache.find("k") is None
    cache.store("k", TRACE)
    assert cache.find("k") == TRACE
    (tmp_path / "new" / "k.trace").write_text("cut")
    assert cache.find("k") is None


def test_a_key_is_of_all_that_a_trace_depends_on() -> None:
    step = Step("http", "@a", exchanges=(Exchange(HttpRequest("POST", "/", body=b"a")),))
    other = Step("http", "@a", exchanges=(Exchange(HttpRequest("POST", "/", body=b"b")),))
    keys = {
        key_of("sha256:0", {"a": 1}, [step]),
        key_of("sha256:1", {"a": 1}, [step]),
        key_of("sha256:0", {"a": 2}, [step]),
        key_of("sha256:0", {"a": 1}, [other]),
        key_of("sha256:0", {"a": 1}, [step, step]),
    }
    assert len(keys) == 5
    assert key_of("sha256:0", {"a": 1}, [step]) in keys
