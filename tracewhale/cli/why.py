"""``tracewhale why``: the reasons for which a path is in an image, or is not."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from tracewhale.cli.streams import echo
from tracewhale.cli.verb import context, verb
from tracewhale.errors import ExitCode, UsageError
from tracewhale.report.names import JSON, TEXT
from tracewhale.tracing import tracefile
from tracewhale.why import Ledger, ask, from_plan, from_report
from tracewhale.why.label import LABEL, of_config
from tracewhale.why.text import render, to_json


@click.command("why")
@click.argument("target", metavar="IMAGE|TRACE|PLAN")
@click.argument("questions", metavar="PATH...", nargs=-1, required=True)
@click.option("--json", "form", flag_value=JSON, default=TEXT, help="Print one JSON object for each answer.")
@verb
def why(target: str, questions: Sequence[str], form: str) -> None:
    """Show why a path is kept: the shortest chain of reasons from it to the command.

    The first argument is an image that TraceWhale made, a trace file, or the JSON of `plan --json`. PATH is a
    file, a directory (with the sum of its contents), or a package's name. Exits with 1 if one of them is not
    kept.
    """
    answers = ask(_ledger(target), questions)
    echo(json.dumps(to_json(answers)) + "\n" if form == JSON else render(answers))
    if not all(answer.kept for answer in answers):
        sys.exit(ExitCode.MISSING)


def _ledger(target: str) -> Ledger:
    if os.path.isfile(target):
        value = read_report(target)
        return from_report(value) if value is not None else _of_trace(target)
    return label_of(target)


def label_of(target: str) -> Ledger:
    """Return the reasons in an image's label. Raise UsageError if it has none."""
    from tracewhale.engines.base import Request  # large, as all that follows is: a plan needs none of it
    from tracewhale.engines.registry import Engines

    with context(JSON, interactive=False) as current:
        with Engines(lambda text: None).open(target, Request(command=("true",))) as opened_target:
            ledger = of_config(opened_target.config)
        del current
    if ledger is None:
        raise UsageError(
            f"{target} has no label {LABEL}, so it was not made by TraceWhale, or by an older one.",
            "Use its trace: tracewhale why TRACE PATH.",
        )
    return ledger


def _of_trace(place: str) -> Ledger:
    """Return the plan of a trace, whose target must still exist."""
    from tracewhale import pipeline, rules
    from tracewhale.engines.registry import Engines
    from tracewhale.plan.model import Options

    with context(JSON, interactive=False) as current:
        options = Options(rules=rules.load(()))
        report = pipeline.plan(Engines(current.progress), [tracefile.read(place)], options, current)
    if report.plan is None:
        raise UsageError(f"{place} has no plan.", "Trace again.")
    return from_plan(report.plan)


def read_report(place: str) -> Any:
    """Return a report or lock file in JSON, None for a trace. Raise UsageError for another file."""
    try:
        with open(place, encoding="utf-8") as file:
            if f'"{tracefile.FORMAT}"' in file.readline():
                return None
            file.seek(0)
            value = json.load(file)
        if not isinstance(value, dict):
            raise ValueError("it is not an object")
        return value
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{place} is neither a trace nor a plan: {error}.",
            "Give a trace file, or the output of `tracewhale plan --json`.",
        ) from error
