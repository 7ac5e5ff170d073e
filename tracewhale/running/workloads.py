"""Commands of the user on this machine that drive a target, or show that it is ready."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from tracewhale.running.session import CHUNK, STDERR, OutputCapture, RunSession

LAST_WORDS_SECONDS = 2.0
"""Seconds in which the output of a failed command must arrive."""
END_SECONDS = 2.0
"""Seconds in which a command must end after a signal, before it is killed."""

ORPHANED_SECONDS = 3.0
"""Seconds that a command may continue after its target has ended."""

TIMED_OUT, ORPHANED = -1, -2
"""Statuses of a command that we ended: after its time, or because its target had ended."""


class Workloads:
    """Runs commands by the shell, each in its own process group. At the end none is left."""

    def __init__(self, session: RunSession, environment: Mapping[str, str]) -> None:
        self._session = session
        self._environment = environment
        self._started: list[subprocess.Popen[bytes]] = []

    def run(
        self, command: str, *, seconds: float | None = None, quiet: bool = False
    ) -> tuple[OutputCapture, int]:
        """Run a command to its end, and return its output and its status, as a shell gives it.

        The status is TIMED_OUT if it was ended after ``seconds``, ORPHANED if it was ended because its target
        had ended. ``quiet`` hides its output.
        """
        captured = OutputCapture()
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._started.append(process)
        done: list[int] = []
        ended: list[bool] = []
        self._session.spawn(partial(self._pass_on, process, captured, ended, quiet=quiet))
        self._session.spawn(lambda: self._await(process, done))
        if not self._session.wait(lambda: bool(done) or self._session.status is not None, seconds):
            _end(process)
            return captured, TIMED_OUT
        # It may be its own doing that the target has ended: then it ends soon, too.
        if not self._session.wait(lambda: bool(done), ORPHANED_SECONDS):
            _end(process)
            return captured, ORPHANED
        if done[0] != 0:
            # Its last output may still be on its way; a process that it left behind may hold its output open.
            self._session.wait(lambda: bool(ended), LAST_WORDS_SECONDS)
        return captured, done[0] if done[0] >= 0 else 128 - done[0]

    def close(self) -> None:
        """End the commands that still run."""
        for process in self._started:
            _end(process)

    def _await(self, process: subprocess.Popen[bytes], done: list[int]) -> None:
        status = process.wait()
        self._session.later(lambda: done.append(status))

    def _pass_on(
        self, process: subprocess.Popen[bytes], captured: OutputCapture, ended: list[bool], *, quiet: bool
    ) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            while data := os.read(output.fileno(), CHUNK):
                captured.add(STDERR, data)
                if not quiet:
                    self._session.console.stderr(data)
        self._session.later(lambda: ended.append(True))


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
