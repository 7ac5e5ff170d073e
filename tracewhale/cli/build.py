"""``tracewhale build``: the image of one or several traces."""

from __future__ import annotations

from typing import Any

import click

from tracewhale import pipeline
from tracewhale.cli import making, options
from tracewhale.cli.help import GroupedCommand
from tracewhale.cli.reports import check_places, report_option, write_reports
from tracewhale.cli.verb import context, show, verb
from tracewhale.engines.registry import Engines
from tracewhale.tracing import tracefile


@click.command("build", cls=GroupedCommand)
@options.trace_arguments
@options.output_options
@options.trust_option
@options.plan_options
@making.making_options
@report_option
@options.report_options
@verb
def build(traces: tuple[str, ...], tag: str, output: str, form: str, **given: Any) -> None:
    """Build the image of one or several traces, whose union is kept. It is not verified."""
    parts = [tracefile.read(path) for path in traces]
    settings = options.plan_settings(given)
    destination = options.destination(output, tag, keep_privileges=given["keep_privileges"])
    recipe = making.recipe(given)
    trust = options.trust(given)
    check_places(given["reports"])
    with context(form) as current:
        engines = Engines(current.progress)
        report = pipeline.build(
            engines,
            parts,
            settings,
            destination,
            current,
            recipe,
            trust,
            with_removed=bool(given["reports"]),
        )
        write_reports(given["reports"], report)
        show(report, form)
