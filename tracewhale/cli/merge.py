"""``tracewhale merge``: several traces of one image as one."""

from __future__ import annotations

import click

from tracewhale.cli import options
from tracewhale.cli.streams import echo
from tracewhale.cli.verb import verb
from tracewhale.driving.saturation import coverage_of
from tracewhale.pipeline import union_of
from tracewhale.tracing import tracefile


@click.command("merge")
@options.trace_arguments
@click.option("-o", "--trace-out", metavar="FILE", required=True, help="The trace file to write.")
@verb
def merge(traces: tuple[str, ...], trace_out: str) -> None:
    """Write the union of traces of one image: of several commands, test shards or machines.

    The request and the steps are those of the first trace. The output says how complete the traces are
    together.
    """
    tracefile.check_place(trace_out)
    parts = [tracefile.read(path) for path in traces]
    tracefile.write(union_of(parts), trace_out)
    coverage = coverage_of([{event.path for event in trace.events if event.present} for trace in parts])
    echo(f"merged       {coverage.seen} paths of {coverage.runs} traces into {trace_out}\n")
    echo(f"saturation   {coverage.sentence()}\n")
