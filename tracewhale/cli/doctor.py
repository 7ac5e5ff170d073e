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
from tracewhale.report.names import JSON, TEXT

FORMAT_VERSION = 1
"""The version of the JSON form, which increases when a field changes its meaning or is removed."""


@click.command("doctor")
@options.form_option
@verb
def doctor(form: str) -> None:
    """Try each probe on this machine and its engine, and say what to do if one does not work.

    Exits with 0 if a probe works, and with 15 if none does.
    """
    progress = Progress()
    examination = examine(progress)
    progress.clear()
    echo(FORMS[form](examination))
    if not any(diagnosis.works for diagnosis in examination.diagnoses):
        sys.exit(ExitCode.PROBE)


def _json(examination: Examination) -> str:
    value = {
        "version": FORMAT_VERSION,
        "tool": {"name": "tracewhale", "version": __version__},
        "engine": examination.engine,
        "remedy": examination.remedy,
        "note": examination.note,
        "auto": examination.auto,
        "probes": [asdict(diagnosis) for diagnosis in examination.diagnoses],
    }
    return json.dumps(value, indent=2) + "\n"


def _text(examination: Examination) -> str:
    lines = [f"engine    {printable(examination.engine)}"]
    for diagnosis in examination.diagnoses:
        remedy = f": {diagnosis.remedy[0].lower()}{diagnosis.remedy[1:]}" if diagnosis.remedy else ""
        words = "works" if diagnosis.works else "no"
        lines.append(f"{diagnosis.probe:<9} {words:<6} {printable(diagnosis.why + remedy)}")
    if examination.remedy:
        lines.append(f"          {printable(examination.remedy)}")
    lines.append(f"auto      {examination.auto or 'no probe works that sees everything'}")
    if examination.note:
        lines.append(f"note      {examination.note}")
    return "\n".join(lines) + "\n"


FORMS: Mapping[str, Callable[[Examination], str]] = {TEXT: _text, JSON: _json}
"""Each form of the examination and the function that renders it."""
