"""A program under the probe is what it would be without: its user, its powers, its descriptors, its calls."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.probe.tracing import SECONDS, agent, trace
from tracewhale.tracing.records import StartRecord

STATUS = "/proc/self/status"
# Not FDSize: the kernel sizes a process's table by the highest descriptor of the process that forked it.
SAME = "Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs SigBlk SigIgn SigCgt Umask".split()
DOCKER = "a80425fb"


def fields(status: str) -> dict[str, str]:
    lines = (line.partition(":") for line in status.splitlines())
    return {name: " ".join(value.split()) for name, _, value in lines}


def plain(*command: str) -> dict[str, str]:
    done = subprocess.run([*command, "cat", STATUS], capture_output=True, text=True, check=True)
    return fields(done.stdout)


def test_nothing_changes_without_options(probe: Path) -> None:
    traced = fields(trace(probe, ["cat", STATUS]).stdout)
    untraced = plain()
    assert {name: traced[name] for name in SAME} == {name: untraced[name] for name in SAME}
    assert int(traced["Seccomp_filters"]) == int(untraced["Seccomp_filters"]) + 1


@pytest.mark.parametrize("ambient", ["0", "400"])
def test_a_user_with_groups_and_capabilities(probe: Path, ambient: str) -> None:
    """As setpriv(1) makes it."""
    options = ["--uid", "1234", "--gid", "2345", "--groups", "44,7", "--bounding", DOCKER]
    options += [
        "--inheritable",
        ambient,
        "--permitted",
        ambient,
        "--effective",
        ambient,
        "--ambient",
        ambient,
    ]
    traced = fields(trace(probe, ["cat", STATUS], options).stdout)
    names = "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot"
    bounding = "-all," + ",".join(f"+{name}" for name in f"{names} mknod audit_write setfcap".split())
    bit = "-all,+net_bind_service" if ambient != "0" else "-all"
    privileges = ["--bounding-set", bounding, "--inh-caps", bit, "--ambient-caps", bit]
    untraced = plain("setpriv", "--reuid", "1234", "--regid", "2345", "--groups", "44,7", *privileges)
    assert {name: traced[name] for name in SAME} == {name: untraced[name] for name in SAME}


def test_what_joins_remapped_users_takes_on_theirs(probe: Path) -> None:
    """The engine's root has no number there, as with Docker's userns-remap."""
    with subprocess.Popen(["unshare", "--user", "sleep", "1000"]) as there:
        try:
            deadline = time.monotonic() + SECONDS
            while os.readlink(f"/proc/{there.pid}/ns/user") == os.readlink("/proc/self/ns/user"):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{there.pid}/{name}").write_text("0 100000 65536")
            options = ["--enter", str(there.pid), "--uid", "7", "--gid", "8", "--groups", "9"]
            traced = fields(trace(probe, ["cat", STATUS], options).stdout)
        finally:
            there.kill()
    assert (traced["Uid"], traced["Gid"], traced["Groups"]) == ("7 7 7 7", "8 8 8 8", "9")


def test_only_the_standard_descriptors(probe: Path) -> None:
    assert trace(probe, ["ls", "/proc/self/fd"]).stdout.split() == ["0", "1", "2", "3"]


def test_home_is_set_where_it_is_given(probe: Path) -> None:
    environment = {"A": "1", "HOME": "/root", "PATH": "/usr/bin"}
    traced = trace(probe, ["env"], ["--home", "/srv/x"], env=environment)
    assert traced.stdout == "A=1\nHOME=/srv/x\nPATH=/usr/bin\n"
    assert trace(probe, ["env"], env=environment).stdout == "A=1\nHOME=/root\nPATH=/usr/bin\n"


@pytest.mark.parametrize(
    ("command", "status", "errno", "stage"),
    [
        ("no-such-command", 127, 2, "find"),
        ("/no/such/file", 127, 2, "find"),
        ("/etc/passwd", 126, 13, "find"),
        ("/etc", 126, 21, "find"),
    ],
)
def test_a_command_that_cannot_be_found(
    probe: Path, command: str, status: int, errno: int, stage: str
) -> None:
    traced = trace(probe, [command])
    assert traced.status == status
    assert traced.stderr.count("\n") == 1
    assert command in traced.stderr
    assert traced.collector.started == {0: StartRecord(0, errno, stage)}
    assert traced.collector.ended_listeners == {0}


@pytest.mark.parametrize(
    ("contents", "status", "errno"), [("no format", 126, 8), ("#!/no/such/interpreter\n", 127, 2)]
)
def test_a_command_that_cannot_be_executed(
    probe: Path, tmp_path: Path, contents: str, status: int, errno: int
) -> None:
    command = tmp_path / "command"
    command.write_text(contents)
    command.chmod(0o755)
    traced = trace(probe, [str(command)])
    assert traced.status == status
    assert traced.collector.started[0] == StartRecord(0, errno, "execute")


def test_the_user_searches_the_path(probe: Path, tmp_path: Path) -> None:
    """A file that only root may execute is not found for another user, as runc has it."""
    for directory, mode in (("first", 0o700), ("second", 0o755)):
        (tmp_path / directory).mkdir()
        command = tmp_path / directory / "it"
        command.write_text(f"#!/bin/sh\necho {directory}\n")
        command.chmod(mode)
    for above in (tmp_path, *tmp_path.parents[:-2]):
        above.chmod(above.stat().st_mode | 0o011)
    environment = {"PATH": f"{tmp_path}/first:{tmp_path}/second:/bin"}
    assert trace(probe, ["it"], env=environment).stdout == "first\n"
    traced = trace(probe, ["it"], ["--uid", "1234", "--gid", "1234"], env=environment)
    assert traced.stdout == "second\n"


def test_the_shell_can_open_its_own_output_again(probe: Path) -> None:
    script = ["/bin/sh", "-c", "echo out >/dev/stdout; echo error >/dev/stderr"]
    traced = trace(probe, script, ["--uid", "1234", "--gid", "1234", "--groups", ""])
    assert (traced.status, traced.stdout, traced.stderr) == (0, "out\n", "error\n")


CALLS = """
import ctypes, errno, os, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *(ctypes.c_long(a) for a in arguments))
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"
SIGCHLD, CLONE_NEWUTS, CLONE_NEWNS = 17, 0x04000000, 0x00020000
def clone(flags):
    pid = libc.syscall(56, ctypes.c_long(flags | SIGCHLD), 0, 0, 0, 0)
    if pid == 0: os._exit(0)
    return "done" if pid > 0 else errno.errorcode[ctypes.get_errno()]
print(call(272, CLONE_NEWUTS), call(435, 0, 0), clone(0), clone(CLONE_NEWUTS), clone(CLONE_NEWNS))
print(call(165, 0, 0, 0, 0, 0), call(166, 0, 0), call(308, -1, 0), call(321, 99, 0, 0), call(170, 0, 0))
print(call(312, os.getpid(), os.getpid(), 99, 0, 0))
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
"""


def test_calls_that_the_untraced_container_is_denied(probe: Path) -> None:
    """Docker's default profile denies these without the capabilities that were added for the probe."""
    command = [sys.executable, "-I", "-S", "-c", CALLS]
    admin, ptrace = 1 << 21, 1 << 19
    both = trace(probe, command, ["--deny-added", f"{admin | ptrace:x}"])
    assert both.stdout.splitlines() == [
        "EPERM ENOSYS done EPERM EPERM",
        "EPERM EPERM EPERM EPERM EPERM",
        "EPERM",
        "thread",
    ]
    only = trace(probe, command, ["--deny-added", f"{ptrace:x}"])
    assert only.stdout.splitlines()[0] == "done EINVAL done done done"
    assert only.stdout.splitlines()[2:] == ["EPERM", "thread"]


def test_calls_that_another_capability_allows(probe: Path) -> None:
    """syslog is denied for the SYS_ADMIN that was added, but not to who has SYSLOG (bit 34) anyway."""
    code = (
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall(103, 10, None, 0) > 0)"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    denied = ["--deny-added", f"{1 << 21:x}", "--bounding", DOCKER]
    assert trace(probe, command, denied).stdout == "False\n"
    denied[-1] = f"{int(DOCKER, 16) | 1 << 34:x}"
    assert trace(probe, command, denied).stdout == "True\n"


def test_calls_that_are_denied_by_name(probe: Path) -> None:
    """The default profiles of older engines denied these."""
    # Whole words as arguments, and no error left from the call before: one that succeeds sets none.
    code = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
    code += "libc.syscall.argtypes = [ctypes.c_long] * 7\n"
    code += "for n in (303, 310, 311):\n"
    code += " ctypes.set_errno(0); libc.syscall(n, -1, 0, 0, 0, 0, 0); print(ctypes.get_errno() == 1)"
    command = [sys.executable, "-I", "-S", "-c", code]
    denied = trace(probe, command, ["--deny", "name_to_handle_at,process_vm_writev"])
    assert denied.stdout.split() == ["True", "False", "True"]
    assert trace(probe, command).stdout.split() == ["False"] * 3


def test_without_an_agent_it_fails_clearly(probe: Path) -> None:
    """Nobody takes it; half a minute is more than a test has, so the end comes from the other side."""
    command = [str(probe), "init", "--agent", "token", "--", "/bin/true"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.kill()


def test_unknown_options_are_refused(probe: Path) -> None:
    for words in (
        ["init", "--nope", "1", "--", "x"],
        ["agent", "x"],
        ["serve", "x"],
        ["init"],
        [],
        ["other"],
    ):
        done = subprocess.run([str(probe), *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 64, words
        assert done.stderr.startswith("probe: "), words


def test_a_command_that_enters_later_is_traced_too(probe: Path) -> None:
    with agent(probe) as running, running.start(["sleep", "60"], quiet=True) as first:
        assert running.run(["cat", "/etc/hostname"], ["--uid", "1234"]).returncode == 0
        first.kill()
    assert any(e.path == "/etc/hostname" and e.access == "read" for e in running.collector.events)


def test_io_uring_is_denied(probe: Path) -> None:
    """No filter sees what it opens; Docker's own profile denies it since 25.0."""
    code = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
    code += "print(libc.syscall(425, 1, 0), ctypes.get_errno())"
    assert trace(probe, [sys.executable, "-I", "-S", "-c", code]).stdout == "-1 1\n"


def test_an_agent_that_looks_while_the_door_is_made(probe: Path) -> None:
    """It must not get the other end, whichever number that has meanwhile."""
    delay = ("-e", "trace=fcntl", "-e", "inject=fcntl:delay_enter=300000")
    with agent(probe) as watcher:
        words = ["strace", "-D", "-qq", "-o", "/dev/null", *delay, *watcher.command(["true"])]
        with subprocess.Popen(words) as process:
            watcher.order(f"a {process.pid} 0 {watcher.token}")
            assert process.wait(SECONDS) == 0
