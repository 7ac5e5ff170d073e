"""Verify an image by the traces of its original: each traced run is repeated in it, and compared."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from tracewhale.context import Context
from tracewhale.engines.base import Engine, Target
from tracewhale.image.recipe import PLAIN
from tracewhale.plan.model import Options
from tracewhale.rootfs.tree import View
from tracewhale.running.console import Console
from tracewhale.running.run import Run
from tracewhale.running.setup import RunSetup
from tracewhale.stages import Making, OtherRun, hold, plan_image, verify_image
from tracewhale.tracing.events import Step, Trace
from tracewhale.verification import Comparison, Verification, combine


@dataclass(frozen=True, slots=True)
class Repetition:
    """The verification of an image by one or several traces.

    ``target``, ``view`` and ``new``, ``new_view`` are those of the first trace, and ``again`` is its run in
    the new image. ``steps`` drove all the runs of the original.
    """

    target: Target
    view: View
    new: Target
    new_view: View
    again: Trace
    verification: Verification
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def repeat(
    engine: Engine,
    name: str,
    traces: Sequence[Trace],
    options: Options,
    context: Context,
    stack: ExitStack,
) -> Repetition:
    """Run an image as its original was run in each trace, and compare. The targets are held by ``stack``.

    A command of ``--also`` is run in the original once more, because a trace file does not have its output.
    """
    first, *rest = traces
    result = _repeat(engine, name, first, options, context, stack)
    for trace in rest:
        part = _repeat(engine, name, trace, options, context, stack)
        command = shlex.join(Run.from_json(trace.request, trace.target, trace.image, {}).command)
        step = Step("also", command)
        one = replace(part.verification, steps=(*part.verification.steps, step))
        result = replace(
            result,
            verification=_added(result.verification, command, one),
            steps=(*result.steps, *part.steps, step),
            notes=(*result.notes, *(note for note in part.notes if note not in result.notes)),
        )
    return result


def _repeat(
    engine: Engine, name: str, trace: Trace, options: Options, context: Context, stack: ExitStack
) -> Repetition:
    target, view = hold(stack, context, trace.target, lambda: engine.reopen(trace))
    new, new_view = hold(stack, context, name, lambda: engine.reopen(trace, name))
    mounts = stack.enter_context(target.snapshot()).after_the_run()
    making = Making(target, view, options, PLAIN, context, mounts)
    planned = plan_image(making, trace)

    def compared(new: Target, making: Making, trace: Trace) -> tuple[Comparison, Trace, int]:
        return verify_image(new, making, trace, planned, lambda path: new_view.lstat(path) is not None)

    comparison, again, runs = compared(new, making, trace)
    verification = Verification(1, (), comparison, runs, again.steps)
    for step in trace.steps:
        if step.kind == "also":
            other = _recorded(making, tuple(shlex.split(step.argument)))
            beside = replace(making, target=target.running(other.command))
            comparison, _, runs = compared(new.running(other.command), beside, other.trace)
            one = Verification(1, (), comparison, runs + 1, (step,))
            verification = _added(verification, other.name, one)
    notes = (*target.notes, *mounts.notes)
    return Repetition(target, view, new, new_view, again, verification, trace.steps, notes)


def _recorded(making: Making, command: tuple[str, ...]) -> OtherRun:
    """Run another command in the original. Raise TraceWhaleError."""
    context, target = making.context, making.target.running(command)
    text = f"running the original with {shlex.join(command)}"
    with context.surroundings(), target.tree() as tree, context.stage("verification run", text):
        console = Console(progress=context.progress)
        result = target.trace(RunSetup(tree, (), console, mounts=making.mounts))
    return OtherRun(command, result.checked())


def _added(main: Verification, command: str, other: Verification) -> Verification:
    """Return the verification of both runs, ``other`` of another command."""
    return Verification(
        main.rounds,
        main.added,
        combine(main.comparison, command, other.comparison),
        main.runs + other.runs,
        (*main.steps, *other.steps),
    )
