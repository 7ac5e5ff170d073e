"""``tracewhale report``: a report of an image, a trace or a plan, in a file."""

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
    help="Write the report to FILE; - is standard output.",
)
@format_option
@options.plan_options
@verb
def report(source: str, places: tuple[str, ...], file_form: str | None, **given: Any) -> None:
    """Write a report with a map of the kept and removed files, and the reasons of each path.

    The source is a trace file, whose target must still be there; the JSON of `run --json` or `plan --json`;
    or an image that TraceWhale made, whose label has only the reasons and sizes of its paths. The ending of
    FILE chooses HTML, Markdown, JSON or an export of ncdu.
    """
    check_places(places, file_form)
    if file_form and len(places) > 1:
        raise UsageError(
            "--format is for one file, and there are several.",
            "Leave it out: the ending of each file chooses its form.",
        )
    write_documents(places, document_of(source, given), file_form)
