"""Measure many calls and many paths: time and memory of the agent, and of what reads its events.

    python benchmarks/counts.py [--calls N] [--paths N]

A program asks CALLS times for one path, then for PATHS distinct ones, under the native probe and with no
engine. Then the trace is written to a file and read again. Fails when a single event is lost.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tracewhale.probe import binary
from tracewhale.tracing import tracefile
from tracewhale.tracing.collector import Collector
from tracewhale.tracing.events import Trace

PROGRAM = """
import os, sys
kind, count = sys.argv[1], int(sys.argv[2])
stat = os.path.lexists
for number in range(count):
    stat("/many/same" if kind == "same" else f"/many/{number}")
"""


def reader_memory() -> float:
    """The most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


class Agent:
    """A native agent and what it tells."""

    def __init__(self, probe: str) -> None:
        self.probe, self.token, self.taken = probe, secrets.token_hex(8), 0
        self.process = subprocess.Popen([probe, "agent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.collector = Collector()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        while chunk := os.read(self.process.stdout.fileno(), 1 << 20):
            self.collector.receive(chunk)

    def memory(self) -> float:
        """The most memory that it had so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1000

    def take(self, pid: int) -> None:
        """Have it take a process that waits for it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"a {pid} {self.taken} {self.token}\n".encode())
        self.process.stdin.flush()
        self.taken += 1

    def run(self, kind: str, count: int) -> None:
        words = [sys.executable, "-I", "-S", "-c", PROGRAM, kind, str(count)]
        began = time.monotonic()
        subprocess.run(words, check=True)
        untraced = time.monotonic() - began
        began = time.monotonic()
        with subprocess.Popen([self.probe, "init", "--agent", self.token, "--", *words]) as process:
            self.take(process.pid)
        seconds = time.monotonic() - began
        assert process.returncode == 0
        print(
            f"{count:>11,} calls for {'one path' if kind == 'same' else 'as many'}: {seconds:.1f} s "
            f"(untraced {untraced:.1f} s), agent {self.memory():.1f} MB, reader {reader_memory():.0f} MB",
            flush=True,
        )

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.reader.join()
        assert self.process.wait() == 0
        self.collector.finish()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--paths", type=int, default=1_000_000)
    parser.add_argument("--probe", type=Path, help="another probe than the built one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        probe = Path(directory) / "probe"
        probe.write_bytes(given.probe.read_bytes() if given.probe else binary(platform.machine()))
        probe.chmod(0o700)
        agent = Agent(str(probe))
        agent.run("same", 1000)
        agent.run("same", given.calls)
        agent.run("other", given.paths)
        agent.end()
        counters, events = agent.collector.counters, frozenset(agent.collector.events)
        assert counters.lost == 0
        assert counters.received >= given.calls + given.paths
        assert len(events) >= given.paths
        trace = Trace("many", "", "seccomp", {}, events, counters=counters)
        began = time.monotonic()
        tracefile.write(trace, f"{directory}/trace")
        written = time.monotonic() - began
        assert tracefile.read(f"{directory}/trace").events == events
        size = os.path.getsize(f"{directory}/trace") / 1e6
        print(
            f"{len(events):>11,} events as a trace file: {size:.0f} MB, written in {written:.1f} s, read in "
            f"{time.monotonic() - began - written:.1f} s, {reader_memory():.0f} MB"
        )


if __name__ == "__main__":
    main()
