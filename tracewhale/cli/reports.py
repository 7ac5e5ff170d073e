"""Reports in files: their places and formats, and a check that they can be written."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from tracewhale.cli.declare import many
from tracewhale.errors import UsageError
from tracewhale.report.document import ReportDocument, of_value
from tracewhale.report.formats import FILE_FORMATS, format_of
from tracewhale.report.json import to_json
from tracewhale.report.model import Report

ENDINGS = ", ".join(form.endings[0] for form in FILE_FORMATS.values())

report_option = many(
    "--report",
    "reports",
    metavar="FILE",
    help="Write a report to FILE, whose ending chooses the form: .html, .md, .json or .ncdu.",
)

format_option = click.option(
    "--format",
    "file_form",
    type=click.Choice(list(FILE_FORMATS)),
    help="The form of FILE, if its ending does not name one.",
)


def check_places(places: Sequence[str], form: str | None = None) -> None:
    """Raise UsageError for a place whose format is unknown, or that cannot be written."""
    for place in places:
        if not (form or format_of(place)):
            raise UsageError(f"The ending of {place} names no form of a report.", f"Use one of {ENDINGS}.")
        directory = os.path.dirname(place) or "."
        if place != "-" and (os.path.isdir(place) or not os.access(directory, os.W_OK)):
            raise UsageError(
                f"The report cannot be written to {place}.", "Name a file in an existing directory."
            )


def write_reports(places: Sequence[str], report: Report) -> None:
    """Write a report to each place, if it has a plan."""
    if places and report.plan is not None:
        write_documents(places, of_value(to_json(report)))


def write_documents(places: Sequence[str], document: ReportDocument, form: str | None = None) -> None:
    """Write a report to each place in the format of its ending, or in the given one. Raise UsageError."""
    for place in places:
        text = FILE_FORMATS[form or format_of(place)].render(document)
        if place == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _write(place, text)


def _write(place: str, text: str) -> None:
    """Replace a file atomically, so that nobody sees an incomplete report."""
    temporary = f"{place}.{os.getpid()}.tmp"
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, place)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise UsageError(
            f"The report cannot be written to {place}: {error.strerror}.", "Name another place."
        ) from error
