"""``tracewhale plan``: what would be kept, and why."""

from __future__ import annotations

from typing import Any

import click

from tracewhale import pipeline
from tracewhale.cli import options
from tracewhale.cli.help import GroupedCommand
from tracewhale.cli.streams import echo
from tracewhale.cli.verb import context, show, verb
from tracewhale.engines.registry import Engines
from tracewhale.report.names import FOR_PROGRAMS
from tracewhale.report.text import render_plan
from tracewhale.tracing import tracefile


@click.command("plan", cls=GroupedCommand)
@options.trace_arguments
@options.plan_options
@options.report_options
@verb
def plan(traces: tuple[str, ...], form: str, **given: Any) -> None:
    """Show every path that would be kept for one or several traces, with its reasons."""
    parts = [tracefile.read(path) for path in traces]
    settings = options.plan_settings(given)
    with context(form) as current:
        report = pipeline.plan(Engines(current.progress), parts, settings, current)
        if form not in FOR_PROGRAMS and report.plan is not None:
            echo(render_plan(report.plan))
        show(report, form)
