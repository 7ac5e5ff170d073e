"""The whole command line: errors of click are shown like all others, with --json as an object, too."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from tracewhale.cli.signals import interruption
from tracewhale.errors import TraceWhaleError, UsageError

VERBS: Mapping[str, str] = {
    "run": "Run a command of TARGET under the tracer and make a minimal image that behaves the same.",
    "make": "Make the images of a project file, or those of its TARGETs, and write tracewhale.lock.",
    "init": "Write a project file for TARGET from its image and from the files beside it.",
    "trace": "Run a command of TARGET under the tracer and write the trace to a file; nothing is built.",
    "merge": "Write the union of traces of one image: of several commands, test shards or machines.",
    "plan": "Show every path that would be kept for one or several traces, with its reasons.",
    "build": "Build the image of one or several traces, whose union is kept.",
    "verify": "Run IMAGE under the tracer as the original was run, and compare the two runs.",
    "watch": "Report each path that a running container requests and lacks, and that the original image has.",
    "diagnose": "Explain why a command of TARGET fails because something is missing, and what to do "
    "about it.",
    "why": "Show why a path is kept: the shortest chain of reasons from it to the command.",
    "report": "Write a report with a map of the kept and removed files, and the reasons of each path.",
    "explore": "Browse the kept and removed files: a tree by size, with the reasons of each path.",
    "diff": "Show what differs between two images, traces or plans: files, packages, configuration, rights, "
    "reasons.",
    "deps": "Show what the dynamic loader would load for files of a target, without running anything.",
    "doctor": "Try each probe on this machine and its engine, and say what to do if one does not work.",
    "completion": "Print the script that completes tracewhale's command line in a shell.",
}
"""Each verb with the first sentence of its help, in the order shown: a function in the module of that
name."""

MODULES: Mapping[str, str] = {"init": "make"}
"""The modules of verbs that share one."""


class Verbs(click.Group):
    """The verbs; an invalid command line is an error with a sentence and a hint."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, after importing its module."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"tracewhale.cli.{MODULES.get(cmd_name, cmd_name)}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with their summaries, without importing them."""
        room = formatter.width - 6 - max(map(len, VERBS))
        with formatter.section("Commands"):
            formatter.write_dl([(name, shorten(text, room)) for name, text in VERBS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run as click does; with ``standalone_mode`` click shows its errors itself."""
        words = sys.argv[1:] if args is None else list(args)
        if not standalone_mode:
            return super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            status = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            if not words:  # the help, in place of an error
                error.show()
                sys.exit(error.exit_code)
            _fail(_refusal(error), words)
        except click.Abort as error:
            _fail(interruption(error.__cause__ or error), words)
        sys.exit(status)


def unexpected(error: Exception) -> NoReturn:
    """End after a bug in TraceWhale, with all available details."""
    traceback.print_exception(error)
    what = f"An unexpected {type(error).__name__} was raised: {error}."
    hint = "This is a bug in TraceWhale: please report it with the lines above."
    _fail(TraceWhaleError(what, hint), sys.argv[1:])


def _fail(error: TraceWhaleError, words: Sequence[str]) -> NoReturn:
    from tracewhale.cli.verb import fail  # it knows the forms of reports

    fail(error, form_of(words))


def shorten(text: str, room: int) -> str:
    """Return a sentence without its full stop, or its first words that fit into so many columns."""
    text = text.removesuffix(".")
    return text if len(text) <= room else f"{text[: room - 2].rpartition(' ')[0]}..."


def form_of(words: Sequence[str]) -> str:
    """Return the format of the report that an invalid command line asks for."""
    from tracewhale.report.names import JSON, TEXT

    return JSON if "--json" in (words[: words.index("--")] if "--" in words else words) else TEXT


def _refusal(error: click.ClickException) -> UsageError:
    from tracewhale.cli.options import TargetCommand
    from tracewhale.cli.unsupported_options import instead_of

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
            hint = f"{hint} The command to run follows `--`: TARGET -- COMMAND ARG..."
    return UsageError(what, hint)
