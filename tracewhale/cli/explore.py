"""``tracewhale explore``: browse a report in the terminal, and mark paths in it."""

from __future__ import annotations

import sys
from typing import Any

import click

from tracewhale.cli import options
from tracewhale.cli.help import GroupedCommand
from tracewhale.cli.reports import check_places, format_option, write_documents
from tracewhale.cli.sources import document_of
from tracewhale.cli.verb import verb
from tracewhale.errors import UsageError


@click.command("explore", cls=GroupedCommand)
@click.argument("source", metavar="TRACE|PLAN|IMAGE")
@click.option(
    "--marks",
    metavar="NAME",
    default="tracewhale",
    show_default=True,
    help="Write marked paths to NAME.include and NAME.exclude, for --include-from and --exclude-from.",
)
@format_option
@options.plan_options
@verb
def explore(source: str, marks: str, file_form: str | None, **given: Any) -> None:
    """Browse the kept and removed files: a tree by size, with the reasons of each path.

    The source is the same as for `tracewhale report`. / searches, n finds the next match, r shows reasons,
    space marks a path to be left out or kept, q quits. With --format nothing is shown: the report goes to
    standard output. The verb needs the extra `explore`: pip install 'tracewhale[explore]'.
    """
    if file_form:
        check_places(("-",), file_form)
        write_documents(("-",), document_of(source, given), file_form)
        return
    try:
        from tracewhale.cli.browser import Explorer
    except ModuleNotFoundError as error:
        raise UsageError(
            f"`tracewhale explore` needs the library {error.name}.",
            "Install it with: pip install 'tracewhale[explore]'",
        ) from error
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("`tracewhale explore` needs a terminal.", "Use `tracewhale report`, or --format.")
    Explorer(document_of(source, given), marks).run()
