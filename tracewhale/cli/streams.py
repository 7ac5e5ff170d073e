"""This process's own streams and terminal."""

from __future__ import annotations

import io
import os
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from tracewhale.running.console import Amount, Console, Progress, no_amount, no_progress


def unless_unread(descriptor: int, write: Callable[[], None]) -> None:
    """Write to a stream; if its reader is gone, drop this and all later text."""
    try:
        write()
    except BrokenPipeError:
        to_nowhere(descriptor)


def console(
    output: int,
    clear: Callable[[], None],
    *,
    interactive: bool,
    amount: Amount = no_amount,
    progress: Progress = no_progress,
) -> Console:
    """Return the console on this process's streams.

    The command's output goes to the descriptor ``output``; ``clear`` removes the temporary display.
    """

    def write(descriptor: int) -> Callable[[bytes], None]:
        def writer(data: bytes) -> None:
            clear()
            unless_unread(descriptor, lambda: _write_all(descriptor, data))

        return writer

    return Console(
        stdout=write(output),
        stderr=write(2),
        stdin=io.FileIO(0, closefd=False) if interactive else None,
        raw=_raw_terminal,
        size=_terminal_size,
        amount=amount,
        progress=progress,
    )


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


_raw_lock = threading.Lock()


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Yield with the terminal on standard input in raw mode, and restore it."""
    if not sys.stdin.isatty():
        yield
        return
    with _raw_lock:
        saved = termios.tcgetattr(0)
        tty.setraw(0, termios.TCSANOW)
        try:
            yield
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)


def _terminal_size() -> tuple[int, int] | None:
    try:
        size = os.get_terminal_size(1)
    except OSError:
        return None
    return size.lines, size.columns


def to_nowhere(descriptor: int) -> None:
    """Drop the pending output of a stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def echo(text: str) -> None:
    """Write text to standard output, and escape characters that the terminal's encoding lacks."""
    click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
