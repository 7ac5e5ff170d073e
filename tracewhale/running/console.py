"""Where a run's own input and output go, and how its user speaks to it. The library has no terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol


class InputReader(Protocol):
    """An unbuffered binary file, such as ``open(0, "rb", buffering=0)``: ``read`` gives what there is."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most ``size`` bytes; empty at the end."""
        ...


def discard(data: bytes) -> None:
    """Discard data: a writer that writes nowhere."""


Amount = Callable[[int, int, str], None]
"""Told how much of the present stage is done, of how much (0: nobody knows), and the newest of it; called
often, and cheap."""


def no_amount(done: int, total: int, newest: str = "") -> None:
    """An `Amount` that is told nothing."""


@dataclass(frozen=True, slots=True)
class Console:
    """The streams of the process that asked; the writers are called from threads, one call at a time each.

    ``stdin`` is read only with ``-i``; None gives the command the input that its run was recorded with.
    ``raw`` puts the terminal into raw mode for as long as it is entered, ``size`` gives its (rows, columns),
    None when there is none; both are used with ``-t`` only. A workload's output goes to ``stderr``.
    ``amount`` is told how many paths were asked for, and the newest.
    """

    stdout: Callable[[bytes], None] = discard
    stderr: Callable[[bytes], None] = discard
    stdin: InputReader | None = None
    raw: Callable[[], AbstractContextManager[None]] = nullcontext
    size: Callable[[], tuple[int, int] | None] = lambda: None
    amount: Amount = no_amount


NO_CONSOLE = Console()
"""No input, and the output goes nowhere."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The user pressed Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A signal for the command."""

    number: int


@dataclass(frozen=True, slots=True)
class Resize:
    """The terminal has another size."""


class Handle:
    """How a signal handler or another thread reaches a run: every method returns at once.

    One handle may serve several runs, one after the other; ``interrupts`` counts through all of them.
    """

    def __init__(self) -> None:
        self.interrupts = 0
        self._queue: SimpleQueue[object] | None = None

    def connect(self, queue: SimpleQueue[object] | None) -> None:
        """Set the queue from which a run takes its messages (``SimpleQueue.put`` may be called in a signal
        handler)."""
        self._queue = queue

    def interrupt(self) -> None:
        """Handle Ctrl-C: the first ends the trace and goes on, the second gives up, and ``trace`` raises
        Interrupted."""
        self.interrupts += 1
        self._post(Interrupt())

    def signal(self, number: int) -> None:
        """Pass a signal on to the command, as ``docker run`` does (``--sig-proxy``)."""
        self._post(Forward(number))

    def resize(self) -> None:
        """Tell the run that the terminal has another size (SIGWINCH)."""
        self._post(Resize())

    def _post(self, message: object) -> None:
        if self._queue is not None:
            self._queue.put(message)
