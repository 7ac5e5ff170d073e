"""A workspace goes with its owner, whatever is in it, and those of the dead go with the next."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracewhale.engines.embedded.workspace import remove, sweep, workspace
from tracewhale.errors import NoSpace


def test_only_its_owner_may_enter_and_it_is_gone_afterwards(tmp_path: Path) -> None:
    with workspace(str(tmp_path)) as path:
        assert os.stat(path).st_mode & 0o7777 == 0o700
        Path(path, "file").write_text("x")
        Path(path, "a/b").mkdir(parents=True)
    assert os.listdir(tmp_path) == []


def test_it_goes_when_something_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), workspace(str(tmp_path)):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_what_the_dead_left_is_swept_and_what_the_living_have_is_not(tmp_path: Path) -> None:
    script = (
        "import sys; from tracewhale.engines.embedded.workspace import workspace\n"
        "with workspace(sys.argv[1]) as path: print(path, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    dying = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with dying, workspace(str(tmp_path)) as living:
        assert dying.stdout is not None
        dead = dying.stdout.readline().strip()
        sweep(str(tmp_path))
        assert {os.path.basename(living), os.path.basename(dead)} == set(os.listdir(tmp_path))
        dying.kill()
        dying.wait()
        sweep(str(tmp_path))
        assert os.listdir(tmp_path) == [os.path.basename(living)]


def test_the_lock_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies while it cleans up leaves the lock as long as anything else is left."""
    removed: list[str] = []
    unlink = os.unlink

    def record(path: str, **more: int) -> None:
        removed.append(os.path.basename(path))
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", record)
    with workspace(str(tmp_path)) as path:
        Path(path, "a/b").mkdir(parents=True)
        for name in ("a/b/x", "a/y", "z"):
            Path(path, name).write_text("x")
    assert sorted(removed[:-1]) == ["x", "y", "z"]
    assert removed[-1] == "lock"


def test_what_has_no_lock_is_swept(tmp_path: Path) -> None:
    """A run that was killed after its lock had gone, and one that was before it had one."""
    (tmp_path / "tracewhale-run-dead/left").mkdir(parents=True)
    (tmp_path / "tracewhale-new-dead").mkdir()
    os.utime(tmp_path / "tracewhale-new-dead", (0, 0))
    sweep(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    for name in ("tracewhale-new-x", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "tracewhale-run-link").symlink_to(tmp_path / "other")
    (tmp_path / "other/lock").write_text("")
    foreign = tmp_path / "tracewhale-run-foreign"
    foreign.mkdir()
    (foreign / "lock").write_text("")
    os.chown(foreign, 12345, 12345)
    before = sorted(os.listdir(tmp_path))
    sweep(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "other/lock").exists()


def test_a_lock_that_is_a_link_opens_nothing(tmp_path: Path) -> None:
    directory, precious = tmp_path / "tracewhale-run-x", tmp_path / "precious"
    directory.mkdir()
    precious.write_text("x")
    (directory / "lock").symlink_to(precious)
    sweep(str(tmp_path))
    assert precious.read_text() == "x"
    assert directory.exists()


def test_anything_is_removed_and_no_link_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    place = tmp_path / "place"
    place.mkdir()
    (place / "link").symlink_to(outside)
    (place / "closed").mkdir()
    (place / "closed/link").symlink_to("../../outside")
    (place / "closed").chmod(0)
    os.mkfifo(place / "fifo")
    os.mkdir(os.fsencode(place) + b"/\xff")
    remove(str(place))
    assert not place.exists()
    assert os.listdir(outside) == ["kept"]
    remove(str(place))


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    here = os.open(place, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 10, dir_fd=here)
        below = os.open("d" * 10, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    remove(str(place))
    assert not place.exists()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(NoSpace, match=str(tmp_path)), workspace(str(tmp_path)):
        pass


def test_a_lock_is_held_while_it_is_used(tmp_path: Path) -> None:
    with (
        workspace(str(tmp_path)) as path,
        open(os.path.join(path, "lock"), "rb") as lock,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
