"""A traced run in progress, for every engine: one queue of all its events.

Threads only move bytes and put messages into the queue. The thread that calls ``RunSession.wait`` handles the
messages, so no lock is needed.
"""

from __future__ import annotations

import shlex
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from tracewhale.errors import Interrupted, TraceLost
from tracewhale.running.console import Console, Forward, Interrupt, Resize
from tracewhale.running.stopping import DEFAULT_POLICY, reacts
from tracewhale.tracing.collector import Collector
from tracewhale.tracing.events import OUTPUT_LIMIT, Observer

STDOUT, STDERR = 1, 2
CHUNK = 1 << 16

READY_SECONDS = 30.0
"""Seconds in which the probe must have executed the command."""
DRAIN_SECONDS = 20.0
"""Seconds in which the streams must end after the process."""

STOP_POLL_SECONDS = 0.1
"""Seconds between two checks of a command that must stop."""
KILL_SECONDS = 60.0
"""Seconds in which a command must have ended after SIGKILL, which only the kernel can delay."""
STOP_SILENCE_SECONDS = 1.0
"""Seconds after which a message says that the command does not stop."""

SETTLE_SECONDS = 1.0
"""Seconds between two times at which the records that have come are decoded."""
ASK_EVERY_SECONDS = 3.0
"""Seconds between two checks of whether the agent is alive."""

GIVEN_UP = "Interrupted: given up, and cleaned up."


class StopEarly(Exception):
    """The user ended the trace (Ctrl-C once)."""


@dataclass(frozen=True, slots=True)
class ThreadCall:
    """A message: call this in the waiting thread."""

    action: Callable[[], None]


@dataclass(slots=True)
class OutputCapture:
    """The first bytes of an output."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    def add(self, stream: int, data: bytes) -> None:
        """Keep the part that fits."""
        kept = self.stderr if stream == STDERR else self.stdout
        kept += data[: OUTPUT_LIMIT - len(kept)]

    def tail(self, lines: int = 5) -> str:
        """Return the last lines for a message: of the errors, or of the output if there are none."""
        text = bytes(self.stderr or self.stdout).decode(errors="replace").strip()
        return "\n".join(text.splitlines()[-lines:])


@dataclass(slots=True)
class TargetProcess:
    """A process in the target: the command (listener 0), or an exec."""

    listener: int
    captured: OutputCapture = field(default_factory=OutputCapture)
    drained: bool = False
    pieces: int = 0
    """The number of pieces of output; ``passing`` says that its reader has not taken the last one yet."""
    passing: bool = False
    quiet: bool = False
    """Whether its output is only kept, and not passed on."""


class RunSession(ABC):
    """One traced command, from before its start to after its end; an engine implements the access to it."""

    agent_stays = True
    """Whether the agent ends only when it is asked to."""
    answer_seconds = 10.0
    """Seconds in which the agent must answer."""

    def __init__(self, console: Console) -> None:
        self.console, self.handle = console, console.handle
        self.queue: SimpleQueue[object] = SimpleQueue()
        self.collector = Collector()
        self.observe: Observer | None = None
        self.command = TargetProcess(0)
        self.status: int | None = None
        self.begun = False
        """Whether the agent has taken the command."""
        self.agent_ended = False
        self.agent_errors = bytearray()
        self.signalled: set[int] = set()
        self.recorded_input = bytearray()
        self.progress = console.progress
        self.stop_policy = DEFAULT_POLICY
        self.ending_signal = 0
        """The signal with which the user ended the run: SIGTERM."""
        self.stoppable = False
        self.quiet = False
        """Whether output of processes that enter the target now is only kept."""
        self.interrupted = False
        """True once the command should end; it is not ended unless it is ``stoppable``."""
        self._entered = 1
        self._heard_at = self._asked_at = self._watched_at = self._settled_at = 0.0
        self.handle.connect(self.queue)
        if self.handle.interrupts:
            raise Interrupted(GIVEN_UP)

    # Threads.

    def spawn(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread; its exception is raised in the waiting thread."""

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # handed over whole: nothing may be lost in a thread
                self.queue.put(error)

        threading.Thread(target=guarded, daemon=True).start()

    def later(self, action: Callable[[], None]) -> None:
        """Call this in the waiting thread."""
        self.queue.put(ThreadCall(action))

    # Work of the waiting thread.

    def wait(self, until: Callable[[], bool], seconds: float | None = None) -> bool:
        """Handle messages until ``until()`` holds (return True) or the time is over (return False).

        Raise StopEarly, Interrupted, and exceptions of threads.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not until():
            now = time.monotonic()
            remaining = ASK_EVERY_SECONDS if deadline is None else min(deadline - now, ASK_EVERY_SECONDS)
            if remaining <= 0:
                return False
            self._watch_agent(now)
            with suppress(Empty):
                self._handle(self.queue.get(timeout=remaining))
        return True

    def _watch_agent(self, now: float) -> None:
        """Raise TraceLost if the agent has ended or does not answer while there is a command to watch."""
        away, self._watched_at = now - self._watched_at, now
        started = 0 in self.collector.started
        watching = (started or (self.begun and not self.agent_ended)) and self.status is None
        if not watching or away > 2 * ASK_EVERY_SECONDS or (self.agent_ended and not self.agent_stays):
            self._heard_at = now  # records that came while nobody waited are still in the queue
            return
        if self.agent_ended:
            raise TraceLost(
                f"The probe ended before the command did: {self.probe_words() or 'no reason given'}."
            )
        if now - self._asked_at > ASK_EVERY_SECONDS:
            self._asked_at = now
            self.tell_agent("c")
        if now - self._heard_at > self.answer_seconds:
            raise TraceLost("The probe does not answer any more.", "Has its process been stopped?")

    def _handle(self, message: object) -> None:
        match message:
            case ThreadCall(action):
                action()
            case Interrupt():
                if self.handle.interrupts > 1:
                    raise Interrupted(GIVEN_UP)
                self.progress("stopping; Ctrl-C again gives up")
                self.interrupted = True
                if self.stoppable:
                    raise StopEarly
            case Forward(signal.SIGTERM):
                if self.ending_signal:
                    raise Interrupted(GIVEN_UP)
                self.ending_signal = int(signal.SIGTERM)
                self.interrupted = True
                if self.stoppable:
                    raise StopEarly
            case Forward(number):
                self.signalled.add(number)
                self.kill(number)
            case Resize():
                self.resize()
            case BaseException():
                raise message

    def probe_words(self) -> str:
        """Return the probe's own messages."""
        words = bytes(self.agent_errors).decode(errors="replace").strip()
        return "\n".join(filter(None, [words, self.command.captured.tail()]))

    def entering(self) -> TargetProcess:
        """Return a new process, which the agent will know by the next number."""
        process = TargetProcess(self._entered, quiet=self.quiet)
        self._entered += 1
        return process

    def synchronize(self) -> None:
        """Have the agent write its counters, and wait until they arrive."""
        before = self.collector.reports
        if not self.agent_ended and self.status is None and self.tell_agent("c"):
            self.wait(lambda: self.collector.reports > before or self.agent_ended, DRAIN_SECONDS)

    def output(self, process: TargetProcess, stream: int, data: bytes) -> None:
        """Keep and pass on a process's output; called in a thread."""
        process.captured.add(stream, data)
        process.pieces += 1
        if process.quiet:
            return
        process.passing = True
        (self.console.stderr if stream == STDERR else self.console.stdout)(data)
        process.passing = False

    def await_output(self, process: TargetProcess, seconds: float = DRAIN_SECONDS) -> None:
        """Wait after a process's end for the rest of its output, at most ``seconds`` without a new piece.

        The reader of passed output may take any time.
        """
        before = process.pieces
        while not self.wait(lambda: process.drained, seconds):
            if process.pieces == before and not process.passing:
                return
            before = process.pieces

    def feed(self, write: Callable[[bytes], None], recorded: bytes) -> None:
        """Give the command its input, live or recorded; called in a thread."""
        source = self.console.stdin
        if source is None:
            write(recorded)
            self.recorded_input += recorded
        while source is not None and (data := source.read(CHUNK)):
            self.recorded_input += data[: OUTPUT_LIMIT - len(self.recorded_input)]
            write(data)

    def listening(self) -> set[int]:
        """Return the TCP ports on which the target is known to listen."""
        return set(self.collector.listening)

    def local_listeners(self) -> tuple[str, ...]:
        """Return the known places at which the target listens and which other machines cannot reach."""
        return ()

    def ipv6_listeners(self) -> set[int]:
        """Return the TCP ports that are known to listen at all IPv6 addresses."""
        return set()

    def learn(self, data: bytes) -> None:
        """Process a piece of the agent's events. Unless an observer waits for them, they are decoded once a
        second, so that a short command has the processors for itself."""
        self._heard_at = now = time.monotonic()
        self._settled_at = self._settled_at or now
        self.collector.receive(data)
        if self.observe is None and now - self._settled_at < SETTLE_SECONDS:
            return
        self._settled_at = now
        events = self.collector.settle()
        if events:
            self.console.amount(len(self.collector.events), 0, events[-1].path)
        if self.observe is not None:
            for event in events:
                self.observe(event)

    def stop(self) -> None:
        """Stop the command as ``docker stop`` does; kill it at once if it cannot react to the signal.

        Raise TraceLost if it outlives that.
        """
        number, seconds = self.ending_signal or self.stop_policy.signal, self.stop_policy.seconds
        began = time.monotonic()
        self.collector.stopping = True
        announced = False
        self.kill(number)
        while not self.wait(lambda: self.status is not None, STOP_POLL_SECONDS):
            # A handler may give the signal its default meaning back, which process 1 does not die of.
            if time.monotonic() - began >= seconds or not reacts(self.process_status(), number):
                self.kill(signal.SIGKILL)
                if not self.wait(lambda: self.status is not None, KILL_SECONDS):
                    raise TraceLost(
                        f"The command is still there {KILL_SECONDS:g} s after it was killed.",
                        "Does it wait for a disk or a network file system that does not answer?",
                    )
            elif not announced and time.monotonic() - began >= STOP_SILENCE_SECONDS:
                announced = True
                self.progress(f"stopping the command, which may take {seconds:.0f} s (--stop-timeout)")

    # Work of an engine.

    @abstractmethod
    def enter(self, argv: Sequence[str], *, seconds: float | None = None) -> tuple[TargetProcess, int]:
        """Run another process in the target, traced, and return it with its exit status.

        The status is -1 if it did not end within ``seconds``. The process may end before its output does:
        processes that it left in the background are not waited for.
        """

    @abstractmethod
    def kill(self, number: int) -> None:
        """Send a signal to the command; it may have just ended."""

    @abstractmethod
    def resize(self) -> None:
        """Give the command's terminal the size of the user's terminal."""

    @abstractmethod
    def tell_agent(self, line: str) -> bool:
        """Give the agent an order, and return whether there is an agent."""

    @abstractmethod
    def process_status(self) -> str:
        """Return the command's /proc/PID/status, or an empty string if it cannot be read from here."""


def words_of(command: str) -> list[str]:
    """Split a command line as a shell would, without a shell. Raise ValueError."""
    return shlex.split(command)
