"""``tracewhale trace``: run the command traced, and write what it asked for to a file."""

from __future__ import annotations

from typing import Any

import click

from tracewhale import pipeline
from tracewhale.cli import options
from tracewhale.cli.session import session, show, verb
from tracewhale.targets.engines import Engines
from tracewhale.tracing import tracefile


@click.command("trace", cls=options.TargetCommand)
@click.argument("target")
@click.option("-o", "--trace-out", metavar="FILE", required=True, help="Where the trace goes.")
@options.step_options
@options.change_options
@options.docker_run_options
@options.json_option
@verb
def trace(target: str, trace_out: str, as_json: bool, **given: Any) -> None:
    """Run a command of TARGET under the tracer and write the trace to a file; nothing is built."""
    job = options.job(target, given)
    with session(as_json=as_json, interactive=given["interactive"]) as current:
        report, found = pipeline.trace(Engines(current.progress), job, current)
        tracefile.write(found, trace_out)
        show(report, current, as_json=as_json)
