"""From a target, a dead container or a saved trace to a diagnosis: what is to be run and read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from tracewhale import diagnosis
from tracewhale.diagnosis import Case, Contents, Diagnosis, User
from tracewhale.diagnosis.remembered import RememberedTree
from tracewhale.engines.base import Ended, Engine, Request, Target
from tracewhale.errors import CommandNotFound, EmptyImage, EngineError, TargetNotFound, UsageError
from tracewhale.platforms import architecture
from tracewhale.rootfs.tree import Tree, View
from tracewhale.running.identity import identity, read_user_database
from tracewhale.running.run import Run, argv_of, environment_of, user_of
from tracewhale.stages import Context, Job, hold
from tracewhale.tracing.events import Trace
from tracewhale.verification.output import Output, compare_output

TRUE = Request(command=("true",))
"""A request for files alone: nothing of it is ever run."""


@dataclass(frozen=True, slots=True)
class Help:
    """What a diagnosis may compare with: a complete image by name, an index of contents by its file."""

    against: str = ""
    contents: str = ""


def examine(engine: Engine, job: Job, context: Context, given: Help = Help()) -> Diagnosis:
    """Why a target fails. A container that is dead already is not run again, unless the job asks for it."""
    plain = not (job.request.command or job.steps)
    dead = engine.ended(job.name) if plain else None
    with ExitStack() as held:
        target, view = hold(held, context, job.name, lambda: engine.open(job.name, job.request))
        case = case_of(target, view)
        full = _complete(engine, given, context, held)
        case = replace(case, full=full, full_name=given.against, contents=_contents(given))
        if dead is not None:
            return diagnosis.diagnose(_dead(case, target, dead))
        with context.stage("files", "checking what the kernel and the loader will refuse"):
            refused = diagnosis.before_running(case)
        if refused:
            status = int(refused[0].symptom.rpartition("(status ")[2].rstrip(")") or 127)
            return diagnosis.diagnose(replace(case, refusal=f"It cannot start (status {status})."))
        case = _run(target, view.tree, job, context, case)
        if not case.failed and given.against and case.trace is not None:
            return diagnosis.diagnose(case, lacks=_does_more(engine, job, given.against, context, case.trace))
        return diagnosis.diagnose(case)


def examine_trace(engine: Engine, trace: Trace, context: Context, given: Help = Help()) -> Diagnosis:
    """Why a traced run failed; the image's files are read where the image still is."""
    with ExitStack() as held:
        with context.stage("target", f"looking for {trace.target}"):
            try:
                target = held.enter_context(engine.reopen(trace))
                case = case_of(target, View(held.enter_context(target.tree())))
            except (TargetNotFound, EngineError):
                run = Run.from_json(trace.request, trace.target, trace.image, {})
                case = _case(run, trace.target, View(RememberedTree(trace)), files_known=False)
        full = _complete(engine, given, context, held)
        case = replace(case, full=full, full_name=given.against, contents=_contents(given))
        return diagnosis.diagnose(with_trace(case, trace))


def case_of(target: Target, view: View) -> Case:
    """What is known of a target before anything runs."""
    run = Run.from_json(
        target.untraced().request, target.name, target.image, target.config.get("config") or {}
    )
    return _case(run, target.name, view)


def with_trace(case: Case, trace: Trace, refusal: str = "") -> Case:
    """The case after its run; ``refusal`` is what went wrong beside the command's own end."""
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
        if len(words) > 1:
            mounts[words[1]] = words[2] if len(words) > 2 else ""
    return Case(
        name=name,
        view=view,
        argv=argv,
        environment=environment,
        user=user,
        directory=options.workdir or base.get("WorkingDir") or "/",
        mounts=mounts,
        read_only=options.read_only or bool((run.base.get("HostConfig") or {}).get("ReadonlyRootfs")),
        architecture=architecture(),
        refusal=refusal,
        files_known=files_known,
    )


def _base_environment(run: Run) -> Mapping[str, str]:
    """The variables that a container has beside its image's."""
    words = (run.base.get("Config") or {}).get("Env") or ()
    return dict(word.split("=", 1) for word in words if "=" in word)


def _run(target: Target, tree: Tree, job: Job, context: Context, case: Case) -> Case:
    """The case with what a traced run of it told; every failure of the command is a part of that."""
    if case.refusal:
        return case
    try:
        with context.command("running the command"):
            result = target.trace(tree, job.steps, context.console, context.handle, context.progress)
    except CommandNotFound as error:
        return replace(case, refusal=error.what)
    return with_trace(case, result.trace, result.failure.what if result.failure else "")


def _dead(case: Case, target: Target, dead: Ended) -> Case:
    trace = replace(target.untraced(), outcome=dead.outcome)
    return with_trace(case, trace, dead.refusal)


def _complete(engine: Engine, given: Help, context: Context, held: ExitStack) -> View | None:
    if not given.against:
        return None
    return hold(held, context, given.against, lambda: engine.open(given.against, TRUE))[1]


def _contents(given: Help) -> Contents | None:
    return Contents(given.contents) if given.contents else None


def _does_more(engine: Engine, job: Job, against: str, context: Context, trace: Trace) -> bool:
    """Whether the complete image, asked the same, ends well and prints otherwise."""
    with ExitStack() as held:
        target, view = hold(held, context, against, lambda: engine.open(against, job.request))
        with context.command(f"running the command in {against}"):
            try:
                result = target.trace(view.tree, job.steps, context.console, context.handle, context.progress)
            except CommandNotFound:
                return False
    ours, theirs = trace.outcome, result.trace.outcome
    if ours is None or theirs is None or result.failure is not None or theirs.status:
        return False
    return compare_output(theirs, ours)[0] is Output.DIFFERENT
