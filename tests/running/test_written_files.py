"""The files that a run wrote, read from an overlay's upper directory and from mounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.trees import MemoryTree
from tracewhale.rootfs.tree import Tree
from tracewhale.running import written_files
from tracewhale.running.written_files import TooMuch, Writings
from tracewhale.tracing.events import Outcome

OUTCOME = Outcome(0, hostname="abc")


def layer(directory: Path, image: Tree, *outside: str) -> list[tuple[str, str, int]]:
    writings = Writings(OUTCOME)
    writings.add_layer(str(directory), image, outside)
    return [(file.path, file.kind, file.size) for file in writings.files]


def test_what_is_as_in_the_image_was_not_written(tmp_path: Path) -> None:
    image = MemoryTree("/etc/passwd: root\n/app/x: 123\n/app/y: 123")
    entry = (image.scan(["/app"])["/app"] or {})["x"]
    for name, text in (("etc/passwd", "other"), ("app/x", "123"), ("app/new", "12"), ("run/pid", "1")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    os.utime(tmp_path / "app/x", ns=(entry.mtime_ns, entry.mtime_ns))  # only its owner was changed
    (tmp_path / "app/link").symlink_to("/etc/shadow")
    (tmp_path / ".dockerenv").touch()
    assert layer(tmp_path, image, "/run", "/mnt/deep") == [
        ("/app/link", "symlink", 0),
        ("/app/new", "file", 2),
        ("/etc/passwd", "file", 5),
    ]


def test_a_mount_counts_as_a_whole_and_texts_without_times(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/log").write_text("2026-01-01 10:00:00 abc\n")
    os.mkfifo(tmp_path / "pipe")
    digests = []
    for text in ("2026-01-01 10:00:00 abc\n", "2026-01-02 11:00:00 abc\n"):
        (tmp_path / "in/log").write_text(text)
        writings = Writings(OUTCOME)
        writings.add_mounts({"/data/": str(tmp_path)})
        assert [(f.path, f.kind) for f in writings.files] == [
            ("/data/in", "directory"),
            ("/data/in/log", "file"),
            ("/data/pipe", "fifo"),
        ]
        digests.append(writings.files[1])
    assert digests[0].digest != digests[1].digest
    assert digests[0].normal == digests[1].normal != ""


def test_contents_that_are_no_text_have_no_normal_form(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    (tmp_path / "b").write_bytes(b"a\0b")
    writings = Writings(OUTCOME)
    writings.add_mounts({"/": str(tmp_path)})
    assert [(file.path, file.normal) for file in writings.files] == [("/a", ""), ("/b", "")]


@pytest.mark.parametrize("limit", ["BYTES_LIMIT", "FILES_LIMIT"])
def test_too_much_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(written_files, limit, 1)
    for name in "ab":
        (tmp_path / name).write_text("xx")
    with pytest.raises(TooMuch):
        Writings(OUTCOME).add_mounts({"/": str(tmp_path)})


def test_a_socket_and_what_is_too_large_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("small", "large"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("xx" if name == "small" else "xxxx")
    monkeypatch.setattr("tracewhale.running.snapshot.BYTES_LIMIT", 3)
    writings = Writings(OUTCOME)
    sources = {f"/{name}": str(tmp_path / name) for name in ("small", "large", "small/file", "none")}
    writings.add_mounts(sources)
    assert [file.path for file in writings.files] == ["/small/file"]
