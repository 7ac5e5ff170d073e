"""The whole command line: what click refuses is told like any other error, as an object too with --json."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from tracewhale.cli.options import TargetCommand
from tracewhale.cli.refused import instead_of
from tracewhale.cli.signals import interrupted
from tracewhale.cli.verb import fail
from tracewhale.errors import TraceWhaleError, UsageError
from tracewhale.report.formats import JSON, TEXT


class Verbs(click.Group):
    """The verbs; a command line that cannot be read is an error with a sentence and a hint."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """As click's, which shows its errors itself when ``standalone_mode``."""
        words = sys.argv[1:] if args is None else list(args)
        if not standalone_mode:
            return super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            status = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            if not words:  # the help, in place of an error
                error.show()
                sys.exit(error.exit_code)
            fail(_refusal(error), form_of(words))
        except click.Abort as error:
            fail(interrupted(error.__cause__ or error), form_of(words))
        sys.exit(status)


def unexpected(error: Exception) -> NoReturn:
    """End after a mistake of ours, with all that is known of it."""
    traceback.print_exception(error)
    what = f"an unexpected {type(error).__name__}: {error}"
    hint = "This is a mistake of TraceWhale's: please report it with the lines above."
    fail(TraceWhaleError(what, hint), form_of(sys.argv[1:]))


def form_of(words: Sequence[str]) -> str:
    """Return the form of report that a command line asks for that could not be read."""
    return JSON if "--json" in (words[: words.index("--")] if "--" in words else words) else TEXT


def _refusal(error: click.ClickException) -> UsageError:
    what = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return UsageError(what)
    hint = f"`{context.command_path} -h` shows what it takes."
    if isinstance(context.command, TargetCommand):
        option = error.option_name if isinstance(error, click.NoSuchOption) else ""
        if instead := instead_of(option):
            what, hint = f"{option} of docker run is not an option here.", instead
        if option or "unexpected extra argument" in what:
            hint = f"{hint} The command to run stands behind `--`: TARGET -- COMMAND ARG..."
    return UsageError(what, hint)
