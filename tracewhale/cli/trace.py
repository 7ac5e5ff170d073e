"""``tracewhale trace``: run the command under a probe, or read logs of strace, and write the requested
paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import click
from click.core import ParameterSource

from tracewhale import pipeline
from tracewhale.cli import options, steps
from tracewhale.cli.also import AlsoCommand, also, also_option
from tracewhale.cli.declare import many
from tracewhale.cli.verb import context, show, verb
from tracewhale.engines.names import HOST
from tracewhale.engines.registry import Engines
from tracewhale.errors import UsageError
from tracewhale.tracing import tracefile
from tracewhale.tracing.events import merge
from tracewhale.tracing.strace import Start, parse, runs_of

FROM_STRACE = "--from-strace"


class TraceCommand(AlsoCommand):
    """``--from-strace LOG...``: each word up to the next option is a log, as a shell's ``*`` gives them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [*_each_log(args[:at]), *args[at:]])


def _each_log(args: list[str]) -> Iterator[str]:
    listing = False
    for word in args:
        if listing and not word.startswith("-"):
            yield f"{FROM_STRACE}={word}"
            continue
        listing = word == FROM_STRACE
        if not listing:
            yield word


def _refuse(option: str, reason: str, others: Sequence[str]) -> None:
    """Raise UsageError if another option or a command has no meaning beside an option."""
    context = click.get_current_context()
    given = [name for name in others if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    names = {param.name: param.opts[-1] for param in context.command.params}
    what = "a command" if context.obj["arguments"] else names[given[0]] if given else ""
    if not what and context.obj["also"]:
        what = "--also"
    if what == "--step":
        what = "a step such as --workload, --http or --for"
    if what:
        raise UsageError(f"{option} {reason}, so {what} has no meaning with it.", "Leave one of them out.")


@click.command("trace", cls=TraceCommand)
@click.argument("target", required=False)
@click.option("-o", "--trace-out", metavar="FILE", required=True, help="The trace file to write.")
@many(
    FROM_STRACE,
    "logs",
    metavar="LOG...",
    help="Run nothing, but read logs of strace -f (or -ff); TARGET has the files that they name [host].",
)
@click.option(
    "--attach", "attached", is_flag=True, help="Trace the running container TARGET, which continues to run."
)
@also_option
@steps.step_options
@options.change_options
@options.docker_run_options
@options.probe_option
@options.report_options
@verb
def trace(
    target: str | None, trace_out: str, logs: tuple[str, ...], attached: bool, form: str, **given: Any
) -> None:
    """Run a command of TARGET under the tracer and write the trace to a file; nothing is built."""
    if target is None and not logs:
        raise UsageError("No target is given.", "Run: tracewhale trace -o FILE TARGET")
    if logs:
        _refuse(FROM_STRACE, "runs nothing", ("attached", "also", "step", "keep_changes"))
    elif attached:
        _refuse(
            "--attach", "traces a container that already runs", (*options.DOCKER_RUN, "also", "keep_changes")
        )
    job = replace(options.job(target or HOST, given), also=also(given))
    tracefile.check_place(trace_out)
    with context(form, interactive=given["interactive"]) as current:
        engines = Engines(current.progress)
        if logs:
            first = Start(directory=given["workdir"] or "")
            log_trace = merge(parse(run, first=first) for run in runs_of(logs))
            report, result = pipeline.from_logs(engines, job, log_trace, current)
        elif attached:
            report, result = pipeline.attach(engines, job, current)
        else:
            report, result = pipeline.trace(engines, job, current)
        tracefile.write(result, trace_out)
        show(report, form)
