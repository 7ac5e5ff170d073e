"""Under each probe the target is what it is untraced, ends as it would, and may do what it may."""

from __future__ import annotations

from typing import Any

import pytest
from docker import DockerClient

from tests.engines.docker.conftest import Runner
from tests.engines.docker.test_same_process import SCRIPT, plain_output
from tests.engines.driver_contract import after
from tracewhale.engines.docker.engine import find, inspect_image
from tracewhale.engines.probes import REAL, Probe
from tracewhale.errors import CommandKilled, CommandNotFound, ProbeError
from tracewhale.running.console import Handle
from tracewhale.running.options import parse_options
from tracewhale.running.run import Run
from tracewhale.tracing.events import Step, Trace

pytestmark = pytest.mark.usefixtures("leaves_nothing")

KINDS = pytest.mark.parametrize("kind", REAL, ids=lambda kind: kind.value)

# Besides what the native probe's own test compares: control groups, who owns /proc/1 (root's where a process
# may not be dumped), the core filter, limits, and what the shell finds ignored.
MORE = r"""
sed 's/[0-9a-f]\{64\}/ID/' /proc/1/cgroup /proc/self/cgroup
stat -c '%u %g %a' /proc/1/environ /proc/self/environ; cat /proc/1/coredump_filter; ulimit -aS; ulimit -aH
trap; cat /proc/1/comm; nice; umask
"""
OPTIONS: dict[str, dict[str, Any]] = {
    "root": {},
    "user": {"user": "games", "read_only": True},
    "user without an entry": {"user": "4242:77", "cap_drop": ["ALL"], "workdir": "/usr/share"},
    "no new privileges": {"security_opt": ["no-new-privileges"], "ulimit": ["core=0", "nofile=100:200"]},
}


@KINDS
@pytest.mark.parametrize("name", OPTIONS)
def test_nothing_differs(
    kind: Probe, name: str, runner: Runner, docker_client: DockerClient, image: Any
) -> None:
    reference = image("curl")
    options = {"entrypoint": "sh", **OPTIONS[name]}
    parsed = parse_options(environ={}, **options)
    identity = find(runner.api, reference).image
    config = inspect_image(runner.api, identity)["Config"]
    run = Run("curl", identity, config, parsed, ("-c", SCRIPT + MORE))
    expected = plain_output(docker_client, run).splitlines()
    runner.kind = kind
    traced = runner("curl", "-c", SCRIPT + MORE, **options)
    assert traced.outcome is not None
    output = (traced.outcome.stdout + traced.outcome.stderr).decode(errors="replace")
    assert output.splitlines() == expected
    assert len(expected) > 90


@KINDS
def test_no_descriptor_is_inherited(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    runner("base", "ls", "/proc/self/fd")
    assert runner.stdout == b"0\n1\n2\n3\n"  # 3 is that of the listing itself


def outcome(trace: Trace) -> tuple[int, bool, bytes]:
    assert trace.outcome is not None
    return trace.outcome.status, trace.outcome.stopped, trace.outcome.stdout


@KINDS
def test_how_it_ends(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    assert outcome(runner("base", "sh", "-c", "echo out; exit 42")) == (42, False, b"out\n")
    server = "trap 'echo asked; exit 7' TERM; while :; do sleep 0.1; done"
    assert outcome(runner("base", "sh", "-c", server, steps=[Step("for", "0.5")])) == (7, True, b"asked\n")
    with pytest.raises(CommandKilled, match="signal 11"):
        runner("base", "perl", "-e", "kill 'SEGV', $$; sleep 1; exec 'sh', '-c', 'kill -SEGV $$'", init=True)
    with pytest.raises(CommandNotFound, match="No such file"):
        runner("base", "no-such-program")


@KINDS
def test_signals_reach_it(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    handle = Handle()
    script = "trap 'echo hung; exit 5' HUP; echo ready; while :; do sleep 0.1; done"
    after(lambda: b"ready" in runner.stdout, lambda: handle.signal(1))
    assert outcome(runner("base", "sh", "-c", script, handle=handle)) == (5, False, b"ready\nhung\n")


@KINDS
def test_an_exec_enters(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    steps = [Step("exec", "sh -c 'id -u; cat /etc/debian_version'"), Step("exec", "stat /usr/share/misc")]
    server = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
    trace = runner("base", "sh", "-c", server, steps=steps, user="games")
    assert b"\n12." in b"\n" + runner.stdout
    opened = {event.real or event.path for event in trace.events if event.access == "read"}
    assert "/etc/debian_version" in opened
    if kind is not Probe.FANOTIFY:
        assert "/usr/share/misc" in {event.path for event in trace.events if event.access == "stat"}


@KINDS
def test_setuid_programs_have_their_power(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    runner("debug", "setuid-id", user="4242:77")
    assert b"uid=4242 gid=77 euid=0(root)" in runner.stdout


@KINDS
def test_a_target_that_traces(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    command = ("strace", "-f", "-e", "trace=openat", "cat", "/etc/debian_version")
    if kind in (Probe.PTRACE, Probe.STRACE):
        with pytest.raises(ProbeError, match=r"the target uses ptrace itself.*take --probe seccomp"):
            runner("debug", *command)
        return
    trace = runner("debug", *command)
    assert outcome(trace)[:2] == (0, False)
    assert b'openat(AT_FDCWD, "/etc/debian_version", O_RDONLY) = 3' in runner.stderr
    assert any(event.path == "/etc/debian_version" for event in trace.events)
    runner.stdout.clear()
    debugged = runner("debug", "gdb", "-batch", "-ex", "run", "--args", "cat", "/etc/debian_version")
    assert b"exited normally" in runner.stdout
    assert any(event.path == "/etc/debian_version" for event in debugged.events)


FILTER = r"""
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
AUDIT, PROGRAM = {"x86_64": (0xC000003E, 83), "aarch64": (0xC00000B7, 34)}[os.uname().machine]
def statement(code, value, yes=0, no=0): return struct.pack("=HBBI", code, yes, no, value)
rules = [statement(0x20, 0), statement(0x15, PROGRAM, 0, 1)]
rules += [statement(0x06, 0x00050000 | 99), statement(0x06, 0x7FFF0000)]
buffer = ctypes.create_string_buffer(b"".join(rules))
class Program(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = Program(len(rules), ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program)) == 0, ctypes.get_errno()
assert libc.syscall(PROGRAM, b"/tmp/x", 0o700) == -1 and ctypes.get_errno() == 99
print(open("/etc/debian_version").read().strip() and "filtered")
"""


@KINDS
def test_a_target_with_filters_of_its_own(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    trace = runner("flask", "python3", "-I", "-S", "-c", FILTER)
    assert outcome(trace) == (0, False, b"filtered\n"), runner.stderr
    assert any(event.path == "/etc/debian_version" for event in trace.events)


LISTENER = r"""
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
seccomp = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
buffer = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000))
class Program(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = Program(1, ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.syscall(seccomp, 1, 8, None) == -1 and ctypes.get_errno() in (14, 16)  # as libseccomp asks
if len(sys.argv) > 1:
    print("listens" if libc.syscall(seccomp, 1, 8, ctypes.byref(program)) >= 0 else ctypes.get_errno())
"""


@KINDS
def test_a_target_with_a_listener_of_its_own(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    command = ("python3", "-I", "-S", "-c", LISTENER)
    assert outcome(runner("flask", *command)) == (0, False, b"")
    if kind is Probe.SECCOMP:
        with pytest.raises(ProbeError, match=r"python3\S* asked for seccomp notifications of its own"):
            runner("flask", *command, "listen")
    else:
        assert outcome(runner("flask", *command, "listen")) == (0, False, b"listens\n")


@KINDS
def test_a_target_in_a_user_name_space(kind: Probe, runner: Runner) -> None:
    runner.kind = kind
    command = (
        "unshare",
        "-Ur",
        "--mount",
        "sh",
        "-c",
        "id -u; cat /etc/debian_version; chroot / cat /etc/shells",
    )
    trace = runner("base", *command, user="games", security_opt=["seccomp=unconfined"])
    assert outcome(trace)[:2] == (0, False), runner.stderr
    assert runner.stdout.startswith(b"0\n12.")
    opened = {event.path for event in trace.events if event.present}
    assert {"/etc/debian_version", "/etc/shells"} <= opened
