"""A container that is traced from outside, by an agent that is a process of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from docker import APIClient

from tracewhale.engines.docker.container_session import ContainerSession
from tracewhale.engines.docker.container_spec import EntrySpec
from tracewhale.engines.probes import Probe
from tracewhale.errors import ProbeError
from tracewhale.running.console import Console
from tracewhale.running.session import CHUNK, READY_SECONDS
from tracewhale.tracing.host import proc

LOCATE_SECONDS = 10.0
"""Seconds until a process that the engine has started must be visible here."""


@contextmanager
def agent_words(probe: Probe, binary: bytes) -> Iterator[list[str]]:
    """Yield the words that start the agent of a probe; ``binary`` is ours for this machine's architecture."""
    words = [sys.executable, "-m", "tracewhale.tracing.host", probe.value]
    if probe not in (Probe.EBPF, Probe.FANOTIFY):
        yield words
        return
    with tempfile.TemporaryDirectory(prefix="tracewhale-") as directory:
        path = Path(directory) / "probe"
        path.write_bytes(binary)
        path.chmod(0o700)
        yield [*words, str(path)]


class HostedSession(ContainerSession):
    """A session like its base, whose agent is a process of this machine started by ``words``."""

    agent_stays = False
    answer_seconds = 60.0

    def __init__(
        self,
        client: APIClient,
        container: str,
        token: str,
        entry: EntrySpec,
        console: Console,
        words: Sequence[str],
    ) -> None:
        super().__init__(client, container, token, entry, console)
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, ports: Sequence[int]) -> None:
        """Do nothing: the agent starts with the process that it takes."""

    def begin(self, ports: Sequence[int]) -> None:
        """Start the agent and have it take the command."""
        process = self._spawn_agent()
        pid = int(self.state["State"]["Pid"])
        if self._await_held(pid):
            self.tell_agent(f"a {pid} 0 {self.token}")
            self.begun = True
        self.wait(
            lambda: 0 in self.collector.started or self.agent_ended or self.status is not None, READY_SECONDS
        )
        if not self.collector.started and self.status is not None:
            self.finish_agent()  # it ended at once: the agent's records show whether it had started
        if not self.collector.started and process.poll():
            raise ProbeError(f"The probe could not be started: {self.probe_words() or 'no reason given'}.")

    def attach_to(self, pids: Sequence[int]) -> None:
        """Start the agent and have it take running processes. Raise ProbeError."""
        self._spawn_agent()
        for pid in pids:
            self.tell_agent(f"A {pid}")
        if not self.wait(lambda: bool(self.collector.started) or self.agent_ended, READY_SECONDS):
            raise ProbeError("The probe did not take the container's processes in time.", "Try it again.")
        if not self.collector.started:
            raise ProbeError(f"The probe cannot trace the container: {self.probe_words()}.")

    def _spawn_agent(self) -> subprocess.Popen[bytes]:
        # In a session of its own: Ctrl-C is for us to pass on.
        process = subprocess.Popen(
            self._words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._process = process
        self.spawn(partial(self._learn_from, process))
        self.spawn(partial(self._hear_errors, process))
        return process

    def _await_held(self, pid: int) -> bool:
        """Wait until the command waits for the agent; return False if it has ended. Raise ProbeError."""
        deadline = time.monotonic() + LOCATE_SECONDS
        while proc.is_held(pid, self.token) is not True:
            if self.wait(lambda: self.status is not None, 0.01):
                return False
            if time.monotonic() > deadline:
                raise ProbeError(
                    "The engine's processes are not processes of this machine.",
                    "Use --probe seccomp, or run TraceWhale where the engine runs, outside of any container.",
                )
        return True

    def take(self, pid: int, listener: int) -> None:
        """Have the agent take the one child of a process that stays outside the container."""
        deadline = time.monotonic() + LOCATE_SECONDS
        while not (children := proc.children(pid)) and time.monotonic() < deadline:
            if not os.path.exists(f"/proc/{pid}"):
                return  # it could not even begin, and says why itself
            self.wait(lambda: False, 0.01)
        for child in children:
            super().take(child, listener)

    def tell_agent(self, line: str) -> bool:
        """Give the agent an order; return whether there is an agent."""
        if self._process is None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def finish_agent(self) -> None:
        """Have the agent release the processes that still run, and wait for the rest of its events. That may
        take long, because strace's log is read at the end: a running agent is still working.
        """
        if self._process is None:
            return
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self.wait(lambda: self.agent_ended)
        if self._process.wait():
            words = bytes(self.agent_errors).decode(errors="replace").strip()
            raise ProbeError(f"The probe stopped working: {words or 'no reason given'}.")

    def close(self) -> None:
        """Close the agent, too, which releases the processes that it follows."""
        super().close()
        if self._process is not None:
            with suppress(OSError):
                if self._process.stdin is not None:
                    self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _learn_from(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            while data := os.read(output.fileno(), CHUNK):
                self.later(partial(self.learn, data))
        self.later(lambda: setattr(self, "agent_ended", True))

    def _hear_errors(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr as errors:
            while data := os.read(errors.fileno(), CHUNK):
                self.agent_errors += data
