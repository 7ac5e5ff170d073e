"""``tracewhale plan``: what would be kept, and why."""

from __future__ import annotations

from typing import Any

import click

from tracewhale import pipeline
from tracewhale.cli import options
from tracewhale.cli.session import echo, session, show, verb
from tracewhale.engines.registry import Engines
from tracewhale.report.text import render_plan
from tracewhale.tracing import tracefile


@click.command("plan")
@options.trace_arguments
@options.plan_options
@options.json_option
@verb
def plan(traces: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Show every path that would be kept for one or several traces, with its reasons."""
    found = [tracefile.read(path) for path in traces]
    settings = options.plan_settings(given)
    with session(as_json=as_json) as current:
        report = pipeline.plan(Engines(current.progress), found, settings, current)
        if not as_json and report.plan is not None:
            echo(render_plan(report.plan))
        show(report, current, as_json=as_json)
