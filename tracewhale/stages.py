"""The stages of the pipeline, each a function: target, trace, plan, image, verification, publication.

A stage takes the values of those before it and returns its own. Effects go through the target.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from tracewhale.context import Context, FailedRun
from tracewhale.engines.base import Rebuilt, Request, Target
from tracewhale.engines.names import DOCKER, Name, parse
from tracewhale.errors import CommandNotFound, VerificationFailed
from tracewhale.image import recipe as recipes
from tracewhale.image.recipe import Original, Recipe, WrittenImage
from tracewhale.outcome import failure_of
from tracewhale.plan.additions import environment_of
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import make_plan
from tracewhale.plan.preflight import is_startable
from tracewhale.project.cache import TraceCache, key_of
from tracewhale.project.lock import LockedImage
from tracewhale.report.model import BuiltImage
from tracewhale.rootfs.counted_tree import CountedTree
from tracewhale.rootfs.tree import View
from tracewhale.running.console import Console
from tracewhale.running.result import RunResult
from tracewhale.running.setup import RunSetup
from tracewhale.running.snapshot import NO_SNAPSHOT, MountSnapshot
from tracewhale.tracing.events import Step, Trace, merge
from tracewhale.verification import Comparison, Verification, combine, compare, listed

ROUNDS = 4
"""The most times that an image is built and run before verification gives up."""

DIGEST = "sha256:"


@dataclass(frozen=True, slots=True)
class Job:
    """A target to trace by its name, with its request and the steps that drive it.

    ``keep_changes`` keeps the change layer of a container, or an image's layers above ``base``; then without
    a command and steps nothing is run. ``expected_status`` is the status with which the command should end.
    ``also`` are other commands, each of which is run to its end in a container of its own.
    """

    name: str
    request: Request = Request()
    steps: tuple[Step, ...] = ()
    keep_changes: bool = False
    base: str = ""
    expected_status: int = 0
    also: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class OtherRun:
    """The trace of another command of the same target."""

    command: tuple[str, ...]
    trace: Trace

    @property
    def name(self) -> str:
        return shlex.join(self.command)


@dataclass(frozen=True, slots=True)
class CandidateImage:
    """A new image that has no name yet, and a way to run it; ``note`` describes a difference of its start."""

    written_image: WrittenImage
    rebuilt: Rebuilt
    note: str = ""

    @property
    def plan(self) -> Plan:
        """The plan that the image holds."""
        return self.written_image.plan


@dataclass(frozen=True, slots=True)
class Making:
    """The common parts of every image of one run: a target with its files, and the user's choices."""

    target: Target
    view: View
    options: Options
    recipe: Recipe
    context: Context
    mounts: MountSnapshot = NO_SNAPSHOT


def hold(
    stack: ExitStack, context: Context, name: str, opening: Callable[[], AbstractContextManager[Target]]
) -> tuple[Target, View]:
    """Open a target and its files until ``stack`` is closed."""
    with context.stage("target", f"looking for {name}"):
        target = stack.enter_context(opening())
        return target, View(CountedTree(stack.enter_context(target.tree()), context.count))


def run_traced(target: Target, view: View, job: Job, context: Context) -> Trace:
    """Run the job's command in its original container under the probe."""
    changes: tuple[str, ...] = ()
    if job.keep_changes:
        with context.stage("changes", "listing the change layer"):
            changes = target.changes(job.base)
    if job.keep_changes and not (job.request.command or job.steps):
        return target.untraced(changes)
    try:
        with context.surroundings(), context.command("running the command in its original container"):
            result = target.trace(RunSetup(view.tree, job.steps, context.console, changes=changes))
    except CommandNotFound as error:
        raise context.explain(FailedRun(target, view, error)) from error
    if result.failure is not None:
        raise context.explain(FailedRun(target, view, result.failure, result.trace))
    return result.trace


def run_others(
    target: Target, view: View, job: Job, context: Context, cache: TraceCache | None
) -> tuple[OtherRun, ...]:
    """Run the job's other commands. Raise CommandFailed for one that fails."""
    runs: list[OtherRun] = []
    for command in job.also:
        context.progress(f"also: {shlex.join(command)}")
        other = target.running(command)
        request = replace(job.request, command=command)
        recorded = run_or_recall(other, view, Job(job.name, request), context, cache)
        if failure := failure_of(recorded, 0):
            raise context.explain(FailedRun(other, view, failure, recorded))
        runs.append(OtherRun(command, recorded))
    return tuple(runs)


def union_with(trace: Trace, others: Sequence[OtherRun]) -> Trace:
    """Return a trace with the requests of other commands; each of them is a step of it."""
    merged = merge((trace, *(other.trace for other in others)))
    return replace(merged, steps=(*trace.steps, *(Step("also", other.name) for other in others)))


def run_or_recall(target: Target, view: View, job: Job, context: Context, cache: TraceCache | None) -> Trace:
    """Return the cached trace of this target, request and steps; without one, run the command.

    Only a successful run that the user did not end early is cached. The input of an interactive run is not
    known before it ends, so it is never taken from the cache.
    """
    if cache is None or job.request.options.interactive:
        return run_traced(target, view, job, context)
    request = [target.untraced().request, job.keep_changes, job.base, job.request.probe.value]
    key = key_of(target.image, request, job.steps)
    recorded = cache.find(key)
    if recorded is None or recorded.image != target.image:
        recorded = run_traced(target, view, job, context)
        by_hand = context.handle.interrupts or (recorded.outcome is not None and recorded.outcome.signal)
        if not by_hand and failure_of(recorded, job.expected_status) is None:
            cache.store(key, recorded)
    else:
        context.progress("using the trace in the cache: target, options, steps and version are the same")
    return recorded


def lock_entry(
    making: Making, candidate: CandidateImage, destination: Name | None
) -> tuple[str, LockedImage]:
    """Return the name of a new image, and its entry of a lock file."""
    target, new = making.target, candidate.rebuilt.target
    name = name_of(destination or target.default_destination)
    return name, LockedImage(target.image, new.image, new.size, tuple(candidate.plan.paths))


def name_of(place: Name) -> str:
    """Return the name of an image's destination in reports."""
    return place.place if place.kind == DOCKER else str(place)


def run_again(target: Target, trace: Trace, making: Making, text: str) -> RunResult:
    """Repeat a traced run with the same input, steps and mounts; its output is compared, not shown."""
    context = making.context
    driven = ", driven the same way" if any(step.kind not in ("for", "wait") for step in trace.steps) else ""
    stage = context.stage("verification run", f"{text}{driven}")
    with context.surroundings(), target.tree() as tree, stage:
        try:
            console = Console(progress=context.progress)
            return target.trace(RunSetup(tree, repeated(trace), console, trace, mounts=making.mounts))
        except CommandNotFound as error:
            raise VerificationFailed(f"{text} failed: {error.what}", error.hint) from error


def repeated(trace: Trace) -> tuple[Step, ...]:
    """Return the steps that repeat a run; one that the user ended by hand runs for the same time again."""
    steps = tuple(step for step in trace.steps if step.kind not in ("healthcheck", "also"))
    if not steps and trace.outcome is not None and trace.outcome.stopped:
        return (Step("for", f"{trace.seconds:.1f}"),)
    return steps


def plan_image(making: Making, trace: Trace, *, listings: bool = False) -> Plan:
    """Decide which paths to keep; ``listings`` keeps every entry of the directories that were listed."""
    options, target, view = making.options, making.target, making.view
    with making.context.stage("plan", "working out what to keep"):
        options = replace(
            options,
            directories=(*options.directories, *target.directories(view.tree)),
            listings=listings or options.listings,
            environment=environment_of(target.config),
        )
        plan = make_plan(view, trace, options)
        return recipes.reserve(view, plan, original_of(target), making.recipe)


@contextmanager
def build_image(making: Making, plan: Plan) -> Iterator[CandidateImage]:
    """Write the layers of a plan and hand them to the target's engine, until the ``with`` block ends."""
    context, target = making.context, making.target
    changed, note = target.startup(partial(is_startable, making.view, plan))
    config = {**target.config, "config": {**(target.config.get("config") or {}), **changed}}
    original = replace(original_of(target), config=config if changed else target.config)
    with ExitStack() as held:
        with context.bar("image", f"copying {len(plan.paths)} paths", plan.size):
            written = held.enter_context(recipes.write(making.view, plan, original, making.recipe))
        with context.bar(
            "load", "loading the new image", sum(layer.size for layer, _ in written.image.layers)
        ):
            rebuilt = held.enter_context(target.rebuilt(written.image, context.count))
        yield CandidateImage(written, rebuilt, note)


def verify_image(
    new: Target, making: Making, trace: Trace, plan: Plan, has: Callable[[str], bool]
) -> tuple[Comparison, Trace, int]:
    """Run the new image and compare; if it differs, run the original once more, too.

    If mounts have the state after the traced run, the new image may also end and print like that second run.
    Return also the trace of the new image and the number of runs.
    """
    view = making.view
    result = run_again(new, trace, making, "running the new image")
    again, failure = result.trace, result.failure.what if result.failure else ""
    comparison = compare(view, has, plan.excluded, trace, again, failure=failure)
    stale = making.mounts.stale and not comparison.same
    if (comparison.differs or stale) and not (comparison.missing or failure):
        text = "running the original again, to see what it does each time"
        second = run_again(making.target, trace, making, text).checked()
        comparison = compare(view, has, plan.excluded, trace, again, second)
        if stale and not comparison.same:
            comparison = compare(view, has, plan.excluded, second, again, trace)
        return comparison, again, 2
    return comparison, again, 1


def build_verified(
    making: Making,
    trace: Trace,
    stack: ExitStack,
    workload: str = "",
    others: Sequence[OtherRun] = (),
) -> tuple[CandidateImage, Verification]:
    """Build and run until nothing is missing, adding the paths that each run missed; at most ROUNDS times.

    ``workload`` replaces the traced steps. ``others`` are runs of other commands.
    """
    if workload:
        # The files and failures of the traced steps say nothing about this step.
        outcome = trace.outcome and replace(trace.outcome, written=None, failed=None)
        trace = replace(trace, steps=(Step("workload", workload),), outcome=outcome)
    added: list[str] = []
    total = 0
    known, listings = merge((trace, *(other.trace for other in others))), False
    for rounds in range(1, ROUNDS + 1):
        plan = plan_image(making, known, listings=listings)
        with ExitStack() as building:
            candidate = building.enter_context(build_image(making, plan))
            comparison, again, runs = verify_image(
                candidate.rebuilt.target, making, trace, candidate.plan, candidate.plan.kept.__contains__
            )
            total += runs
            for other in others:
                compared, traced, runs = verify_other(candidate, making, other)
                comparison = combine(comparison, other.name, compared)
                known = merge((known, traced))
                total += runs
            more = {absent.path for absent in comparison.missing} - set(added)
            # Where nothing is missing and the output differs still, the names that a directory
            # lists, or the libraries that ld.so.cache does, may be printed by the command.
            shorter = not listings and (listed(again) or plan.shortened)
            unlisted = comparison.differs and shorter
            if comparison.same or rounds == ROUNDS or not (more or unlisted):
                stack.push(building.pop_all())
                steps = (*again.steps, *(Step("also", other.name) for other in others))
                return candidate, Verification(rounds, tuple(added), comparison, total, steps)
        added += sorted(more)
        listings = listings or not more
        known = merge((known, again))
    raise AssertionError("the last round returns")


def verify_other(candidate: CandidateImage, making: Making, other: OtherRun) -> tuple[Comparison, Trace, int]:
    """Run another command in the new image and compare; return also its trace and the number of runs."""
    return verify_image(
        candidate.rebuilt.running(other.command),
        replace(making, target=making.target.running(other.command)),
        other.trace,
        candidate.plan,
        candidate.plan.kept.__contains__,
    )


def publish_image(making: Making, candidate: CandidateImage, destination: Name | None) -> BuiltImage:
    """Give the image its name, and the user's configuration in place of the original's."""
    target, recipe = making.target, making.recipe
    place = destination or target.default_destination
    with making.context.stage("write", f"writing {place}"), ExitStack() as held:
        image = recipes.override(candidate.written_image.image, recipe)
        rebuilt = held.enter_context(target.rebuilt(image)) if image else candidate.rebuilt
        name = name_of(place)
        left_out = rebuilt.publish(place)
        recipes.write_sbom(candidate.written_image, original_of(target), recipe, name, rebuilt.target.image)
        new = rebuilt.target
        start = new.run_line(name) if place.kind == DOCKER else ()
        return BuiltImage(name, new.image, new.size, target.size, left_out, start)


def original_of(target: Target) -> Original:
    """Return the original for the new image's labels: nothing for a container, and no path of a file."""
    digest = target.image if target.image.startswith(DIGEST) else ""
    is_id = digest.removeprefix(DIGEST).startswith(target.name.removeprefix(DIGEST))
    has_name = bool(digest) and not is_id and parse(target.name).kind == DOCKER
    return Original(target.name if has_name else "", digest, target.config)
