"""The handling of signals to this process: Ctrl-C ends the run, others are passed to the traced command."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracewhale.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from tracewhale.context import Context

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end the work if no command runs that should get them."""

PROXIED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that `docker run` passes to the command."""


class Termination(KeyboardInterrupt):
    """Raised when a signal ends the work, so that everything is cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def interruption(error: BaseException) -> Interrupted:
    """Return the error for work that KeyboardInterrupt or a signal has ended."""
    number = error.number if isinstance(error, Termination) else signal.SIGINT
    what = "Interrupted." if number == signal.SIGINT else f"Ended by {signal.Signals(number).name}."
    return Interrupted(what, "Nothing was left behind.", ExitCode(128 + number))


def end_by_signals() -> None:
    """Let a signal that would end this process raise Termination; one that is ignored stays so."""

    def end(number: int, frame: object) -> None:
        raise Termination(number)

    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


@contextmanager
def signals(current: Context) -> Iterator[None]:
    """Let a first Ctrl-C end the trace and continue with the build; at any other time, and the second time,
    let it end the work."""

    given_up = 0

    def give_up(number: int) -> None:
        nonlocal given_up
        given_up += 1
        if given_up != 2:  # the next one ends the cleaning up, if the user insists
            current.ended = Termination(number)
            raise current.ended

    def interrupt(number: int, frame: object) -> None:
        if current.running:
            current.handle.interrupt()
        else:
            give_up(number)

    def proxy(number: int, frame: object) -> None:
        if current.running:
            current.handle.signal(number)
        elif number in ENDING:
            give_up(number)

    handlers: dict[int, Callable[[int, object], None]] = {signal.SIGINT: interrupt}
    handlers |= dict.fromkeys(PROXIED, proxy)
    handlers[signal.SIGWINCH] = lambda number, frame: current.handle.resize()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
