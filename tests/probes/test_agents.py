"""The agents of the host, beside the native one: the same program asks for the same, whoever watches."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.probe import tracing as native
from tests.probe.tracing import FAILING, TracedCommand, failures
from tests.probes.host_probe import agent, trace
from tracewhale.tracing.events import Event, FailedProcess
from tracewhale.tracing.host import proc
from tracewhale.tracing.records import FailureRecord, StartRecord

Program = Callable[..., Path]
TRACERS = ["ptrace", "strace"]
AGENTS = [*TRACERS, "ebpf"]
LOADER = "/lib64/ld-linux-x86-64.so.2"

SCRIPT = """
cd /usr/share && for f in *; do [ -e "$f" ] && [ -x "$f/x" ]; done
cat /etc/passwd | grep root | (cd /etc; sort -u) >/dev/null
mkdir -p "$1/a/b" && cd "$1/a" && : > b/file && ln -s b/file link && cp link copy && mv copy b/moved
find . -newer b/file >/dev/null; tar -cf all.tar b && tar -tf all.tar >/dev/null; rm -r "$1/a"
test -e ./none || exit 3
"""
PYTHON = r"""
import os, socket, sys, threading
os.chdir(sys.argv[1])
open("made", "w").close(); os.mkdir("directory"); os.symlink("made", "link"); os.link("made", "hard")
os.rename("hard", "renamed"); os.truncate("renamed", 3); os.chmod("link", 0o600); os.unlink("renamed")
os.readlink("link"); os.statvfs("."); os.listdir("directory"); os.access("link", 4); os.utime("made")
os.stat("made", dir_fd=os.open(".", os.O_RDONLY), follow_symlinks=False)
os.open("link", os.O_PATH | os.O_NOFOLLOW)
for call in (os.getxattr, os.listxattr):
    try: call("link", *(["user.none"] if call is os.getxattr else []))
    except OSError: pass
one, two = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
one.bind("socket"); one.listen(); two.connect("./socket")
two.close(); socket.socket(socket.AF_UNIX).bind("\0abstract")
for name in ("none", "made/below", "x" * 300):
    os.path.exists(name)
if os.fork() == 0:
    os.chroot("directory"); os.path.exists("../made"); os.chdir("/"); os.path.exists("inside"); os._exit(0)
os.wait()
os.posix_spawn("/bin/true", ["true"], {"LD_LIBRARY_PATH": "/none:/usr/lib"}); os.wait()
"""


def comparable(event: Event) -> Event:
    """Return what every probe can tell: strace knows programs as they were executed, and few real paths."""
    return replace(event, program=os.path.realpath(event.program), real="")


def asked(found: TracedCommand, *, present: bool) -> set[Event]:
    events = {comparable(event) for event in found.collector.events}
    return events if present else {replace(event, present=True) for event in events}


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("code", ["shell", "python"])
def test_a_program_is_told_as_by_the_native_probe(name: str, code: str, probe: Path, tmp_path: Path) -> None:
    words = {
        "shell": ["/bin/sh", "-c", SCRIPT, "sh"],
        "python": [sys.executable, "-I", "-S", "-c", PYTHON],
    }[code]
    place = tmp_path.resolve() / "place"
    place.mkdir()
    expected = native.trace(probe, [*words, str(place)])
    shutil.rmtree(place)
    place.mkdir()
    found = trace(name, probe, [*words, str(place)])
    assert (found.status, found.stderr) == (expected.status, expected.stderr)
    assert found.status == (3 if code == "shell" else 0)
    # What a call makes is there afterwards, and that is when strace knows of it.
    same = name == "ptrace"
    told, wanted = asked(found, present=same), asked(expected, present=same)
    kernels = {event for event in wanted if (event.access, event.path) == ("exec", LOADER)}
    assert kernels
    # An interpreter is in no system call: when strace's log is read, its program may be gone.
    assert told == (wanted - kernels if name == "strace" else wanted)
    assert {each.path for each in found.collector.execs} == {each.path for each in expected.collector.execs}
    if name == "ptrace":
        mine, theirs = (
            {event for event in each.collector.events if not event.real.startswith("/proc/")}
            for each in (found, expected)
        )
        assert mine == theirs
        assert found.collector.execs == expected.collector.execs
    assert found.collector.started == {0: StartRecord(0, 0, "")}


THREADS = """
import os, threading, time
for end in (lambda: os._exit(4), lambda: os.execv("/bin/sh", ["sh", "-c", "exit 6"])):
    if os.fork() == 0:
        threading.Thread(target=end).start()
        time.sleep(60)
    os.wait()
threading.Thread(target=lambda: os._exit(2)).start()
time.sleep(60)
"""


def test_processes_that_fail_are_told_but_the_command_itself_and_what_runs_beside_it(probe: Path) -> None:
    with agent("ptrace", probe) as running, running.start(["/bin/sleep", "60"]) as command:
        running.until(lambda: bool(running.collector.started))
        with running.start(["/bin/sh", "-c", "perl -e 'exit 9'; exit 8"], listener=1) as beside:
            assert beside.wait() == 8
        command.kill()
    assert running.collector.failed == ()
    traced = trace("ptrace", probe, ["/bin/sh", "-c", FAILING])
    assert (traced.status, traced.collector.failed) == (5, failures())
    traced = trace("ptrace", probe, [sys.executable, "-I", "-S", "-c", THREADS])
    python, shell = (os.path.realpath(path) for path in (sys.executable, "/bin/sh"))
    wanted = {FailedProcess(python, 4), FailedProcess(shell, 6)}
    assert (traced.status, set(traced.collector.failed or ())) == (2, wanted)


@pytest.mark.parametrize("name", AGENTS)
def test_memory_edges(name: str, probe: Path, program: Program) -> None:
    found = trace(name, probe, [str(program("edges"))])
    assert found.status == 0
    paths = {event.path for event in found.collector.events}
    assert {"/edge/last-in-the-page", "/edge/across-two-pages"} <= paths
    assert any(path.endswith("/edge/after-many-slashes") for path in paths)
    if name == "ptrace":
        failed = [record for record in found.records if isinstance(record, FailureRecord)]
        assert sorted(record.reason for record in failed) == [
            "Bad address",
            "Bad address",
            "File name too long",
        ]


def test_a_narrow_program(probe: Path, program: Program) -> None:
    narrow = program("narrow", "-target", "x86-linux-musl", "-nostdlib", "-ffreestanding", "-fno-builtin")
    found = trace("ptrace", probe, [str(narrow)], cwd=Path("/"))
    assert {
        ("read", "/narrow/open"),
        ("read", "/narrow/openat"),
        ("stat", "/narrow/stat64"),
        ("link-from", "/narrow/from"),
        ("link-to", "/narrow/to"),
        ("connect", "/narrow/socket"),
        ("mount", "/narrow/mount"),
    } <= found.asked


@pytest.mark.parametrize("name", AGENTS)
def test_threads_that_move_and_execute(name: str, probe: Path, program: Program, tmp_path: Path) -> None:
    expected = native.trace(probe, [str(program("threads")), str(program("threads"))])
    found = trace(name, probe, [str(program("threads")), str(program("threads"))])
    assert (found.status, found.stderr) == (expected.status, expected.stderr)
    assert found.asked == expected.asked


@pytest.mark.parametrize("name", AGENTS)
def test_a_storm_of_processes(name: str, probe: Path, program: Program) -> None:
    expected = native.trace(probe, [str(program("storm")), "200"])
    found = trace(name, probe, [str(program("storm")), "200"])
    assert (found.status, found.asked) == (expected.status, expected.asked)


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["/bin/sh", "-c", "exit 7"], 7),
        (["/bin/sh", "-c", "kill -SEGV $$"], -signal.SIGSEGV),
        (["/bin/sh", "-c", "trap 'exit 9' USR1; kill -USR1 $$; sleep 9"], 9),
        (["/bin/sh", "-c", "(sleep 0.1; kill -CONT $$) & kill -STOP $$; exit 5"], 5),
    ],
    ids=["exit", "crash", "signal", "stop"],
)
def test_how_a_command_ends(name: str, command: list[str], status: int, probe: Path) -> None:
    assert trace(name, probe, command).status == status


@pytest.mark.parametrize("name", AGENTS)
def test_what_cannot_be_executed(name: str, probe: Path, tmp_path: Path) -> None:
    found = trace(name, probe, ["/none"])
    assert (found.status, found.collector.started) == (127, {})
    assert found.stderr == "probe: cannot find /none: No such file or directory\n"
    broken = tmp_path / "broken"
    broken.write_text("\0")
    broken.chmod(0o755)
    found = trace(name, probe, [str(broken)])
    assert (found.status, found.collector.started) == (126, {})


@pytest.mark.parametrize("name", AGENTS)
def test_several_enter(name: str, probe: Path) -> None:
    with agent(name, probe) as running:
        first = running.start(["/bin/sleep", "60"], listener=1)
        running.until(lambda: 1 in running.collector.started)
        second = running.start(["/bin/cat", "/etc/passwd"], listener=2)
        assert (second.communicate(timeout=60)[0] or "").startswith("root:")
        first.terminate()
        first.communicate(timeout=60)
        assert first.returncode == -signal.SIGTERM
    assert set(running.collector.started) == {1, 2}
    assert ("read", "/etc/passwd") in {(event.access, event.path) for event in running.collector.events}


def test_nobody_outside(probe: Path) -> None:
    words = [str(probe), "init", "--hold", "token", "--", "/bin/true"]
    process = subprocess.Popen(words)
    deadline = time.monotonic() + 20
    while not proc.is_held(process.pid, "token"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert proc.is_held(process.pid, "other") is None
    process.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 0


@pytest.mark.parametrize("words", [[], ["--hold", "x"], ["--hold", "x", "--agent", "y", "--", "/bin/true"]])
def test_how_init_is_asked(words: list[str], probe: Path) -> None:
    done = subprocess.run([str(probe), "init", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64
    assert "usage: probe init --agent TOKEN|--hold[-traced] TOKEN" in done.stderr


@pytest.mark.parametrize("name", TRACERS)
def test_a_target_that_is_a_tracer_itself_is_refused(name: str, probe: Path) -> None:
    with agent(name, probe, status=1) as running:
        running.start(["/usr/bin/strace", "-o", "/dev/null", "/bin/true"]).communicate(timeout=60)
    assert running.errors.decode() == (
        "the target uses ptrace itself, which this probe does not leave to it: take --probe seccomp, or "
        "fanotify\n"
    )


def kernel_objects(pid: int) -> set[str]:
    """The programs and links of bpf(2) that a process holds, as the kernel numbers them."""
    found = set()
    for number in os.listdir(f"/proc/{pid}/fdinfo"):
        text = Path(f"/proc/{pid}/fdinfo/{number}").read_text()
        found |= {line for line in text.splitlines() if line.startswith("prog_id:")}
    return found


def exists(program: str) -> bool:
    """Whether the kernel still has a program of bpf(2): BPF_PROG_GET_FD_BY_ID."""
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    attributes = struct.pack("<3I", int(program.split()[1]), 0, 0)
    held = ctypes.CDLL(None, use_errno=True).syscall(number, 13, attributes, len(attributes))
    if held >= 0:
        os.close(held)
    return bool(held >= 0)


def test_nothing_stays_in_the_kernel_when_the_agent_is_killed(probe: Path) -> None:
    with subprocess.Popen([probe, "ebpf"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read(13)  # its first record: all is attached
        programs = kernel_objects(process.pid)
        assert len(programs) == 5
        assert all(map(exists, programs))
        process.kill()
        process.wait(20)
    deadline = time.monotonic() + 20
    while any(map(exists, programs)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_calls_that_are_known_are_counted_each(probe: Path) -> None:
    code = "import os\nfor _ in range(20000): os.path.exists('/etc/passwd')"
    found = trace("ebpf", probe, [sys.executable, "-I", "-S", "-c", code])
    counters = found.collector.counters
    assert counters.lost == 0
    assert counters.repeated >= 19999


def test_many_paths_in_many_threads_are_all_told(probe: Path) -> None:
    code = """
import os, threading
def work(n):
    for i in range(5000): os.path.exists(f"/none/{n}/{i}")
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    found = trace("ebpf", probe, [sys.executable, "-I", "-S", "-c", code])
    told = {event.path for event in found.collector.events if not event.present}
    assert told >= {f"/none/{n}/{i}" for n in range(4) for i in range(5000)}
