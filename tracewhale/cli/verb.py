"""The common parts of all verbs: the context, the report, and the one place where errors become exit
codes."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from tracewhale.cli.signals import ENDING, interruption, signals
from tracewhale.cli.streams import console, to_nowhere
from tracewhale.errors import ExitCode, NoSpace, TraceWhaleError
from tracewhale.printable import printable
from tracewhale.report.names import FOR_PROGRAMS, QUIET, TEXT

if TYPE_CHECKING:
    from tracewhale.context import Context
    from tracewhale.report.model import Report

PROGRESS = "tracewhale.progress"
"""The name in a command's context of its progress display, which ends before the report."""

F = TypeVar("F", bound=Callable[..., Any])


def verb(function: F) -> F:
    """Turn the library's errors into an exit code and two sentences, and into an object if that is
    requested."""

    @wraps(function)
    def call(*args: Any, **given: Any) -> None:
        def end(error: TraceWhaleError) -> NoReturn:
            from tracewhale.report.model import Report

            fail(error, given.get("form") or TEXT, Report(_verb(), given.get("target") or "", ""))

        try:
            function(*args, **given)
        except TraceWhaleError as error:
            end(error)
        except KeyboardInterrupt as error:
            end(interruption(error))
        except BrokenPipeError:  # the work is done, and nobody reads its report
            to_nowhere(1)
            to_nowhere(2)
            sys.exit(ExitCode.OK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            end(NoSpace("No space is left on this machine's disk.", "Free some space, or set TMPDIR."))

    return cast(F, call)


def fail(error: TraceWhaleError, form: str = TEXT, report: Report | None = None) -> NoReturn:
    """End with an error's exit code, after its two sentences on standard error and the results so far."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)  # nothing is left to interrupt, but the exit status
    # It imports all stages, which commands that only read a plan do not need.
    from tracewhale.report.formats import FORMATS
    from tracewhale.report.model import Report

    report = replace(report or Report("", "", ""), error=error)
    if form in FOR_PROGRAMS:
        _write(1, FORMATS[form](report))
    elif report.trace is not None:
        _write(2, FORMATS[form](report))
    _write(2, "".join(map(_sentence, filter(None, (error.what, error.hint)))))
    sys.exit(error.exit_code)


def _sentence(text: str) -> str:
    """Return one of an error's sentences; the last output of a command may follow it on further lines."""
    first, *quoted = map(printable, text.splitlines())
    return "".join([f"tracewhale: {first}\n", *(f"    {line}\n" for line in quoted)])


def _verb() -> str:
    """Return the verb of the report; empty if it is unknown."""
    context = click.get_current_context(silent=True)
    name = context.info_name if context is not None else ""
    return name if name in ("run", "trace", "plan", "build", "verify") else ""


def _write(descriptor: int, text: str) -> None:
    """Write to a stream whose reader may be gone or whose disk may be full, which does not change the
    error."""
    stream = sys.stdout if descriptor == 1 else sys.stderr
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        to_nowhere(descriptor)


@contextmanager
def context(form: str, *, interactive: bool = False) -> Iterator[Context]:
    """Yield a context on this process's own streams, whose signals reach the traced command.

    Standard output is the command's, unless the report goes there: then the command's output is on standard
    error.
    """
    # With all that the data passes through, and the display: large, and not needed by who only reads a file.
    from tracewhale.cli.progress import Progress
    from tracewhale.context import Context

    progress = Progress(silent=form == QUIET, lively=not interactive)
    click.get_current_context().meta[PROGRESS] = progress
    output = 2 if form in FOR_PROGRAMS else 1
    current = Context(
        console(output, progress.clear, interactive=interactive, amount=progress.amount, progress=progress)
    )
    with signals(current):
        try:
            yield current
        finally:
            progress.clear()


def show(report: Report, form: str) -> None:
    """Show a report: text on standard error, other formats on standard output. A failed run ends here.

    Standard output belongs to the command's own output, if there is any.
    """
    click.get_current_context().meta[PROGRESS].clear()
    if report.error is not None:
        fail(report.error, form, report)
    from tracewhale.report.formats import FORMATS

    stream = sys.stdout if form in FOR_PROGRAMS else sys.stderr
    stream.write(FORMATS[form](report))
    stream.flush()
