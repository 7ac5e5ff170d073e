"""The agents of the host that attach to a running process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.probes.host_probe import agent
from tests.probes.test_agents import AGENTS, TRACERS, Program
from tracewhale.tracing.host import proc
from tracewhale.tracing.records import Listening

SERVER = """
import os, socket, sys, threading, time
os.chdir(sys.argv[1])
kept = open("kept")
listening = socket.create_server(("127.0.0.1", 0))
print(os.getpid(), listening.getsockname()[1], flush=True)
def work(n):
    while True:
        os.path.exists(f"asked-{n}"); time.sleep(0.01)
for n in range(3): threading.Thread(target=work, args=(n,), daemon=True).start()
while True:
    if os.fork() == 0: os.execv("/bin/cat", ["cat", "kept"])
    os.wait(); time.sleep(0.05)
"""


@contextmanager
def server(place: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process with threads and children that runs until the end, and the port on which it listens."""
    (place / "kept").write_text("")
    words = [sys.executable, "-I", "-S", "-c", SERVER, str(place)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, int(process.stdout.readline().split()[1])
        finally:
            process.kill()


def states(pid: int) -> set[tuple[str, str]]:
    """State and tracer of each thread of a process."""
    found = set()
    for tid in proc.threads(pid):
        lines = Path(f"/proc/{tid}/status").read_text().splitlines()
        values = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        found.add((values["State"][0], values["TracerPid"]))
    return found


@pytest.mark.parametrize("name", AGENTS)
def test_a_process_that_runs_is_taken_and_let_go(name: str, probe: Path, tmp_path: Path) -> None:
    place = tmp_path.resolve()
    with server(place) as (process, port):
        with agent(name, probe) as running:
            running.order(f"A {process.pid}")
            running.until(lambda: bool(running.collector.started))
            assert {tracer != "0" for _, tracer in states(process.pid)} == {name in TRACERS}
            running.until(lambda: Listening(port) in running.records)
            time.sleep(0.5)
        assert {tracer for _, tracer in states(process.pid)} == {"0"}
        assert process.poll() is None
        time.sleep(0.1)
        assert {state for state, _ in states(process.pid)} <= set("SRD")
    told = {(event.access, event.path, event.present) for event in running.collector.events}
    assert {
        ("exec", os.path.realpath(sys.executable), True),
        ("chdir", str(place), True),
        ("read", f"{place}/kept", True),
        *(("stat", f"{place}/asked-{n}", False) for n in range(3)),
        ("exec", "/bin/cat", True),
    } <= told
    assert any(access == "map" and "libc" in path for access, path, _ in told)


@pytest.mark.parametrize("options", [[], ["poll"]], ids=["call", "thread of the kernel"])
def test_files_that_io_uring_opens_end_the_trace(options: list[str], probe: Path, program: Program) -> None:
    """A process that ran before has no filter that denies io_uring, whose opens nobody sees."""
    words = [str(program("uring")), "/etc/hostname", *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == b"ready\n"
            with agent("ebpf", probe, status=1) as running:
                running.order(f"A {process.pid}")
                running.until(lambda: running.process.poll() is not None)
            assert b"names files through io_uring" in running.errors
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.parametrize("name", AGENTS)
def test_one_that_is_stopped_stays_so(name: str, probe: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with agent(name, probe) as running:
            running.order(f"A {process.pid}")
            running.until(lambda: bool(running.collector.started))
        deadline = time.monotonic() + 20
        while states(process.pid) != {("T", "0")}:
            assert time.monotonic() < deadline, states(process.pid)
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize("name", AGENTS)
def test_counters_when_they_are_asked_for(name: str, probe: Path) -> None:
    with agent(name, probe) as running:
        running.order("c")
        running.until(lambda: any(type(record).__name__ == "CountersRecord" for record in running.records))


@pytest.mark.parametrize("name", AGENTS)
def test_another_process_is_not_let_go(name: str, probe: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as process, agent(name, probe) as running:
        running.order(f"a {process.pid} 0 another-token")
        time.sleep(0.3)
        assert process.poll() is None  # SIGUSR1 would have ended it
        process.kill()
    assert running.collector.started == {}
