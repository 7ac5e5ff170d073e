"""Make a diagnosis of a target, an ended container or a saved trace: run and read the necessary things."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from tracewhale import diagnosis
from tracewhale.context import Context, FailedRun
from tracewhale.diagnosis import Case, Contents, Diagnosis, Sure, User
from tracewhale.diagnosis.trace_tree import TraceTree
from tracewhale.engines.base import EndedContainer, Engine, Request, Target
from tracewhale.errors import (
    CommandNotFound,
    EmptyImage,
    EngineError,
    TargetNotFound,
    TraceWhaleError,
    UsageError,
)
from tracewhale.platforms import architecture
from tracewhale.printable import printable
from tracewhale.rootfs.tree import Tree, View
from tracewhale.running.identity import identity, read_user_database
from tracewhale.running.result import RunResult
from tracewhale.running.run import Run, argv_of, environment_of, user_of
from tracewhale.running.setup import RunSetup
from tracewhale.stages import Job, hold
from tracewhale.tracing.events import Outcome, Trace
from tracewhale.verification.output import Output, compare_output

TRUE = Request(command=("true",))
"""A request for files only: its command is never run."""


@dataclass(frozen=True, slots=True)
class References:
    """Sources that a diagnosis may compare with: a complete image by name, an index of contents by
    its file."""

    against: str = ""
    contents: str = ""


def examine(engine: Engine, job: Job, context: Context, references: References = References()) -> Diagnosis:
    """Return why a target fails. A container that has ended is not run again, unless the job requests it."""
    plain = not (job.request.command or job.steps)
    ended = engine.ended_container(job.name) if plain else None
    with ExitStack() as held:
        target, view = hold(held, context, job.name, lambda: engine.open(job.name, job.request))
        return look(engine, target, view, job, context, references, ended)


def look(
    engine: Engine,
    target: Target,
    view: View,
    job: Job,
    context: Context,
    references: References = References(),
    ended: EndedContainer | None = None,
    complete: Complete | None = None,
) -> Diagnosis:
    """Return why an open target fails.

    ``ended`` is the end of its container, which is then not run again. ``complete`` caches the behaviour of
    the complete image from one diagnosis to the next.
    """
    with ExitStack() as held:
        case = _with_help(case_of(target, view), engine, references, context, held)
        if ended is not None:
            return diagnosis.diagnose(_dead(case, target, ended))
        with context.stage("files", "checking what the kernel and the loader will refuse"):
            refused = diagnosis.before_running(case)
        if refused:
            status = int(refused[0].symptom.rpartition("(status ")[2].rstrip(")") or 127)
            return diagnosis.diagnose(replace(case, refusal=f"It cannot start (status {status})."))
        case = _run(target, view.tree, job, context, case)
        if job.request.options.read_only and case.failed:
            options = replace(job.request.options, read_only=False)
            request = replace(job.request, options=options)
            why = "running the command with a root file system that it may write to"
            result = _traced(engine, job.name, replace(job, request=request), context, why)
            case = replace(case, writable=result.trace if result is not None else None)
        complete = complete or Complete(engine, job, references.against, context)
        return diagnosis.diagnose(case, lacks=complete.does_more(case))


def explained(run: FailedRun) -> TraceWhaleError:
    """Return the error of a failed run with the first finding, in short, before its hint.

    A failure of the diagnosis itself does not replace the error.
    """
    error = run.error
    try:
        case = replace(case_of(run.target, run.view), full=run.full, full_name=run.full_name)
        if run.trace is not None:
            case = with_trace(case, run.trace)
        findings = diagnosis.diagnose(replace(case, refusal=error.what.splitlines()[0]))
    except TraceWhaleError:
        return error
    lines = [*in_short(findings), error.hint] if findings.findings else [error.hint, ask(run.target.name)]
    error.hint = "\n".join(filter(None, lines))
    return error


def in_short(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return the first finding in three lines: cause, remedy, and the command that shows more."""
    first = diagnosis.findings[0]
    fix = first.remedies[0].line.splitlines() if first.remedies else ["none is known"]
    cause = "A guess" if first.sure is Sure.GUESS else "Cause"
    return (f"{cause}: {first.cause}", f"Fix: {fix[0]}", *fix[1:], ask(diagnosis.name))


def ask(name: str) -> str:
    """Return the command that shows more about a failure."""
    return f"Ask `tracewhale diagnose {shlex.quote(printable(name))}` with the same options for more."


def examine_trace(
    engine: Engine, trace: Trace, context: Context, references: References = References()
) -> Diagnosis:
    """Return why a traced run failed; the image's files are read if the image still exists."""
    with ExitStack() as held:
        with context.stage("target", f"looking for {trace.target}"):
            try:
                target = held.enter_context(engine.reopen(trace))
                case = case_of(target, View(held.enter_context(target.tree())))
            except (TargetNotFound, EngineError):
                run = Run.from_json(trace.request, trace.target, trace.image, {})
                case = _case(run, trace.target, View(TraceTree(trace)), files_known=False)
        case = _with_help(case, engine, references, context, held)
        return diagnosis.diagnose(with_trace(case, trace))


def case_of(target: Target, view: View) -> Case:
    """Return the facts about a target before anything runs."""
    run = Run.from_json(
        target.untraced().request, target.name, target.image, target.config.get("config") or {}
    )
    return _case(run, target.name, view)


def with_trace(case: Case, trace: Trace, refusal: str = "") -> Case:
    """Return the case after its run; ``refusal`` is the error of the run besides the command's own end."""
    mounts = dict.fromkeys(trace.mounts, "") | dict(case.mounts)
    return replace(case, trace=trace, refusal=refusal, mounts=mounts)


def _case(run: Run, name: str, view: View, *, files_known: bool = True) -> Case:
    environment = {**_base_environment(run), **environment_of(run)}
    user, refusal = User(name=user_of(run)), ""
    try:
        who = identity(user_of(run), *read_user_database(view.tree))
        user = User(who.uid, who.gid, who.groups, who.home, user_of(run))
    except UsageError as error:
        refusal = error.what
    environment.setdefault("HOME", user.home)
    try:
        argv = argv_of(run)
    except EmptyImage:
        argv = ()
    base = run.base.get("Config") or run.config
    if not argv and run.container:
        argv = (*(base.get("Entrypoint") or ()), *(base.get("Cmd") or ()))
    options = run.options
    mounts = {
        path: f"noexec,{given}" if "exec" not in given.split(",") else given
        for path, given in options.tmpfs.items()
    }
    for volume in options.volumes:
        words = volume.split(":")
        mounts[words[min(1, len(words) - 1)]] = words[2] if len(words) > 2 else ""
    return Case(
        name=name,
        view=view,
        argv=argv,
        environment=environment,
        user=user,
        directory=options.workdir or base.get("WorkingDir") or "/",
        mounts=mounts,
        volumes=tuple(base.get("Volumes") or ()),
        read_only=options.read_only or bool((run.base.get("HostConfig") or {}).get("ReadonlyRootfs")),
        security=options.security_opt,
        architecture=architecture(),
        refusal=refusal,
        files_known=files_known,
    )


def _base_environment(run: Run) -> Mapping[str, str]:
    """Return the variables that a container has besides its image's."""
    words = (run.base.get("Config") or {}).get("Env") or ()
    return dict(word.split("=", 1) for word in words if "=" in word)


def _run(target: Target, tree: Tree, job: Job, context: Context, case: Case) -> Case:
    """Return the case with the result of a traced run, which includes every failure of the command."""
    if case.refusal:
        return case
    try:
        with context.command("running the command"):
            result = target.trace(RunSetup(tree, job.steps, context.console))
    except CommandNotFound as error:
        return replace(case, refusal=error.what)
    return with_trace(case, result.trace, result.failure.what if result.failure else "")


def _dead(case: Case, target: Target, ended: EndedContainer) -> Case:
    trace = replace(target.untraced(), outcome=ended.outcome)
    return with_trace(case, trace, ended.refusal)


def _with_help(
    case: Case, engine: Engine, references: References, context: Context, stack: ExitStack
) -> Case:
    """Return the case with the sources that it may be compared with."""
    case = replace(case, contents=Contents(references.contents) if references.contents else None)
    if not references.against:
        return case
    target, view = hold(stack, context, references.against, lambda: engine.open(references.against, TRUE))
    words = (target.config.get("config") or {}).get("Env") or ()
    environment = dict(word.split("=", 1) for word in words if "=" in word)
    return replace(case, full=view, full_name=references.against, full_environment=environment)


class Complete:
    """The behaviour of the complete image for the same command, which is run once on the first request."""

    def __init__(self, engine: Engine, job: Job, against: str, context: Context) -> None:
        self._engine, self._job, self._against, self._context = engine, job, against, context
        self._has_run = False
        self._outcome: Outcome | None = None

    def does_more(self, case: Case) -> bool:
        """Return whether it succeeds and prints something else than the case."""
        if not self._against or case.failed or case.outcome is None:
            return False
        if not self._has_run:
            self._has_run, self._outcome = True, self._run(case.argv)
        ours, theirs = case.outcome, self._outcome
        return theirs is not None and compare_output(theirs, ours)[0] is Output.DIFFERENT

    def _run(self, argv: Sequence[str]) -> Outcome | None:
        context, request = self._context, self._job.request
        options = replace(request.options, entrypoint=argv[0])
        request = replace(request, options=options, command=tuple(argv[1:]))
        why = f"running the command in {self._against}"
        result = _traced(self._engine, self._against, replace(self._job, request=request), context, why)
        outcome = result.trace.outcome if result is not None else None
        if result is None or result.failure is not None or outcome is None or outcome.status:
            return None
        return outcome


def _traced(engine: Engine, name: str, job: Job, context: Context, why: str) -> RunResult | None:
    """Return the traced run of a job in an image; None if it has no such command."""
    with ExitStack() as held:
        target, view = hold(held, context, name, lambda: engine.open(name, job.request))
        with context.command(why):
            try:
                return target.trace(RunSetup(view.tree, job.steps, context.console))
            except CommandNotFound:
                return None
