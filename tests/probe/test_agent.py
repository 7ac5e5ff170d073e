"""The agent itself: several programs, ports, counters, memory, and ends of all kinds."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.probe.tracing import FAILING, SECONDS, Agent, agent, failures, trace
from tracewhale.tracing.collector import Collector
from tracewhale.tracing.events import Access
from tracewhale.tracing.records import (
    AccessRecord,
    CountersRecord,
    EndRecord,
    FailureRecord,
    Feature,
    Listening,
    StartRecord,
)

Program = Callable[..., Path]


def test_memory_follows_the_paths_and_not_the_calls(probe: Path, program: Program) -> None:
    with agent(probe) as running:
        many = str(program("many"))
        assert running.run([many, "same", "1000"]).returncode == 0
        before = running.memory()
        assert running.run([many, "same", "1000000"]).returncode == 0
        assert running.memory() - before <= 64
        assert running.run([many, "other", "100000"]).returncode == 0
        assert running.memory() - before <= 8 << 10
    counters = running.collector.counters
    assert counters.received >= 1_101_000
    assert counters.recorded >= 100_000


def test_a_setuid_program_keeps_its_power(probe: Path, tmp_path: Path) -> None:
    copy = tmp_path / "id"
    shutil.copy("/usr/bin/id", copy)
    copy.chmod(0o4755)
    for directory in (tmp_path, *tmp_path.parents[:-1]):
        if directory.stat().st_uid == os.getuid() and directory != Path("/tmp"):
            directory.chmod(directory.stat().st_mode | stat.S_IXOTH)
    traced = trace(probe, [str(copy), "-u"], ["--uid", "12345", "--gid", "12345", "--groups", ""])
    assert (traced.status, traced.stdout) == (0, "0\n")
    assert traced.event("/etc/ld.so.cache", "read").program == str(copy)


def test_several_programs_of_one_agent(probe: Path) -> None:
    with agent(probe) as running:
        with running.start(["/bin/sleep", "60"], quiet=True) as first:
            assert running.run(["/bin/cat", "/etc/hostname"]).returncode == 0
            first.kill()
        assert running.run(["/bin/true"]).returncode == 0
    collector = running.collector
    assert {n: s.errno for n, s in collector.started.items()} == {0: 0, 1: 0, 2: 0}
    assert collector.ended_listeners == {0, 1, 2}
    assert collector.features is not None
    order = [r for r in running.records if isinstance(r, StartRecord | EndRecord)]
    assert [type(r) for r in order if r.listener == 1] == [StartRecord, EndRecord]


def test_a_start_is_told_before_what_the_program_does(probe: Path) -> None:
    traced = trace(probe, ["/bin/true"])
    kinds = [r for r in traced.records if isinstance(r, StartRecord | AccessRecord)]
    (exec_, interpreter, started, *_) = kinds
    assert isinstance(exec_, AccessRecord)
    assert isinstance(interpreter, AccessRecord)
    assert {exec_.access, interpreter.access} == {Access.EXEC}
    assert exec_.received == interpreter.received
    assert isinstance(started, StartRecord)


def test_killed_in_the_middle_of_a_call(probe: Path, program: Program) -> None:
    many, after = str(program("many")), 0
    with agent(probe) as running:
        for _ in range(20):
            with running.start([many, "other", "100000000"], quiet=True) as process:
                after = running.until(lambda r: isinstance(r, AccessRecord) and "/many/" in r.path, after)
                os.kill(process.pid, signal.SIGKILL)
        assert running.run(["/bin/true"]).returncode == 0
        assert running.process.poll() is None


def test_processes_that_fail_are_told_but_the_command_itself_and_what_runs_beside_it(probe: Path) -> None:
    with agent(probe) as running, running.start(["/bin/sleep", "60"], quiet=True) as command:
        assert running.run(["/bin/sh", "-c", "perl -e 'exit 9'; exit 8"]).returncode == 8
        command.kill()
    assert running.collector.failed == ()
    traced = trace(probe, ["/bin/sh", "-c", FAILING])
    assert traced.status == 5
    assert traced.collector.failed == failures()


def test_a_process_that_is_killed_because_the_command_ends_has_not_failed(probe: Path) -> None:
    quiet = ">/dev/null 2>&1"  # who reads the output would wait for the children
    script = f"sleep 60 {quiet} & child=$!; (sleep 60) {quiet} & echo $! $child; exit 0"
    with agent(probe) as running:
        ended = running.run(["/bin/sh", "-c", script])
        children = ended.stdout.split()
        assert len(children) == 2
        for number in children:
            os.kill(int(number), signal.SIGKILL)
    assert running.collector.failed == ()


@pytest.mark.parametrize("number", [1, 2, 7, 100, 1234])
def test_nothing_is_lost_when_a_program_crashes(probe: Path, program: Program, number: int) -> None:
    """It asks for so many paths and dies of a fault: none is missing."""
    traced = trace(probe, [str(program("many")), "crash", str(number)])
    assert traced.status != 0
    asked = {event.path for event in traced.collector.events}
    assert {path for path in asked if path.startswith("/many/")} == {f"/many/{n}" for n in range(number)}
    assert traced.collector.counters.lost == 0


def test_records_come_while_the_program_is_idle(probe: Path) -> None:
    with (
        agent(probe) as running,
        running.start(["/bin/sleep", "60"], quiet=True) as process,
    ):
        running.until(lambda record: isinstance(record, AccessRecord) and "libc" in record.path)
        process.kill()


def test_counters_on_demand(probe: Path) -> None:
    with agent(probe) as running, running.start(["/bin/sleep", "60"], quiet=True) as process:
        running.until(lambda record: isinstance(record, AccessRecord) and "libc" in record.path)
        running.until(lambda record: isinstance(record, CountersRecord))
        time.sleep(0.5)  # so that the next is no report of the agent's own
        before = len(running.records)
        running.order("c")
        running.until(lambda record: isinstance(record, CountersRecord), before)
        process.kill()


def test_ports_that_somebody_listens_on(probe: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1]); "
        with agent(probe) as running:
            done = running.run([sys.executable, "-I", "-S", "-c", code + "time.sleep(0.5)"])
        assert running.collector.listening == {int(done.stdout)}
        taken = str(other.getsockname()[1])
        with agent(probe, "--ports", taken) as running:
            running.run(["/bin/true"])
        assert [r for r in running.records if isinstance(r, Listening)] == [Listening(int(taken))]


def test_an_agent_that_cannot_write_says_so(probe: Path) -> None:
    with subprocess.Popen(
        [probe, "agent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.close()
        running = Agent(probe, process)
        assert running.run(["/bin/true"]).returncode != 0
        assert process.wait(SECONDS) != 0
        assert process.stderr
        assert b"cannot write events: Broken pipe" in process.stderr.read()


def test_memory_is_read_through_proc_where_it_must_be(probe: Path, program: Program) -> None:
    """An agent that may not use process_vm_readv: here it is itself traced, by another."""
    with agent(probe) as outer:
        words = outer.command([str(probe), "agent"], ["--deny", "process_vm_readv"])
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            outer.order(f"a {process.pid} 0 {outer.token}")
            inner = Agent(probe, process)
            environment = {"LD_LIBRARY_PATH": "/x", "HOME": "/"}
            assert inner.run([str(program("edges"))], env=environment).returncode == 0
            output, _ = process.communicate(timeout=SECONDS)
    collector = Collector()
    collector.receive(output)
    collector.finish()
    assert {"/edge/last-in-the-page", "/edge/across-two-pages"} <= {e.path for e in collector.events}
    assert collector.counters.unresolved == 3
    assert {e.loader_environment for e in collector.execs} == {(("LD_LIBRARY_PATH", "/x"),)}


def test_this_kernel_has_what_makes_it_fast(probe: Path) -> None:
    with agent(probe) as running:
        running.run(["/bin/true"])
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    expected = Feature(0)
    if release >= (5, 19):
        expected |= Feature.WAIT_KILLABLE
    if release >= (6, 6):
        expected |= Feature.SYNC_WAKE_UP
    assert running.collector.features == expected


def test_no_path_is_unresolved_in_an_ordinary_program(probe: Path) -> None:
    traced = trace(probe, [sys.executable, "-c", "import json, ssl, subprocess"])
    assert [r for r in traced.records if isinstance(r, FailureRecord)] == []


def test_the_benchmark_of_counts_runs(probe: Path) -> None:
    """It starts an agent of its own and fails when an event is lost."""
    script = Path(__file__).parents[2] / "benchmarks" / "counts.py"
    small = ["--calls", "1000", "--paths", "100", "--probe", str(probe)]
    done = subprocess.run([sys.executable, script, *small], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "events as a trace file" in done.stdout
