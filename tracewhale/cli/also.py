"""``--also -- COMMAND``: other commands of the same image, each in a container of its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import click

from tracewhale.cli.declare import many
from tracewhale.cli.options import TargetCommand
from tracewhale.errors import UsageError

ALSO = "--also"

also_option = many(
    ALSO,
    metavar="CMD|-- CMD ARG...",
    help="Run this command to its end as well, in its own container, and verify it.",
)


class AlsoCommand(TargetCommand):
    """``TARGET [-- ARG...] [--also -- CMD ARG...]...``"""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words, others = split_also(args)
        ctx.ensure_object(dict)["also"] = tuple(others)
        return super().parse_args(ctx, words)


def split_also(args: list[str]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the arguments without ``--also -- CMD ARG...``, and the words of each such command."""
    first, *others = _pieces(args)
    return first, [tuple(words) for words in others]


def _pieces(args: list[str]) -> Iterator[list[str]]:
    """Yield the arguments between each ``--also --``."""
    piece: list[str] = []
    waiting = iter(range(len(args)))
    for at in waiting:
        if args[at : at + 2] == [ALSO, "--"]:
            next(waiting)
            yield piece
            piece = []
        else:
            piece.append(args[at])
    yield piece


def also(parameters: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return the commands of ``--also``, in order. Raise UsageError for one that is empty."""
    try:
        given = tuple(tuple(shlex.split(text)) for text in parameters["also"])
    except ValueError as error:
        raise UsageError(f"{ALSO} is not valid: {error}.", "Quote it as for a shell.") from error
    commands = (*given, *click.get_current_context().obj["also"])
    if not all(commands):
        raise UsageError(f"{ALSO} has no command.", "Use: --also -- CMD ARG...")
    return commands
