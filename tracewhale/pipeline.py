"""The way of the data: target → trace and closure → plan → image → verification → report.

Each verb of the command line is one function here. They hold the target while they work and pass
frozen values from stage to stage; whatever goes to a disk or an engine goes through the target.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from tracewhale.engines import output
from tracewhale.engines.base import Engine, Progress, Rebuilt, Request, Target
from tracewhale.engines.names import DOCKER, Name, parse
from tracewhale.errors import CommandNotFound, RunFailed, TargetNotFound, UsageError, VerificationFailed
from tracewhale.image import recipe as recipes
from tracewhale.image.recipe import PLAIN, Original, Recipe, WrittenImage
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import check_included, make_plan
from tracewhale.report.model import Built, Report, Verification
from tracewhale.rootfs.tree import Tree, View
from tracewhale.running.console import Console, Handle
from tracewhale.tracing.events import Step, Trace, merge
from tracewhale.verify import Comparison, Output, compare, listed

ROUNDS = 4
"""How often an image is built and run before verification gives up."""


DIGEST = "sha256:"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be traced: a target by name, how it runs, and what drives it.

    ``keep_changes`` keeps the change layer of a container, or an image's layers above ``base``; with
    neither a command nor steps nothing is run then.
    """

    name: str
    request: Request = Request()
    steps: tuple[Step, ...] = ()
    keep_changes: bool = False
    base: str = ""


@dataclass(slots=True)
class Session:
    """A run's surroundings: its streams, how it is interrupted, whom it tells, and its stop-watch."""

    console: Console = field(default_factory=Console)
    handle: Handle = field(default_factory=Handle)
    progress: Progress = lambda text: None
    seconds: dict[str, float] = field(default_factory=dict)
    running: bool = False
    """Whether the user's command runs now, so that a signal is the command's."""

    @contextmanager
    def stage(self, name: str, text: str) -> Iterator[None]:
        """Tell what is done now, and add its seconds to its stage."""
        self.progress(text)
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begun


def trace(engine: Engine, job: Job, session: Session) -> tuple[Report, Trace]:
    """Run the command in its original container under the probe; nothing is built."""
    with ExitStack() as held:
        target, tree = _hold(held, session, job.name, lambda: engine.open(job.name, job.request))
        found = _trace(target, tree, job, session)
    return _report("trace", target, session, found), found


def plan(engine: Engine, traces: Sequence[Trace], options: Options, session: Session) -> Report:
    """What would be kept and why; nothing is built."""
    merged = _merged(traces)
    with ExitStack() as held:
        target, tree = _hold(held, session, merged.target, lambda: engine.reopen(merged))
        made = _Maker(target, tree, options, session).plan(merged)
    return replace(_report("plan", target, session, merged), plan=made)


def build(
    engine: Engine,
    traces: Sequence[Trace],
    options: Options,
    destination: Name | None,
    session: Session,
    recipe: Recipe = PLAIN,
) -> Report:
    """The image of one or several traces, not verified."""
    merged = _merged(traces)
    destination = destination and output.check(destination)
    with ExitStack() as held:
        target, tree = _hold(held, session, merged.target, lambda: engine.reopen(merged))
        maker = _Maker(target, tree, options, session, recipe)
        made = held.enter_context(maker.image(maker.plan(merged)))
        built = maker.publish(made, destination)
    return replace(_report("build", target, session, merged), plan=made.plan, built=built)


def verify(engine: Engine, name: str, traces: Sequence[Trace], options: Options, session: Session) -> Report:
    """Run an image as the original was run, and compare. Raises VerificationFailed."""
    merged = _merged(traces)
    if merged.outcome is None:
        raise UsageError("the trace is of no run, so there is nothing to compare with", "trace a command")
    if not name.strip():
        raise TargetNotFound("There is no image without a name.", "Name the image to verify.")
    with ExitStack() as held:
        target, tree = _hold(held, session, merged.target, lambda: engine.reopen(merged))
        new, new_tree = _hold(held, session, name, lambda: engine.reopen(merged, name))
        maker = _Maker(target, tree, options, session)
        plan, new_view = maker.plan(merged), View(new_tree)
        comparison, _ = maker.compare(new, merged, plan, lambda path: new_view.lstat(path) is not None)
    built = Built(name, new.image, new.size, target.size)
    report = replace(_report("verify", target, session, merged), built=built)
    return _judged(report, Verification(comparison.same, 1, (), comparison))


def run(
    engine: Engine,
    job: Job,
    options: Options,
    session: Session,
    *,
    destination: Name | None = None,
    recipe: Recipe = PLAIN,
    verified: bool = True,
    on_trace: Callable[[Trace], None] = lambda trace: None,
) -> Report:
    """All of it: trace, plan, build, verify, and give the image its name.

    Raises VerificationFailed, and leaves no image, when the new image does not behave the same.
    """
    destination = destination and output.check(destination)
    with ExitStack() as held:
        target, tree = _hold(held, session, job.name, lambda: engine.open(job.name, job.request))
        maker = _Maker(target, tree, options, session, recipe)
        check_included(maker.view, options)
        found = _trace(target, tree, job, session)
        on_trace(found)
        if verified and found.outcome is not None:
            made, verification = maker.make_verified(found, held)
        else:
            made, verification = held.enter_context(maker.image(maker.plan(found))), None
        report = replace(_report("run", target, session, found), plan=made.plan)
        if verification is not None:
            report = _judged(report, verification)
        return replace(report, built=maker.publish(made, destination))


@dataclass(frozen=True, slots=True)
class _Made:
    """A new image with its plan, and where it can be run."""

    written: WrittenImage
    rebuilt: Rebuilt

    @property
    def plan(self) -> Plan:
        return self.written.plan


@dataclass(frozen=True, slots=True)
class _Maker:
    """Plans, builds and verifies new images of one target that is held open."""

    target: Target
    tree: Tree
    options: Options
    session: Session
    recipe: Recipe = PLAIN
    view: View = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "view", View(self.tree))

    def plan(self, trace: Trace, *, listings: bool = False) -> Plan:
        with self.session.stage("plan", "working out what to keep"):
            directories = (*self.options.directories, *self.target.directories(self.tree))
            listings = listings or self.options.listings
            options = replace(self.options, directories=directories, listings=listings)
            return make_plan(self.view, trace, options)

    @contextmanager
    def image(self, plan: Plan) -> Iterator[_Made]:
        with ExitStack() as held:
            with self.session.stage("image", f"copying {len(plan.paths)} paths"):
                writing = recipes.write(self.view, plan, _original(self.target), self.recipe)
                written = held.enter_context(writing)
            with self.session.stage("load", "loading the new image"):
                rebuilt = held.enter_context(self.target.rebuilt(written.image))
            yield _Made(written, rebuilt)

    def publish(self, made: _Made, destination: Name | None) -> Built:
        """Give the image its name, and the configuration that the user wants in place of the original's."""
        place = destination or self.target.default_destination
        with self.session.stage("write", f"writing {place}"), ExitStack() as held:
            image = recipes.overridden(made.written.image, self.recipe)
            rebuilt = held.enter_context(self.target.rebuilt(image)) if image else made.rebuilt
            name = place.place if place.kind == DOCKER else str(place)
            recipes.write_bill(made.written, _original(self.target), self.recipe, name, rebuilt.target.image)
            rebuilt.publish(place)
            return Built(name, rebuilt.target.image, rebuilt.target.size, self.target.size)

    def make_verified(self, trace: Trace, held: ExitStack) -> tuple[_Made, Verification]:
        """Build and run until nothing is missing, adding what each run missed; at most ROUNDS times."""
        added: list[str] = []
        known, listings = trace, False
        for rounds in range(1, ROUNDS + 1):
            plan = self.plan(known, listings=listings)
            with ExitStack() as building:
                made = building.enter_context(self.image(plan))
                comparison, again = self.compare(
                    made.rebuilt.target, trace, made.plan, made.plan.kept.__contains__
                )
                more = {absent.path for absent in comparison.missing} - set(added)
                # Where nothing is missing and the output differs still, the names that a directory
                # lists, or the libraries that ld.so.cache does, may be what the command prints.
                shorter = not listings and (listed(again) or plan.shortened)
                unlisted = comparison.output is Output.DIFFERENT and shorter
                if comparison.same or rounds == ROUNDS or not (more or unlisted):
                    held.push(building.pop_all())
                    return made, Verification(comparison.same, rounds, tuple(added), comparison)
            added += sorted(more)
            listings = listings or not more
            known = merge((known, again))
        raise AssertionError("the last round returns")

    def compare(
        self, new: Target, trace: Trace, plan: Plan, has: Callable[[str], bool]
    ) -> tuple[Comparison, Trace]:
        """Run the new image and compare; where it prints otherwise, run the original once more, too."""
        failure = ""
        try:
            again = self._quietly(new, trace, "running the new image")
        except RunFailed as error:
            if not isinstance(error.trace, Trace):
                raise
            again, failure = error.trace, error.what
        comparison = compare(self.view, has, plan.excluded, trace, again, failure=failure)
        if comparison.output is Output.DIFFERENT and not (comparison.missing or failure):
            second = self._quietly(self.target, trace, "running the original again, as the output differs")
            comparison = compare(self.view, has, plan.excluded, trace, again, second.outcome)
        return comparison, again

    def _quietly(self, target: Target, trace: Trace, text: str) -> Trace:
        """Repeat the traced run, with the same input; its output is compared, not shown."""
        with target.tree() as tree, self.session.stage("verification run", text):
            try:
                return target.trace(
                    tree, _again(trace), Console(), Handle(), self.session.progress, repeating=trace
                )
            except CommandNotFound as error:
                raise VerificationFailed(f"{text} failed: {error.what}", error.hint) from error


def _original(target: Target) -> Original:
    """What labels may tell of the target: of a container nothing, of a file not where it is."""
    digest = target.image if target.image.startswith(DIGEST) else ""
    is_id = digest.removeprefix(DIGEST).startswith(target.name.removeprefix(DIGEST))
    named = bool(digest) and not is_id and parse(target.name).kind == DOCKER
    return Original(target.name if named else "", digest, target.config)


def _again(trace: Trace) -> tuple[Step, ...]:
    """The steps that repeat a run; one that the user ended by hand runs as long again."""
    steps = tuple(step for step in trace.steps if step.kind != "healthcheck")
    if not steps and trace.outcome is not None and trace.outcome.stopped:
        return (Step("for", f"{trace.seconds:.1f}"),)
    return steps


def _hold(
    held: ExitStack, session: Session, name: str, opening: Callable[[], AbstractContextManager[Target]]
) -> tuple[Target, Tree]:
    with session.stage("target", f"looking for {name}"):
        target = held.enter_context(opening())
        return target, held.enter_context(target.tree())


def _trace(target: Target, tree: Tree, job: Job, session: Session) -> Trace:
    changes: tuple[str, ...] = ()
    if job.keep_changes:
        with session.stage("changes", "listing the change layer"):
            changes = target.changes(job.base)
    if job.keep_changes and not (job.request.command or job.steps):
        return replace(target.untraced(), changes=changes)
    with session.stage("trace", "running the command in its original container"):
        session.running = True
        try:
            found = target.trace(tree, job.steps, session.console, session.handle, session.progress)
        finally:
            session.running = False
    return replace(found, changes=changes)


def _merged(traces: Sequence[Trace]) -> Trace:
    if len({trace.image for trace in traces}) != 1:
        raise UsageError("the traces are of different images", "give traces of one image only")
    return merge(traces)


def _report(command: str, target: Target, session: Session, found: Trace) -> Report:
    return Report(
        command, found.target, target.image, trace=found, seconds=session.seconds, notes=target.notes
    )


def _judged(report: Report, verification: Verification) -> Report:
    """The report with its verification. Raises VerificationFailed, which says in what it failed."""
    report = replace(report, verification=verification)
    comparison = verification.comparison
    if comparison.same:
        return report
    if comparison.failure:
        what = f"the new image does not run as the original did: {comparison.failure}"
    elif comparison.missing:
        names = ", ".join(absent.path for absent in comparison.missing[:10])
        what = f"the new image lacks {len(comparison.missing)} paths that were asked for: {names}"
    elif comparison.status[0] != comparison.status[1]:
        what = (
            f"the original ends with status {comparison.status[0]}, the new image with {comparison.status[1]}"
        )
    else:
        what = f"the output differs: {comparison.difference}"
    hint = "--include what it needs, or build with --no-verify and look"
    if report.command == "verify" and report.trace and listed(report.trace):  # `run` has tried it
        hint = "build with --keep-listings: what a directory lists may be what the command prints"
    raise VerificationFailed(what, hint, report)
