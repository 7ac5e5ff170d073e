"""``tracewhale doctor``: which probes work here, and what to do about those that do not."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from tracewhale.cli import options
from tracewhale.cli.session import Progress, echo, verb
from tracewhale.doctor import Examination, examine
from tracewhale.errors import ExitCode
from tracewhale.printable import printable


@click.command("doctor")
@options.json_option
@verb
def doctor(as_json: bool) -> None:
    """Try each probe on this machine and its engine, and say what to do where one does not work.

    Exits with 0 when a probe works that sees everything, and with 15 when none does.
    """
    progress = Progress()
    found = examine(progress)
    progress.clear()
    echo(_json(found) if as_json else _text(found))
    if not found.auto:
        sys.exit(ExitCode.PROBE)


def _json(found: Examination) -> str:
    probes = [asdict(each) for each in found.diagnoses]
    whole = {"engine": found.engine, "remedy": found.remedy, "auto": found.auto, "probes": probes}
    return json.dumps(whole, indent=2) + "\n"


def _text(found: Examination) -> str:
    lines = [f"engine    {printable(found.engine)}"]
    for each in found.diagnoses:
        remedy = f": {each.remedy[0].lower()}{each.remedy[1:]}" if each.remedy else ""
        words = "works" if each.works else "no"
        lines.append(f"{each.probe:<9} {words:<6} {printable(each.why + remedy)}")
    if found.remedy:
        lines.append(f"          {printable(found.remedy)}")
    lines.append(f"auto      {found.auto or 'no probe works that sees everything'}")
    return "\n".join(lines) + "\n"
