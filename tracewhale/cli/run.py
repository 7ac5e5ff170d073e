"""``tracewhale run``: all stages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from tracewhale import pipeline
from tracewhale.cli import making, options, steps
from tracewhale.cli.also import AlsoCommand, also, also_option
from tracewhale.cli.compose import TargetArgument, check_target, compose_options, composed
from tracewhale.cli.limits import accept, junit_of_errors, limit_options, limits, write_junit
from tracewhale.cli.reports import check_places, report_option, write_reports
from tracewhale.cli.verb import context, show, verb
from tracewhale.engines.registry import Engines
from tracewhale.project.cache import TraceCache
from tracewhale.tracing import tracefile


@click.command("run", cls=AlsoCommand)
@click.argument("target", cls=TargetArgument)
@options.output_options
@compose_options
@also_option
@steps.step_options
@options.change_options
@options.plan_options
@making.making_options
@options.docker_run_options
@options.probe_option
@limit_options
@click.option(
    "--expect-status",
    type=click.IntRange(0, 128),
    metavar="N",
    help="The exit status with which the command should end [0].",
)
@click.option("--no-verify", is_flag=True, help="Do not run the new image to verify it.")
@click.option(
    "--verify-with", metavar="CMD", default="", help="Verify with this workload in place of the traced steps."
)
@click.option("--force", is_flag=True, help="Let the new image take the name of its original.")
@click.option("--trace-out", metavar="FILE", help="Write the trace to FILE, too.")
@report_option
@options.report_options
@verb
def run(
    target: str | None, tag: str, output: str, no_verify: bool, trace_out: str | None, form: str, **given: Any
) -> None:
    """Run a command of TARGET under the tracer and make a minimal image that behaves the same.

    TARGET is an image, or a container by id or name, in its present state; or, without an engine,
    docker-archive:FILE, oci:DIR[:TAG], rootfs:DIR or host (this machine). --compose and --service replace
    TARGET. ARG... has the same meaning as for `docker run`; for a container it is the command itself, as with
    `docker exec`.

    The command and its steps run at least twice: traced, and again in each new image to verify it.
    """
    job = replace(options.job(check_target(target, given), given), also=also(given))
    settings = options.plan_settings(given)
    destination = options.destination(output, tag, keep_privileges=given["keep_privileges"])
    recipe = making.recipe(given)
    allowed = limits(given)
    check_places(given["reports"])
    if trace_out:
        tracefile.check_place(trace_out)
    own_name = job.name or given["service"]
    with (
        junit_of_errors(given["junit"], own_name),
        context(form, interactive=given["interactive"]) as current,
        composed(job, given, current) as composed_job,
    ):
        report = pipeline.run(
            Engines(current.progress),
            composed_job,
            settings,
            current,
            destination=destination,
            recipe=recipe,
            verified=not no_verify,
            verify_with=given["verify_with"],
            force=given["force"],
            on_trace=lambda trace: tracefile.write(trace, trace_out) if trace_out else None,
            limits=allowed,
            cache=TraceCache(given["cache"]) if given["cache"] else None,
            with_removed=bool(given["reports"]),
        )
        write_reports(given["reports"], report)
        accept(given["lock"], report)
        write_junit(given["junit"], report)
        show(report, form)
