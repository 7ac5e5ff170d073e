"""``tracewhale build``: the image of one or several traces."""

from __future__ import annotations

from typing import Any

import click

from tracewhale import pipeline
from tracewhale.cli import options
from tracewhale.cli.session import session, show, verb
from tracewhale.targets.docker.adapter import DockerEngine
from tracewhale.tracing import tracefile


@click.command("build")
@options.trace_arguments
@click.option("-t", "--tag", metavar="NAME", default="", help="Name of the new image [skinny-NAME:TAG].")
@options.plan_options
@options.json_option
@verb
def build(traces: tuple[str, ...], tag: str, as_json: bool, **given: Any) -> None:
    """Build the image of one or several traces, whose union is kept. It is not verified."""
    found = [tracefile.read(path) for path in traces]
    settings = options.plan_settings(given)
    with session(as_json=as_json) as current:
        report = pipeline.build(DockerEngine(current.progress), found, settings, tag, current)
        show(report, current, as_json=as_json)
