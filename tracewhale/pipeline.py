"""The order of the stages: target → trace and closure → plan → image → verification → report.

Each verb of the command line that makes a report is one function here. It holds the target while it works,
passes frozen values from stage to stage, and builds its report at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from tracewhale.adoption import adopt
from tracewhale.class_loading import with_loaded_classes
from tracewhale.context import Context, FailedRun
from tracewhale.engines import output
from tracewhale.engines.base import Engine, Request, Target
from tracewhale.engines.names import Name
from tracewhale.engines.trust import NO_TRUST, Trust
from tracewhale.errors import TargetNotFound, TraceWhaleError, UsageError, VerificationFailed
from tracewhale.image.recipe import PLAIN, Recipe
from tracewhale.image.recipe import check as check_recipe
from tracewhale.outcome import failure_of
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import check_included
from tracewhale.project.cache import TraceCache
from tracewhale.project.lock import NO_LIMITS, Limits, LockedImage
from tracewhale.repetition import repeat
from tracewhale.report.model import BuiltImage, LockEntry, Report
from tracewhale.report.removed import Removed, survey
from tracewhale.running.snapshot import NO_SNAPSHOT
from tracewhale.stages import (
    Job,
    Making,
    build_image,
    build_verified,
    hold,
    lock_entry,
    plan_image,
    publish_image,
    run_or_recall,
    run_others,
    run_traced,
    union_with,
)
from tracewhale.tracing.events import Trace, merge
from tracewhale.verification import Comparison, Verification, difference, listed
from tracewhale.watching import MissingPath, Watcher

__all__ = [
    "Job",
    "attach",
    "build",
    "from_logs",
    "plan",
    "run",
    "trace",
    "union_of",
    "verify",
    "watch",
]


def trace(engine: Engine, job: Job, context: Context) -> tuple[Report, Trace]:
    """Run the command in its original container under the probe; nothing is built."""
    context.explain = explained
    with ExitStack() as held:
        target, view = hold(held, context, job.name, lambda: engine.open(job.name, job.request))
        alone = run_traced(target, view, job, context)
        recorded = union_with(alone, run_others(target, view, job, context, None)) if job.also else alone
        report = _report("trace", target, context, recorded)
        if failure := failure_of(recorded, job.expected_status):
            note = explained(FailedRun(target, view, failure, recorded)).hint
            report = replace(report, notes=(*report.notes, *note.splitlines()[:-1]))
    return report, recorded


def from_logs(engine: Engine, job: Job, logged: Trace, context: Context) -> tuple[Report, Trace]:
    """Make a trace of the job's target from logs of another tool; nothing is run."""
    with ExitStack() as held:
        target, view = hold(held, context, job.name, lambda: engine.open(job.name, job.request))
        recorded = adopt(view, target.untraced(), logged)
    return _report("trace", target, context, recorded), recorded


def attach(engine: Engine, job: Job, context: Context) -> tuple[Report, Trace]:
    """Trace a running container, which keeps running; nothing is built."""
    with context.command("watching the container"):
        recorded = engine.attach(job.name, job.request, job.steps, context.console)
    report = Report("trace", recorded.target, recorded.image, trace=recorded, seconds=context.seconds)
    return report, recorded


def watch(
    engine: Engine, job: Job, original: str, context: Context, tell: Callable[[MissingPath], None]
) -> tuple[Sequence[MissingPath], Trace]:
    """Watch the job's container, and report each path that it lacks and the original image has.

    Return these, and a trace of the original image.
    """
    with ExitStack() as held:
        target, view = hold(held, context, original, lambda: engine.open(original, Request()))
        watcher = Watcher(view, tell)
        with context.command("watching the container"):
            recorded = engine.attach(job.name, job.request, job.steps, context.console, watcher.observe)
        return watcher.missing, adopt(view, target.untraced(), recorded)


def plan(
    engine: Engine, traces: Sequence[Trace], options: Options, context: Context, *, with_removed: bool = False
) -> Report:
    """Return the plan with its reasons; nothing is built."""
    merged = union_of(traces)
    with ExitStack() as held:
        target, view = hold(held, context, merged.target, lambda: engine.reopen(merged))
        making = Making(target, view, options, PLAIN, context)
        planned = plan_image(making, merged)
        removed = _removed(making, planned, with_removed)
    return replace(_report("plan", target, context, merged), plan=planned, removed=removed)


def build(
    engine: Engine,
    traces: Sequence[Trace],
    options: Options,
    destination: Name | None,
    context: Context,
    recipe: Recipe = PLAIN,
    trust: Trust = NO_TRUST,
    *,
    with_removed: bool = False,
) -> Report:
    """Build the image of one or several traces, without verification. Raise Untrusted for files of no
    image."""
    merged = union_of(traces)
    trust.check(merged, repeats=False)
    destination = destination and output.check(destination)
    check_recipe(recipe)
    with ExitStack() as held:
        target, view = hold(held, context, merged.target, lambda: engine.reopen(merged))
        making = Making(target, view, options, recipe, context)
        candidate = held.enter_context(build_image(making, plan_image(making, merged)))
        built = publish_image(making, candidate, destination)
        return replace(
            _report("build", target, context, merged),
            plan=candidate.plan,
            built=built,
            removed=_removed(making, candidate.plan, with_removed),
            left_out=(*candidate.written_image.image.left_out, *built.left_out),
            notes=(*target.notes, *filter(None, [candidate.note])),
        )


def verify(
    engine: Engine,
    name: str,
    traces: Sequence[Trace],
    options: Options,
    context: Context,
    trust: Trust = NO_TRUST,
) -> Report:
    """Run an image as the original was run in each trace, and compare; ``error`` of the report describes the
    difference.

    Raise Untrusted if the traced run reached this machine and ``trust`` does not allow it.
    """
    runs = [trace for trace in traces if trace.outcome is not None]
    merged = union_of([*runs, *(trace for trace in traces if trace.outcome is None)])
    if not runs:
        raise UsageError("The trace has no run to compare with.", "Trace a command.")
    if not name.strip():
        raise TargetNotFound("There is no image without a name.", "Name the image to verify.")
    for recorded in runs:
        trust.check(recorded, repeats=True, image=name)
    with ExitStack() as held:
        repeated = repeat(engine, name, runs, options, context, held)
        target, new, comparison = repeated.target, repeated.new, repeated.verification.comparison
        # A run tries whether the command prints the names that directories list.
        error = _difference(comparison, LISTINGS_HINT if comparison.difference and listed(merged) else HINT)
        if error is not None:
            original = repeated.view, merged.target
            explained(FailedRun(new, repeated.new_view, error, repeated.again, *original))
    return replace(
        _report("verify", target, context, replace(merged, steps=repeated.steps)),
        built=BuiltImage(name, new.image, new.size, target.size),
        verification=repeated.verification,
        notes=repeated.notes,
        error=error,
    )


def run(
    engine: Engine,
    job: Job,
    options: Options,
    context: Context,
    *,
    destination: Name | None = None,
    recipe: Recipe = PLAIN,
    verified: bool = True,
    verify_with: str = "",
    force: bool = False,
    on_trace: Callable[[Trace], None] = lambda trace: None,
    limits: Limits = NO_LIMITS,
    cache: TraceCache | None = None,
    with_removed: bool = False,
) -> Report:
    """Trace, plan, build, verify, and give the image its name. Raise CommandFailed.

    ``verify_with`` is a workload that replaces the traced steps in verification; ``force`` lets the new image
    take its original's name. If the new image does not behave the same or exceeds the limits, ``error`` of
    the report says so, and no image is left. A cached trace replaces the run. ``with_removed`` reads all of
    the original, for a report of the omitted files.
    """
    destination = destination and output.check(destination)
    if not force:
        output.check_replaces(destination, job.name)
    check_recipe(recipe)
    context.explain = explained
    with ExitStack() as held:
        target, view = hold(held, context, job.name, lambda: engine.open(job.name, job.request))
        check_included(view, options)
        mounts = held.enter_context(target.snapshot()) if verified else NO_SNAPSHOT
        making = Making(target, view, options, recipe, context, mounts)
        recorded = run_or_recall(target, view, job, context, cache)
        if failure := failure_of(recorded, job.expected_status):
            on_trace(recorded)
            raise explained(FailedRun(target, view, failure, recorded))
        others = run_others(target, view, job, context, cache)
        merged = union_with(recorded, others)
        on_trace(merged)
        making = with_loaded_classes(making, recorded, others)
        verification: Verification | None = None
        error: TraceWhaleError | None = None
        if verified and recorded.outcome is not None:
            candidate, verification = build_verified(making, recorded, held, verify_with, others)
            error = _difference(verification.comparison)
        else:
            candidate = held.enter_context(build_image(making, plan_image(making, merged)))
        name, locked = lock_entry(making, candidate, destination)
        error = error or limits.error(name, locked)
        built = None if error else publish_image(making, candidate, destination)
        return replace(
            _report("run", target, context, merged),
            plan=candidate.plan,
            verification=verification,
            built=built,
            removed=_removed(making, candidate.plan, with_removed),
            accepted=_accepted(limits.lock.get(name), locked),
            left_out=(*candidate.written_image.image.left_out, *(built.left_out if built else ())),
            notes=(*target.notes, *filter(None, [candidate.note]), *mounts.notes),
            error=error,
        )


def union_of(traces: Sequence[Trace]) -> Trace:
    """Merge several traces of one image. Raise UsageError if they are of different images."""
    if len({trace.image for trace in traces}) != 1:
        raise UsageError("The traces are of different images.", "Give traces of one image only.")
    return merge(traces)


def explained(run: FailedRun) -> TraceWhaleError:
    """Call ``examine.explained``, which is imported when a run fails: its patterns take long to compile."""
    from tracewhale.examine import explained as explain

    return explain(run)


def _report(command: str, target: Target, context: Context, recorded: Trace) -> Report:
    return Report(
        command,
        recorded.target,
        target.image,
        trace=recorded,
        seconds=context.seconds,
        notes=target.notes,
    )


def _removed(making: Making, plan: Plan, enabled: bool) -> Removed | None:
    """Return the files of the original that a plan leaves out if a report needs them, else None."""
    if not enabled:
        return None
    with making.context.stage("report", "looking at what is left out"):
        return survey(making.view, plan)


def _accepted(before: LockedImage | None, locked: LockedImage) -> LockEntry | None:
    """Return the lock file's entry beside the new image, or None if it has none."""
    if before is None:
        return None
    old, new = {*before.paths}, {*locked.paths}
    return LockEntry(before.size, tuple(sorted(new - old)), tuple(sorted(old - new)))


HINT = "--include what it needs, or build with --no-verify and look"
LISTINGS_HINT = "build with --keep-listings: what a directory lists may be what the command prints"


def _difference(comparison: Comparison, hint: str = HINT) -> VerificationFailed | None:
    """Return the error that describes the difference of the new image, with its last output, or None."""
    what = difference(comparison)
    if not what:
        return None
    said = f".\nIts last output:\n{comparison.tail}" if comparison.tail and not comparison.failure else ""
    return VerificationFailed(f"{what[0].upper()}{what[1:]}{said}", hint)
