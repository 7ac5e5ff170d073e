"""``tracewhale watch``: the paths that a running container requests and lacks, reported at once."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial

import click

from tracewhale import pipeline
from tracewhale.cli import options
from tracewhale.cli.verb import context, verb
from tracewhale.engines.base import Request
from tracewhale.engines.probes import Probe
from tracewhale.engines.registry import Engines
from tracewhale.errors import ExitCode, UsageError
from tracewhale.pipeline import Job
from tracewhale.printable import printable
from tracewhale.report.names import JSON
from tracewhale.tracing import tracefile
from tracewhale.tracing.events import Step
from tracewhale.watching import MissingPath


@click.command("watch")
@click.argument("container", required=False)
@click.option("--label", metavar="SELECTOR", help="Watch the one running container that has this label.")
@click.option(
    "--original", metavar="IMAGE", required=True, help="The image with the paths that may be missing."
)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(0, 1e9),
    metavar="SECONDS",
    help="Watch for SECONDS [until the container ends, or Ctrl-C].",
)
@click.option("-o", "--trace-out", metavar="FILE", help="Write a trace of the original, for the next build.")
@options.probe_option
@options.form_option
@verb
def watch(
    container: str | None,
    label: str | None,
    original: str,
    seconds: float | None,
    trace_out: str | None,
    probe: str,
    form: str,
) -> None:
    """Report each path that a running container requests and lacks, and that the original image has.

    The container is not changed. Exits with 1 if a path was missing.
    """
    if (container is None) == (label is None):
        raise UsageError("`tracewhale watch` needs a container or --label SELECTOR.", "Give one of them.")
    if trace_out is not None:
        tracefile.check_place(trace_out)
    steps = () if seconds is None else (Step("for", str(seconds)),)
    with context(form) as current:
        engines = Engines(current.progress)
        name = container or engines.labelled(label or "")
        tell = partial(_tell, as_json=form == JSON)
        job = Job(name, Request(probe=Probe(probe)), steps)
        missing, trace = pipeline.watch(engines, job, original, current, tell)
        if trace_out is not None:
            tracefile.write(trace, trace_out)
    if missing:
        sys.exit(ExitCode.MISSING)


def _tell(missing: MissingPath, *, as_json: bool) -> None:
    """Print a line at once, because its reader may be waiting."""
    text = f"missing {missing.path}  ({missing.access} by {missing.program or 'a program'})"
    click.echo(json.dumps(asdict(missing), sort_keys=True) if as_json else printable(text))
    sys.stdout.flush()
