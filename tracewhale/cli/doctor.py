"""``tracewhale doctor``: which probes work here, and what to do about those that do not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict

import click

from tracewhale import __version__
from tracewhale.cli import options
from tracewhale.cli.progress import Progress
from tracewhale.cli.streams import echo
from tracewhale.cli.verb import verb
from tracewhale.doctor import Examination, examine
from tracewhale.errors import ExitCode
from tracewhale.printable import printable
from tracewhale.report.formats import JSON, TEXT

FORMAT_VERSION = 1
"""Of the JSON form; it changes when a field changes its meaning or goes."""


@click.command("doctor")
@options.form_option
@verb
def doctor(form: str) -> None:
    """Try each probe on this machine and its engine, and say what to do where one does not work.

    Exits with 0 when some way to trace works, and with 15 when none does.
    """
    progress = Progress()
    found = examine(progress)
    progress.clear()
    echo(FORMS[form](found))
    if not any(each.works for each in found.diagnoses):
        sys.exit(ExitCode.PROBE)


def _json(found: Examination) -> str:
    value = {
        "version": FORMAT_VERSION,
        "tool": {"name": "tracewhale", "version": __version__},
        "engine": found.engine,
        "remedy": found.remedy,
        "note": found.note,
        "auto": found.auto,
        "probes": [asdict(each) for each in found.diagnoses],
    }
    return json.dumps(value, indent=2) + "\n"


def _text(found: Examination) -> str:
    lines = [f"engine    {printable(found.engine)}"]
    for each in found.diagnoses:
        remedy = f": {each.remedy[0].lower()}{each.remedy[1:]}" if each.remedy else ""
        words = "works" if each.works else "no"
        lines.append(f"{each.probe:<9} {words:<6} {printable(each.why + remedy)}")
    if found.remedy:
        lines.append(f"          {printable(found.remedy)}")
    lines.append(f"auto      {found.auto or 'no probe works that sees everything'}")
    if found.note:
        lines.append(f"note      {found.note}")
    return "\n".join(lines) + "\n"


FORMS: Mapping[str, Callable[[Examination], str]] = {TEXT: _text, JSON: _json}
"""Each form of the examination and the function that renders it."""
