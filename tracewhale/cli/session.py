"""The process around a verb: streams, signals, progress, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, NoReturn, TypeVar, cast

import click

from tracewhale.errors import ExitCode, Interrupted, NoSpace, TraceWhaleError, VerificationFailed
from tracewhale.pipeline import Session
from tracewhale.printable import printable
from tracewhale.report import json as json_report
from tracewhale.report import text as text_report
from tracewhale.report.model import Report
from tracewhale.running.console import Console, Handle

F = TypeVar("F", bound=Callable[..., Any])

PROXIED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that `docker run` hands on to the command."""


@contextmanager
def read_by_somebody() -> Iterator[None]:
    """Raises Interrupted where what is written while there is work to do is read by nobody any more."""
    try:
        yield
    except BrokenPipeError as error:
        what = "interrupted: nobody reads what is written any more"
        raise Interrupted(what, "nothing was left behind") from error


class Progress:
    """What is done now: one line that is written over on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.shown = False

    def __call__(self, text: str) -> None:
        text = printable(text)  # it may name what an image or a trace calls itself
        with read_by_somebody():
            sys.stderr.write(f"\r\x1b[K{text} ..." if self.live else f"tracewhale: {text}\n")
            sys.stderr.flush()
        self.shown = self.live

    def clear(self) -> None:
        """Take the line away before something else is written."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.shown = False


def verb(function: F) -> F:
    """Map what the library raises to an exit code and two sentences; with --json also to an object."""

    @wraps(function)
    def call(*args: Any, **given: Any) -> None:
        end = partial(fail, as_json=bool(given.get("as_json")), target=given.get("target") or "")
        try:
            function(*args, **given)
        except TraceWhaleError as error:
            end(error)
        except KeyboardInterrupt:
            end(Interrupted("interrupted", "nothing was left behind"))
        except BrokenPipeError:  # what was asked for is done, and its report not wanted
            to_nowhere(1)
            to_nowhere(2)
            sys.exit(ExitCode.OK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            end(NoSpace("no space left on this machine's disk", "free some space, or set TMPDIR"))

    return cast(F, call)


def fail(error: TraceWhaleError, *, as_json: bool = False, target: str = "") -> NoReturn:
    """End with an error's exit code, after telling it: two sentences, and an object where one is wanted."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # nothing is left to interrupt, but the exit status
    report = error.report if isinstance(error, VerificationFailed) else None
    known = report if isinstance(report, Report) else Report(_verb(), target, "")
    if as_json:
        _tell(1, json_report.dumps_error(error, known))
    elif known is report:
        _tell(2, text_report.render(known))
    _tell(2, "".join(map(_sentence, filter(None, (error.what, error.hint)))))
    sys.exit(error.exit_code)


def _sentence(text: str) -> str:
    """One of an error's sentences; what a command printed last may follow it, in lines of their own."""
    first, *quoted = map(printable, text.splitlines())
    return "".join([f"tracewhale: {first}\n", *(f"    {line}\n" for line in quoted)])


def _verb() -> str:
    """Which of the verbs that report it is; empty where that is not known."""
    context = click.get_current_context(silent=True)
    name = context.info_name if context is not None else ""
    return name if name in ("run", "trace", "plan", "build", "verify") else ""


def _tell(descriptor: int, text: str) -> None:
    """Write where perhaps nobody reads, or a disk is full: that changes nothing about an error."""
    stream = sys.stdout if descriptor == 1 else sys.stderr
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        to_nowhere(descriptor)


def to_nowhere(descriptor: int) -> None:
    """Have what is still to be written to a stream vanish."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@contextmanager
def session(*, as_json: bool, interactive: bool = False) -> Iterator[Session]:
    """A session on this process's own streams, whose signals reach the traced command."""
    progress, handle = Progress(), Handle()
    stdin = io.FileIO(0, closefd=False) if interactive else None

    def write(descriptor: int) -> Callable[[bytes], None]:
        def writer(data: bytes) -> None:
            progress.clear()
            with read_by_somebody():
                _write_all(descriptor, data)

        return writer

    console = Console(
        stdout=write(2 if as_json else 1),
        stderr=write(2),
        stdin=stdin,
        raw=_raw_terminal,
        size=_terminal_size,
    )
    current = Session(console, handle, progress)
    with _signals(current):
        try:
            yield current
        finally:
            progress.clear()


def show(report: Report, current: Session, *, as_json: bool, stream: Any = None) -> None:
    """Print a report: as JSON on standard output, or as text on ``stream`` (standard error unless told).

    Standard output belongs to the command's own output while there is one.
    """
    cast(Progress, current.progress).clear()
    if as_json:
        sys.stdout.write(json_report.dumps(report))
        sys.stdout.flush()
    else:
        (stream or sys.stderr).write(text_report.render(report))


@contextmanager
def _signals(current: Session) -> Iterator[None]:
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


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


_raw_lock = threading.Lock()


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """The terminal on standard input in raw mode, as it was afterwards."""
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


def echo(text: str) -> None:
    """Text on standard output, whatever the terminal's encoding can show."""
    click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
