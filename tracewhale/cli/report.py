"""``tracewhale report``: a report to look at, of an image, a trace or a plan."""

from __future__ import annotations

from typing import Any

import click

from tracewhale.cli import options
from tracewhale.cli.help import GroupedCommand
from tracewhale.cli.reports import check_places, format_option, write_documents
from tracewhale.cli.sources import document_of
from tracewhale.cli.verb import verb
from tracewhale.errors import UsageError


@click.command("report", cls=GroupedCommand)
@click.argument("source", metavar="TRACE|PLAN|IMAGE")
@click.option(
    "-o",
    "--output",
    "places",
    multiple=True,
    required=True,
    metavar="FILE",
    help="Write it to FILE, - for standard output.",
)
@format_option
@options.plan_options
@verb
def report(source: str, places: tuple[str, ...], file_form: str | None, **given: Any) -> None:
    """Write a report with a map of what is kept and removed, and the reasons of each path.

    The source is a trace file, whose target must still be there; the JSON of `run --json` or `plan --json`;
    or an image that TraceWhale made, whose label has the reasons and sizes of its paths and no more. FILE is
    HTML, Markdown, JSON or an export of ncdu, by its ending.
    """
    check_places(places, file_form)
    if file_form and len(places) > 1:
        raise UsageError("--format is for one file, and there are several.", "Let the endings say the forms.")
    write_documents(places, document_of(source, given), file_form)
