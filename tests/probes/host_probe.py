"""An agent of the host without an engine: a command that the probe holds, and all that the stream told."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.probe.tracing import SECONDS, TracedCommand
from tracewhale.tracing.collector import Collector
from tracewhale.tracing.records import Record
from tracewhale.tracing.stream import Decoder, decode

DOORS = {"ptrace": "--hold-traced", "strace": "--hold", "fanotify": "--hold", "ebpf": "--hold"}


@dataclass
class HostProbe:
    """A running agent. Its records are complete once the context of ``agent()`` has ended."""

    name: str
    probe: Path
    process: subprocess.Popen[bytes]
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    collector: Collector = field(default_factory=Collector)
    decoder: Decoder = field(default_factory=Decoder)
    records: list[Record] = field(default_factory=list)
    errors: bytes = b""

    def order(self, line: str) -> None:
        """Tell the agent something."""
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def start(
        self, argv: Sequence[str], *, listener: int = 0, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start a command under this agent."""
        words = [str(self.probe), "init", DOORS[self.name], self.token, "--", *argv]
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
        )
        self.order(f"a {process.pid} {listener} {self.token}")
        return process

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to hold."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it does not come"
            time.sleep(0.005)

    def read(self) -> None:
        """Collect the stream to its end."""
        assert self.process.stdout
        while chunk := os.read(self.process.stdout.fileno(), 1 << 16):
            self.collector.receive(chunk)
            self.records += map(decode, self.decoder.bodies(chunk))


@contextmanager
def agent(name: str, probe: Path, *, status: int = 0) -> Iterator[HostProbe]:
    """An agent until the end of the block, which fails unless it ends with ``status``."""
    words = [sys.executable, "-m", "tracewhale.tracing.host", name]
    words += [str(probe)] if name in ("ebpf", "fanotify") else []
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        running = HostProbe(name, probe, process)
        reader = threading.Thread(target=running.read)
        reader.start()
        try:
            yield running
        finally:
            assert process.stdin
            assert process.stderr
            process.stdin.close()
            reader.join(SECONDS)
            if reader.is_alive():
                process.kill()
            running.errors = process.stderr.read()
    assert process.returncode == status, running.errors.decode()
    if status == 0:
        running.collector.finish()
        assert running.collector.counters.lost == 0


def trace(name: str, probe: Path, argv: Sequence[str], *, cwd: Path | None = None) -> TracedCommand:
    """Run a command to its end under an agent of its own."""
    with agent(name, probe) as running:
        process = running.start(argv, cwd=cwd)
        stdout, stderr = process.communicate(timeout=SECONDS)
    return TracedCommand(process.returncode, stdout, stderr, running.collector, running.records)
