"""A trace that was made without a target becomes one of a target."""

from __future__ import annotations

from dataclasses import replace

from tracewhale.tracing.events import Event, Trace
from tracewhale.tree import View


def adopt(view: View, untraced: Trace, found: Trace) -> Trace:
    """What was found, as of the target and request of ``untraced``.

    ``view`` is of the target's files: programs, which are known as they were executed, get their real
    paths. Raises nothing: a program that the target does not have keeps its name.
    """
    programs = {event.program for event in found.events} | {each.program for each in found.unresolved}
    real = {program: _real(view, program) for program in programs}
    return replace(
        untraced,
        probe=found.probe,
        events=frozenset(_of(event, real[event.program]) for event in found.events),
        execs=found.execs,
        unresolved=tuple(sorted(replace(each, program=real[each.program]) for each in found.unresolved)),
        counters=found.counters,
        seconds=found.seconds,
    )


def _of(event: Event, program: str) -> Event:
    return event if event.program == program else replace(event, program=program)


def _real(view: View, program: str) -> str:
    entry = view.resolve(program).entry if program else None
    return entry.path if entry is not None else program
