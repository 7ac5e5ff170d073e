"""Turn a trace that was made without a target into the trace of a target."""

from __future__ import annotations

from dataclasses import replace

from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Trace


def adopt(view: View, untraced: Trace, trace: Trace) -> Trace:
    """Return the events as a trace with the target and request of ``untraced``; ``view`` is of the target's
    files."""
    known = with_real_programs(view, trace)
    return replace(
        untraced,
        probe=known.probe,
        events=known.events,
        execs=known.execs,
        unresolved=known.unresolved,
        counters=known.counters,
        seconds=known.seconds,
    )


def with_real_programs(view: View, trace: Trace) -> Trace:
    """Return the trace with the real paths of its programs in place of the names that were executed.

    A program that the target lacks keeps its name.
    """
    programs = {event.program for event in trace.events} | {
        unresolved.program for unresolved in trace.unresolved
    }
    real = {program: _real(view, program) for program in programs}
    return replace(
        trace,
        events=frozenset(_of(event, real[event.program]) for event in trace.events),
        unresolved=tuple(
            sorted(replace(unresolved, program=real[unresolved.program]) for unresolved in trace.unresolved)
        ),
    )


def _of(event: Event, program: str) -> Event:
    return event if event.program == program else replace(event, program=program)


def _real(view: View, program: str) -> str:
    entry = view.resolve(program).entry if program else None
    return entry.path if entry is not None else program
