"""The user's side of a run: its streams, signals and progress. The library has no terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol


class InputReader(Protocol):
    """An unbuffered binary file, such as ``open(0, "rb", buffering=0)``: ``read`` returns the bytes that are
    available."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most ``size`` bytes; empty at the end."""
        ...


def discard(data: bytes) -> None:
    """Discard data: a writer that writes nowhere."""


Progress = Callable[[str], None]
"""Called with a few words on the work that begins. It is called often and must be cheap."""


def no_progress(text: str) -> None:
    """Do nothing with words on the progress."""


Amount = Callable[[int, int, str], None]
"""Called with the amount done of the present stage, its total (0 if unknown) and the newest item. It is
called often and must be cheap."""


def no_amount(done: int, total: int, newest: str = "") -> None:
    """Do nothing with an amount."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The user pressed Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A signal for the command."""

    number: int


@dataclass(frozen=True, slots=True)
class Resize:
    """The terminal has a new size."""


class Handle:
    """A run's interface for signal handlers and other threads: every method returns at once.

    One handle may serve several runs, one after the other; ``interrupts`` counts those of all.
    """

    def __init__(self) -> None:
        self.interrupts = 0
        self._queue: SimpleQueue[object] | None = None

    def connect(self, queue: SimpleQueue[object] | None) -> None:
        """Set the queue of the run's messages (``SimpleQueue.put`` may be called in a signal handler)."""
        self._queue = queue

    def interrupt(self) -> None:
        """Handle Ctrl-C: the first ends the trace and the run continues with its next stage; after the second
        ``trace`` raises Interrupted."""
        self.interrupts += 1
        self._post(Interrupt())

    def signal(self, number: int) -> None:
        """Pass a signal on to the command, as ``docker run`` does (``--sig-proxy``)."""
        self._post(Forward(number))

    def resize(self) -> None:
        """Pass the new size of the terminal to the run (SIGWINCH)."""
        self._post(Resize())

    def _post(self, message: object) -> None:
        if self._queue is not None:
            self._queue.put(message)


@dataclass(frozen=True, slots=True)
class Console:
    """The user's side of a run. The writers are called from threads, but never from two at a time.

    ``stdin`` is read only with ``-i``; with None the command gets the recorded input of its run. ``raw`` puts
    the terminal into raw mode while it is entered, ``size`` returns its (rows, columns), or None without a
    terminal; both are used only with ``-t``. A workload's output goes to ``stderr``. ``amount`` is called
    with the number of requested paths and the newest, ``progress`` with words. The user interrupts the run
    through ``handle``.
    """

    stdout: Callable[[bytes], None] = discard
    stderr: Callable[[bytes], None] = discard
    stdin: InputReader | None = None
    raw: Callable[[], AbstractContextManager[None]] = nullcontext
    size: Callable[[], tuple[int, int] | None] = lambda: None
    amount: Amount = no_amount
    progress: Progress = no_progress
    handle: Handle = field(default_factory=Handle)
