"""``tracewhale verify``: does an image behave as the traced original did?"""

from __future__ import annotations

from typing import Any

import click

from tracewhale import pipeline
from tracewhale.cli import options
from tracewhale.cli.help import GroupedCommand
from tracewhale.cli.verb import context, show, verb
from tracewhale.engines.registry import Engines
from tracewhale.tracing import tracefile


@click.command("verify", cls=GroupedCommand)
@click.argument("image")
@options.trace_arguments
@options.repeated_options
@options.plan_options
@options.report_options
@verb
def verify(image: str, traces: tuple[str, ...], form: str, **given: Any) -> None:
    """Run IMAGE under the tracer as the original was run, and compare the two runs."""
    parts = [tracefile.read(path) for path in traces]
    settings = options.plan_settings(given)
    trust = options.trust(given)
    with context(form) as current:
        report = pipeline.verify(Engines(current.progress), image, parts, settings, current, trust)
        show(report, form)
