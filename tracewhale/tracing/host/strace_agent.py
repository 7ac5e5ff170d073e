"""The ``strace`` probe: this machine's strace(1), attached from outside; its logs are read at the end.

``--seccomp-bpf`` would make it faster, but strace installs that filter only in programs that it starts itself
(it says so: "--seccomp-bpf is not enabled for processes attached with -p"), and sets no_new_privs on them,
which changes what setuid programs do.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracewhale.tracing.calls import BY_NAME
from tracewhale.tracing.events import Access, Event, Exec
from tracewhale.tracing.host import files_in_use, proc
from tracewhale.tracing.host.control import Control, Take
from tracewhale.tracing.host.recorder import Nothing, Recorder, Use
from tracewhale.tracing.host.request import OWN_TRACER, UnsupportedByProbe
from tracewhale.tracing.records import StartRecord
from tracewhale.tracing.strace import Failure, FileLines, Log, Start, read
from tracewhale.tracing.strace.effects import EFFECTS
from tracewhale.tracing.strace.families import CLONES
from tracewhale.tracing.strace.processes import RequestedPath

PTRACE = "ptrace"
TRACING = re.compile(r"ptrace\(PTRACE_(TRACEME|ATTACH|SEIZE)")

OPTIONS = [
    "-f",
    "-y",
    "--decode-pids=pidns",
    "--string-limit=65536",
    "--abbrev=!execve,execveat",
    "--trace=" + ",".join(f"?{name}" for name in sorted({*BY_NAME, *EFFECTS, *CLONES, PTRACE})),
]
ATTACHES_WITHIN = 2000
"""The most checks of a process, one every 5 ms, until strace is attached to it."""


ENDS_WITHIN = 2.0
"""Seconds in which strace must end after its processes; some child may still run."""


@dataclass(slots=True)
class StraceRun:
    """A running strace, and the facts about its processes that were known before."""

    take: Take
    process: subprocess.Popen[bytes]
    log: Path
    starts: dict[int, Start]
    started: bool = False


class StraceAgent:
    """One strace for each process that is taken, with all its children."""

    def __init__(self, recorder: Recorder, control: Control) -> None:
        self._recorder, self._control = recorder, control
        self._runs: list[StraceRun] = []

    def run(self) -> None:
        """Run until no process is left to follow and none can come. Raise UnsupportedByProbe,
        TraceFileError."""
        with tempfile.TemporaryDirectory(prefix="tracewhale-strace-") as directory:
            while not self._control.ended:
                for take in self._control.orders():
                    self._take(take, Path(directory) / str(len(self._runs)))
                for run in self._runs:
                    self._look_whether_started(run)
                    self._control.saw_listen()  # no event shows when a process listens
                if not self._control.ended:
                    self._control.wait(soon=any(run.take.token and not run.started for run in self._runs))
            for run in self._runs:
                self._finish(run)
        self._recorder.count()

    def _take(self, take: Take, log: Path) -> None:
        strace = shutil.which("strace")
        if strace is None:
            raise UnsupportedByProbe("strace is not installed")
        start = _start(take.pid)
        threads = proc.threads(take.pid) or [take.pid]
        words = [strace, *OPTIONS, "-o", str(log), "-p", str(take.pid)]
        # Its messages only name processes; an error that matters ends it and is reported then.
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        run = StraceRun(take, process, log, dict.fromkeys(threads, start))
        self._runs.append(run)
        for _ in range(ATTACHES_WITHIN):
            if proc.tracer(take.pid) or process.poll() is not None:
                break
            self._control.pause()
        if take.token:
            with suppress(ProcessLookupError):
                os.kill(take.pid, signal.SIGUSR1)
        else:
            files_in_use.tell(self._recorder, take.pid)
            self._tell_started(run)

    def _look_whether_started(self, run: StraceRun) -> None:
        """Report the start of a process. A process that ends at once is seen only in the log."""
        take = run.take
        if not run.started and proc.is_held(take.pid, take.token) is None and proc.program(take.pid):
            self._tell_started(run)

    def _tell_started(self, run: StraceRun) -> None:
        if not run.started:
            run.started = True
            self._recorder.tell(StartRecord(run.take.listener, 0, ""))

    def _finish(self, run: StraceRun) -> None:
        """Release the processes that still run, and read the log. Raise TraceFileError."""
        try:
            run.process.wait(0 if proc.tracer(run.take.pid) else ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            run.process.terminate()
        _, errors = run.process.communicate()
        if not run.log.exists():
            raise UnsupportedByProbe(errors.decode(errors="replace").strip() or "strace wrote no log")
        lines = FileLines(str(run.log))
        if any(TRACING.search(line) for line in lines if PTRACE in line):
            raise UnsupportedByProbe(OWN_TRACER)
        recorder_sink = RecorderSink(self._recorder)
        read([Log("strace's log", lines)], recorder_sink, starts=run.starts)
        if recorder_sink.executions:
            self._tell_started(run)


class RecorderSink:
    """A sink that passes the contents of a log to a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.executions = 0

    def call(self, pid: int, outcomes: Sequence[Event | Failure | None]) -> None:
        """See Sink.call."""
        program = self._recorder.program(
            next((outcome.program for outcome in outcomes if outcome is not None), "")
        )
        presence: dict[RequestedPath, tuple[bool, str]] = {}
        result: list[Use | Nothing] = []
        for outcome in outcomes:
            if isinstance(outcome, Event):
                path = RequestedPath(outcome.path, outcome.root)
                presence[path] = outcome.present, outcome.real
                result.append(Use(Access(outcome.access), outcome.follow, path))
            elif outcome is not None:
                result.append(Nothing(outcome.access, outcome.errno, outcome.reason))
        self._recorder.call(pid, program, result, lambda path, follow: presence[path])

    def executed(self, pid: int, program: str, execution: Exec) -> None:
        """See Sink.executed."""
        self.executions += 1
        number = self._recorder.program(program)
        self._recorder.executed(pid, number, execution.path, execution.loader_environment)


def _start(pid: int) -> Start:
    try:
        files = {number: path for number, (path, _) in proc.open_files(pid).items()}
        return Start(proc.link(pid, "cwd"), proc.root(pid), proc.program(pid), files)
    except OSError:
        return Start()
