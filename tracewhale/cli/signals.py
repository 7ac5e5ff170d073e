"""What signals to this process mean: Ctrl-C for the run, others for the command that is traced."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracewhale.pipeline import Context

PROXIED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that `docker run` hands on to the command."""


@contextmanager
def signals(current: Context) -> Iterator[None]:
    """Ctrl-C ends a trace and goes on to build; at any other time, and the second time, it gives up."""

    given_up = 0

    def give_up() -> None:
        nonlocal given_up
        given_up += 1
        if given_up != 2:  # the next one would end the cleaning up; whoever insists may
            raise KeyboardInterrupt

    def interrupt(number: int, frame: object) -> None:
        if current.running:
            current.handle.interrupt()
        else:
            give_up()

    def proxy(number: int, frame: object) -> None:
        if current.running:
            current.handle.signal(number)
        elif number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            give_up()

    handlers: dict[int, Callable[[int, object], None]] = {signal.SIGINT: interrupt}
    handlers |= dict.fromkeys(PROXIED, proxy)
    handlers[signal.SIGWINCH] = lambda number, frame: current.handle.resize()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
