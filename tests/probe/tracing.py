"""The real probe without an engine: an agent, a command under it, and all that the stream told."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tracewhale.tracing.collector import Collector
from tracewhale.tracing.events import Event, FailedProcess
from tracewhale.tracing.records import AccessRecord, CountersRecord, Record
from tracewhale.tracing.stream import Decoder, decode

SECONDS = 120


@dataclass
class Agent:
    """A running agent. Its records are complete once the context of ``agent()`` has ended."""

    probe: Path
    process: subprocess.Popen[bytes]
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    taken: int = 0
    collector: Collector = field(default_factory=Collector)
    decoder: Decoder = field(default_factory=Decoder)
    records: list[Record] = field(default_factory=list)

    def command(self, argv: Sequence[str], options: Sequence[str] = ()) -> list[str]:
        """The words that run ``argv`` under this agent, once it is told to take the process."""
        return [str(self.probe), "init", "--agent", self.token, *options, "--", *argv]

    def order(self, line: str) -> None:
        """Tell the agent something."""
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it has ended, which the test will see
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def start(
        self,
        argv: Sequence[str],
        options: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        quiet: bool = False,
    ) -> subprocess.Popen[str]:
        """Start a command under this agent; ``quiet`` leaves its streams alone."""
        stream = None if quiet else subprocess.PIPE
        words = self.command(argv, options)
        process = subprocess.Popen(words, stdout=stream, stderr=stream, text=True, env=env, cwd=cwd)
        self.order(f"a {process.pid} {self.taken} {self.token}")
        self.taken += 1
        return process

    def run(
        self,
        argv: Sequence[str],
        options: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command under this agent to its end."""
        with self.start(argv, options, env=env, cwd=cwd) as process:
            stdout, stderr = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def until(self, condition: Callable[[Record], bool], after: int = 0) -> int:
        """Wait for such a record behind the first ``after`` ones; how many there are then."""
        deadline = time.monotonic() + SECONDS
        while not any(condition(record) for record in self.records[after:]):
            assert time.monotonic() < deadline, "the record does not come"
            time.sleep(0.001)
        return len(self.records)

    def memory(self) -> int:
        """The most memory that the agent had so far, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def read(self) -> None:
        """Collect the stream to its end."""
        assert self.process.stdout
        while chunk := self.process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
            self.collector.receive(chunk)
            self.records += map(decode, self.decoder.bodies(chunk))


@contextmanager
def agent(probe: Path, *options: str) -> Iterator[Agent]:
    """An agent until the end of the block, which fails unless it ends well and its counters add up."""
    command = [str(probe), "agent", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        running = Agent(probe, process)
        reader = threading.Thread(target=running.read)
        reader.start()
        try:
            yield running
        finally:
            assert process.stdin
            process.stdin.close()
            reader.join(SECONDS)
            if reader.is_alive():
                process.kill()
    assert (process.returncode, process.stderr and process.stderr.closed) == (0, True)
    running.collector.finish()
    assert running.collector.counters.lost == 0
    assert isinstance(running.records[-1], CountersRecord)


@dataclass(frozen=True)
class TracedCommand:
    """A command that ran under an agent of its own."""

    status: int
    stdout: str
    stderr: str
    collector: Collector
    records: Sequence[Record]

    @property
    def asked(self) -> set[tuple[str, str]]:
        """Return the requested paths, as (access, path)."""
        return {(event.access, event.path) for event in self.collector.events}

    def event(self, path: str | Path, access: str) -> Event:
        """The only event of that path and access."""
        (found,) = (e for e in self.collector.events if (e.path, e.access) == (str(path), access))
        return found

    def accesses(self, path: str | Path) -> list[AccessRecord]:
        """The records of a path, in order."""
        return [r for r in self.records if isinstance(r, AccessRecord) and r.path == str(path)]


def trace(
    probe: Path,
    argv: Sequence[str],
    options: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> TracedCommand:
    """Run a command under an agent of its own."""
    with agent(probe) as running:
        done = running.run(argv, options, env=env, cwd=cwd)
    return TracedCommand(done.returncode, done.stdout, done.stderr, running.collector, running.records)


def python(probe: Path, code: str, *arguments: str | Path, cwd: Path | None = None) -> TracedCommand:
    """Trace Python code, which must succeed; ``sys.argv[1:]`` are the arguments."""
    words = [sys.executable, "-I", "-S", "-c", code, *map(str, arguments)]
    traced = trace(probe, words, cwd=cwd)
    assert traced.status == 0, traced.stderr
    return traced


FAILING = """
    /bin/true
    (exit 3) & wait
    perl -e 'exit 3'
    perl -e 'kill 9, $$'
    (exec perl -e 'fork or exit 7; wait; use POSIX; POSIX::abort()')
    exit 5
"""


def failures() -> tuple[FailedProcess, ...]:
    """What a probe reports on ``FAILING``, which itself ends with status 5."""
    shell, perl = (os.path.realpath(shutil.which(name) or "") for name in ("sh", "perl"))
    ends = [(shell, 3, False), (perl, 3, False), (perl, 7, False), (perl, 0, True)]
    return tuple(sorted(FailedProcess(*end) for end in ends))
