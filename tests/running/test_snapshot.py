"""The mounts that a run may write to, and those that take their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracewhale.engines.embedded.mount_snapshot import copied_mounts, mount_snapshot
from tracewhale.running.options import parse_options
from tracewhale.running.run import Run
from tracewhale.running.snapshot import remount, too_large, writable_mounts

OPTIONS = parse_options(
    environ={},
    volume=["/in:/in:ro", "/out:/out", "data:/data:z", "/anonymous"],
    mount=[
        "type=bind,src=/b,dst=/b",
        "type=bind,src=/r,dst=/r,ro",
        "type=tmpfs,dst=/t",
        "type=volume,dst=/v",
    ],
)


def test_mounts_that_may_be_written_to() -> None:
    assert writable_mounts(OPTIONS) == {"/out": "/out", "/data": "data", "/b": "/b"}


def test_copies_take_the_place_of_mounts() -> None:
    new = remount(OPTIONS, {"/out": "copy1", "/b": "copy2"})
    assert new.volumes == ("/in:/in:ro", "data:/data:z", "/anonymous", "copy1:/out", "copy2:/b")
    assert [mount["Target"] for mount in new.mounts] == ["/r", "/t", "/v"]
    assert remount(OPTIONS, {}) == OPTIONS


def test_each_copy_is_as_the_mount_was_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("before")
    run = Run("t", "i", {}, parse_options(environ={}, volume=[f"{out}:/out"]))
    with mount_snapshot(run) as snapshot:
        (out / "old").write_text("after")
        (out / "new").write_text("made")
        for _ in range(2):
            with copied_mounts(snapshot) as copies:
                copy = Path(copies["/out"])
                assert [path.name for path in copy.iterdir()] == ["old"]
                assert (copy / "old").read_text() == "before"
                (copy / "again").write_text("x")
    assert sorted(path.name for path in out.iterdir()) == ["new", "old"]


def test_what_cannot_be_copied_has_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "large").mkdir()
    (tmp_path / "large/a").write_text("xxx")
    monkeypatch.setattr("tracewhale.running.snapshot.BYTES_LIMIT", 2)
    assert too_large(str(tmp_path / "large"))
    volumes = [f"{tmp_path}/file:/file", f"{tmp_path}/large:/large"]
    with mount_snapshot(Run("t", "i", {}, parse_options(environ={}, volume=volumes))) as snapshot:
        assert snapshot.destinations == ()
        assert ["/file" in snapshot.notes[0], "/large" in snapshot.notes[1]] == [True, True]
