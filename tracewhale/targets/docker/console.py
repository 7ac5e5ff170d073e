"""Where a run's own input and output go, and how its user speaks to it. The library has no terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO


def discard(data: bytes) -> None:
    """A writer that writes nowhere."""


@dataclass(frozen=True, slots=True)
class Console:
    """The streams of the process that asked.

    ``stdin`` is read only with ``-i`` (``read1``-like ``read(n)`` of a raw file); ``raw`` puts the terminal into raw mode for as
    long as it is entered (only with ``-t``); ``size`` gives its (rows, columns), None when there is none.
    """

    stdout: Callable[[bytes], None] = discard
    stderr: Callable[[bytes], None] = discard
    stdin: BinaryIO | None = None
    raw: Callable[[], AbstractContextManager[None]] = nullcontext
    size: Callable[[], tuple[int, int] | None] = lambda: None


NO_CONSOLE = Console()
"""No input, and the output goes nowhere."""


class Handle:
    """How another thread, or a signal handler, reaches a run: every method returns at once."""

    def __init__(self) -> None:
        self.interrupts = 0
        self.wake = threading.Event()

    def interrupt(self) -> None:
        """Ctrl-C: once ends the trace and goes on, twice gives up (``Interrupted`` from ``trace``)."""

    def signal(self, number: int) -> None:
        """Hand a signal on to the command, as ``docker run`` does (``--sig-proxy``)."""

    def resize(self) -> None:
        """The terminal has another size now."""
