"""A traced container while it runs: its streams, its agent, and one queue of all that happens to it.

Threads only move bytes and put messages in the queue; what they mean is decided in the thread that calls
``Session.wait``, so nothing here needs a lock.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, cast

from docker import APIClient
from docker.errors import DockerException

from tracewhale.errors import EngineError, Interrupted, ProbeError
from tracewhale.targets.docker.attached import CHUNK, STDERR, STDOUT, Attached, attach, execute
from tracewhale.targets.docker.console import Console, Forward, Handle, Interrupt, Resize
from tracewhale.targets.docker.engine import api_errors
from tracewhale.targets.docker.payload import PROBE, Entry
from tracewhale.tracing.events import OUTPUT_LIMIT
from tracewhale.tracing.stream import Collector, Counted

READY_SECONDS = 30.0
"""How long the probe may take to have the command executed."""
DRAIN_SECONDS = 20.0
"""How long the streams may take to end after the process did."""


class StopEarly(Exception):
    """The user ended the trace (Ctrl-C once)."""


@dataclass(frozen=True, slots=True)
class Call:
    """A message: do this in the thread that waits."""

    action: Callable[[], None]


@dataclass(slots=True)
class Captured:
    """The first bytes of an output."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    def add(self, stream: int, data: bytes) -> None:
        """Keep what fits."""
        kept = self.stderr if stream == STDERR else self.stdout
        kept += data[: OUTPUT_LIMIT - len(kept)]

    def tail(self, lines: int = 5) -> str:
        """The last lines, for a message: of the errors, or of the output when there are none."""
        text = bytes(self.stderr or self.stdout).decode(errors="replace").strip()
        return "\n".join(text.splitlines()[-lines:])


@dataclass(slots=True)
class Process:
    """A process in the container: the command (listener 0), or an exec."""

    listener: int
    captured: Captured = field(default_factory=Captured)
    drained: bool = False


class Session:
    """One traced container, from before its start to after its end."""

    def __init__(
        self, client: APIClient, container: str, socket: str, console: Console, handle: Handle
    ) -> None:
        self.client, self.container, self.socket = client, container, socket
        self.console, self.handle = console, handle
        self.queue: SimpleQueue[object] = SimpleQueue()
        self.collector = Collector()
        self.reports = 0  # how often the agent has told its counters
        self.command = Process(0)
        self.status: int | None = None
        self.state: dict[str, Any] = {}  # what `docker inspect` said when it had started
        self.agent_ended = False
        self.agent_errors = bytearray()
        self.signalled: set[int] = set()
        self.terminal = False
        self.recorded_input = bytearray()
        self.stoppable = False
        self._entered = 1
        self._open: list[Attached] = []
        self._agent: Attached | None = None
        handle.connect(self.queue)

    # Threads.

    def spawn(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread; what it raises is raised in the thread that waits."""

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # handed over whole: nothing may be lost in a thread
                self.queue.put(error)

        threading.Thread(target=guarded, daemon=True).start()

    def later(self, action: Callable[[], None]) -> None:
        """Have the thread that waits do this."""
        self.queue.put(Call(action))

    # What the waiting thread does.

    def wait(self, until: Callable[[], bool], seconds: float | None = None) -> bool:
        """Handle messages until ``until()`` holds (True) or the time is over (False).

        Raises StopEarly, Interrupted, and what went wrong in a thread.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not until():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            try:
                self._handle(self.queue.get(timeout=left))
            except Empty:
                return until()
        return True

    def _handle(self, message: object) -> None:
        match message:
            case Call(action):
                action()
            case Interrupt():
                if self.handle.interrupts > 1 or not self.stoppable:
                    raise Interrupted("Interrupted: given up, and cleaned up.")
                raise StopEarly
            case Forward(number):
                self.signalled.add(number)
                with suppress(DockerException):  # it may have ended in this moment
                    self.client.kill(self.container, signal=number)
            case Resize():
                self.resize()
            case BaseException():
                raise message

    def resize(self) -> None:
        """Tell the engine the terminal's size."""
        size = self.console.size() if self.terminal else None
        if size is not None:
            with suppress(DockerException):
                self.client.resize(self.container, height=size[0], width=size[1])

    # Start to end.

    def attach(self, *, interactive: bool, terminal: bool, recorded: bytes) -> None:
        """Connect the command's streams, before it starts."""
        self.terminal = terminal
        attached = attach(self.client, self.container, stdin=interactive, terminal=terminal)
        self._open.append(attached)
        self.spawn(lambda: self._pump(attached, self.command))
        if interactive:
            self.spawn(lambda: self._feed(attached, terminal=terminal, recorded=recorded))

    def start(self, ports: Sequence[int]) -> None:
        """Start the container and the agent, and wait until the command is executed or could not be."""
        with api_errors("start the container"):
            self.client.start(self.container)
        # While the probe waits for the agent the container runs for sure: later it may have ended.
        self.state = self.inspect()
        self.resize()
        self.spawn(self._await_end)
        watched = ["--ports", ",".join(str(port) for port in ports)] if ports else []
        argv = [PROBE, "agent", "--socket", self.socket, *watched]
        _, self._agent = execute(self.client, self.container, argv, stdin=True)
        self._open.append(self._agent)
        agent = self._agent
        self.spawn(lambda: self._collect(agent))
        if not self.wait(lambda: 0 in self.collector.started or self.agent_ended, READY_SECONDS):
            raise ProbeError(f"The probe did not start the command in time: {self.probe_words()}")

    def inspect(self) -> dict[str, Any]:
        """What ``docker inspect`` says of the container now."""
        with api_errors("inspect the container"):
            return cast("dict[str, Any]", cast(Any, self.client).inspect_container(self.container))

    def probe_words(self) -> str:
        """What the probe itself said, for a message."""
        words = bytes(self.agent_errors).decode(errors="replace").strip()
        return "\n".join(filter(None, [words, self.command.captured.tail()]))

    def enter(
        self, entry: Entry, argv: Sequence[str], *, seconds: float | None = None
    ) -> tuple[Process, int]:
        """Run another process in the container, traced; returns it with its exit status.

        -1 when it did not end within ``seconds``. It may end before its output does: what it left behind
        in the background is not waited for.
        """
        process = Process(self._entered)
        self._entered += 1
        identifier, attached = execute(self.client, self.container, entry.arguments(self.socket, argv))
        self._open.append(attached)
        self.spawn(lambda: self._pump(attached, process))
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.wait(lambda: process.drained, 1.0):
            if not self._inspect_exec(identifier)["Running"]:
                break
            if deadline is not None and time.monotonic() > deadline:
                return process, -1
        while True:
            answer = self._inspect_exec(identifier)
            if not answer["Running"]:
                return process, int(answer["ExitCode"] or 0)
            self.wait(lambda: False, 0.05)

    def _inspect_exec(self, identifier: str) -> dict[str, Any]:
        with api_errors("look at an exec"):
            return cast("dict[str, Any]", cast(Any, self.client).exec_inspect(identifier))

    def synchronize(self) -> None:
        """Have the agent write its counters, and wait until they are here."""
        agent, before = self._agent, self.reports
        if agent is None or self.agent_ended or self.status is not None:
            return
        with suppress(OSError):
            agent.write(b"c")
            self.wait(lambda: self.reports > before or self.agent_ended, DRAIN_SECONDS)

    def stop(self) -> None:
        """As ``docker stop``: the image's StopSignal, and after its StopTimeout a kill."""

        def stop() -> None:
            with api_errors("stop the container"):
                self.client.stop(self.container)

        self.spawn(stop)
        self.wait(lambda: self.status is not None)

    def drain(self) -> None:
        """After the command's end: wait for the rest of its output and of the agent's events."""
        self.wait(lambda: self.command.drained, DRAIN_SECONDS)
        if self._agent is not None:
            self._agent.close_write()
        if not self.wait(lambda: self.agent_ended, DRAIN_SECONDS):
            raise EngineError("The engine did not close the agent's stream after the container had ended.")

    def close(self) -> None:
        """Let go of every connection."""
        self.handle.connect(None)
        for attached in self._open:
            attached.close()

    # What the threads do.

    def _pump(self, attached: Attached, process: Process) -> None:
        for stream, data in attached.frames():
            process.captured.add(stream, data)
            (self.console.stderr if stream == STDERR else self.console.stdout)(data)
        self.later(lambda: setattr(process, "drained", True))

    def _feed(self, attached: Attached, *, terminal: bool, recorded: bytes) -> None:
        source = self.console.stdin
        with suppress(OSError):  # the command closed its input, or ended
            if source is None:
                attached.write(recorded)
                self.recorded_input += recorded
            while source is not None and (data := source.read(CHUNK)):
                self.recorded_input += data[: OUTPUT_LIMIT - len(self.recorded_input)]
                attached.write(data)
            if not terminal:
                attached.close_write()

    def _collect(self, agent: Attached) -> None:
        for stream, data in agent.frames():
            if stream == STDOUT:
                self.later(partial(self._learn, data))
            else:
                self.agent_errors += data
        self.later(lambda: setattr(self, "agent_ended", True))

    def _learn(self, data: bytes) -> None:
        records = self.collector.feed(data)
        self.reports += sum(isinstance(record, Counted) for record in records)

    def _await_end(self) -> None:
        with api_errors("wait for the container's end"):
            answer = cast("dict[str, Any]", self.client.wait(self.container))
        self.later(lambda: setattr(self, "status", int(answer["StatusCode"])))


def words_of(command: str) -> list[str]:
    """A command line split as a shell would, but with no shell. Raises ValueError."""
    return shlex.split(command)
