"""A sandbox changes nothing outside of it, whatever its image holds and whatever ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import left_of
from tests.engines.embedded.conftest import Runner, Unpacked
from tracewhale.errors import EngineError, UsageError

LONG = 60
"""Seconds that anything here may take at most."""


def picture(directory: Path | str) -> list[str]:
    """All that lstat(2) tells of a directory's files but when they were last read, a line each."""
    lines = []
    for path, names, files in os.walk(directory):
        for name in [*names, *files, "."]:
            status = os.lstat(os.path.join(path, name))
            facts = (status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns)
            lines.append(f"{path}/{name} {status.st_ino} {facts} {status.st_ctime_ns}")
    return sorted(lines)


CHANGES = (
    "rm -r /etc/apt /usr/bin/apt; echo x > /new; echo y >> /etc/passwd; chmod 700 /usr; mv /home /moved; "
    "chown 5 /etc/group; ln /etc/group /etc/another; ls -d /etc/apt /new /moved /etc/another; cat /new"
)


@pytest.mark.parametrize("way", [0, 1, 2], ids=["overlay on disk", "overlay in memory", "copy"])
def test_a_directory_is_never_written_to(runner: Runner, unpacked: Unpacked, way: int) -> None:
    directory, _ = unpacked("base")
    before = picture(directory)
    runner.first_way = way
    runner("base", "sh", "-c", CHANGES)
    assert runner.stdout == b"/etc/another\n/moved\n/new\nx\n"
    assert picture(directory) == before


def test_what_one_run_wrote_is_gone_in_the_next(runner: Runner) -> None:
    for _ in range(2):
        runner("base", "sh", "-c", "ls /new; echo x > /new")
    assert runner.stdout == b""


@pytest.fixture
def copied(unpacked: Unpacked, tmp_path: Path) -> Iterator[Path]:
    """The files of an image, to be changed: directories of its own, and hard links to the files."""
    directory, _ = unpacked("base")
    copy = tmp_path / "copied"
    shutil.copytree(directory, copy, symlinks=True, copy_function=os.link)
    yield copy
    shutil.rmtree(copy)


def replaced(place: Path, target: str) -> None:
    """A symbolic link in the place of whatever is there."""
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("form", ["{outside}/{name}", "../../../../../../../..{outside}/{name}"])
@pytest.mark.parametrize("name", ["etc/resolv.conf", "etc/hosts", "etc/hostname", "etc", "dev", "sys", "w"])
def test_a_link_in_the_place_of_a_mount_leads_nowhere_else(
    runner: Runner, copied: Path, tmp_path: Path, name: str, form: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    replaced(copied / name, form.format(outside=outside, name=name))
    with suppress(EngineError, UsageError):  # where it cannot work in a link that leads nowhere
        runner(str(copied), "/bin/sh", "-c", "echo x > /w/x; pwd; cat /etc/resolv.conf", workdir="/w/deep")
        assert runner.stdout.startswith(b"/")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("link", ["/proc/self/fd/{}", "/proc/1/fd/{}", "/proc/self/cwd", "/proc/1/cwd"])
@pytest.mark.parametrize("name", ["etc/resolv.conf", "etc/hosts", "v", "w"])
def test_magic_links_are_not_followed_out(
    runner: Runner, copied: Path, tmp_path: Path, name: str, link: str
) -> None:
    before = set(os.listdir("/")), set(os.listdir("/etc"))
    for number in range(3, 24):
        place = f"{link.format(number)}/../../../../../../escaped"
        replaced(copied / name, place)
        with suppress(EngineError, UsageError):  # where it leads nowhere
            runner(str(copied), "/bin/true", workdir="/w", tmpfs=["/v"])
    assert (set(os.listdir("/")), set(os.listdir("/etc"))) == before
    assert list(tmp_path.rglob("escaped")) == []


def test_a_working_directory_that_cannot_be_entered_is_a_mistake_of_the_request(
    runner: Runner, copied: Path
) -> None:
    with pytest.raises(UsageError, match=r"^The command cannot work in /etc/passwd/x: Not a directory\.$"):
        runner(str(copied), "/bin/true", workdir="/etc/passwd/x")


def test_a_proc_that_is_a_link_is_refused(runner: Runner, copied: Path) -> None:
    replaced(copied / "proc", "etc")
    with pytest.raises(EngineError, match="/proc is not a directory of its own"):
        runner(str(copied), "/bin/true")


REFUSED = {
    "devices": "mknod /disk b 254 0 && cat /disk",
    "devices in /dev": "mknod /dev/disk b 254 0 && cat /dev/disk",
    "devices in memory": "mknod /dev/shm/disk b 254 0 && cat /dev/shm/disk",
    "this machine's devices": "ls /dev/vda /dev/sda /dev/mem /dev/kmsg || ls /dev | grep -x -e vda -e mem",
    "kernel settings": "echo x > /proc/sys/kernel/core_pattern",
    "the kernel's memory": "grep -q . /proc/kcore",
    "devices' settings": ": > /sys/power/state",
    "mounting": "mount -t tmpfs none /mnt",
    "mounting in a name space": "unshare -Urm true",
    "the read-only state": "mount -o remount,rw /proc/sys",
    "another's processes": "kill -0 {pid}",
    "the host name": "hostname other",
    "loading modules": "chroot / /sbin/modprobe dummy",
}


@pytest.mark.parametrize("what", REFUSED)
def test_root_in_a_sandbox_may_not_use(runner: Runner, what: str) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    command = REFUSED[what].format(pid=os.getpid())
    runner("base", "sh", "-c", f"if {command}; then echo it worked; fi")
    assert runner.stdout == b""
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_a_device_of_a_mounted_directory_is_none(runner: Runner, tmp_path: Path) -> None:
    os.mknod(tmp_path / "null", 0o20666, os.makedev(1, 3))
    runner("base", "sh", "-c", "echo x > /v/null && echo it worked", volume=[f"{tmp_path}:/v"])
    assert runner.stdout == b""
    assert b"Permission denied" in runner.stderr


def test_only_its_own_processes_are_seen(runner: Runner) -> None:
    runner("base", "sh", "-c", "echo /proc/[0-9]*; exit 0")
    assert runner.stdout == b"/proc/1\n"


def tracing(target: str, script: str) -> subprocess.Popen[bytes]:
    trace = f"{os.environ['TMPDIR']}/../trace"
    words = [sys.executable, "-m", "tracewhale", "trace", "-o", trace, target, "--", "/bin/sh", "-c", script]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def command_lines() -> Iterator[str]:
    """Of every process, its words each ended by a NUL."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            yield (process / "cmdline").read_text(errors="replace")


@pytest.mark.parametrize("user", ["", "games"])
def test_a_run_that_is_killed_takes_all_with_it(unpacked: Unpacked, temporary: Path, user: str) -> None:
    directory, _ = unpacked("base")
    marker = f"sleep {os.getpid()}.5"
    become = f"setpriv --reuid 5 --clear-groups {marker}" if user else marker
    process = tracing(f"rootfs:{directory}", f"{become} & echo ready; wait")
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    deadline = time.monotonic() + LONG
    while any(marker.replace(" ", "\0") in words for words in command_lines()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(os.listdir(temporary)) == 1  # what a killed process cannot remove
    with tracing(f"rootfs:{directory}", "true") as again:
        assert again.stdout is not None
        again.stdout.read()
    assert again.returncode == 0
    assert left_of(temporary) == []


def test_a_run_that_is_told_to_end_leaves_nothing(unpacked: Unpacked, temporary: Path) -> None:
    directory, _ = unpacked("base")
    process = tracing(f"rootfs:{directory}", "trap : TERM INT; echo ready; while :; do sleep 0.1; done")
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + LONG
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGINT)  # the first ends the trace, which takes until a kill
            time.sleep(0.2)
    assert process.returncode == 130
    assert left_of(temporary) == []
