"""Collect the contents of a log as a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tracewhale.tracing.events import Counters, Event, Exec, Trace, UnresolvedPath
from tracewhale.tracing.strace.machine import Failure

IGNORED, REPEATED, UNRESOLVED, RECORDED = range(4)
"""The outcomes of a call. If its two paths have different ones, the later in this list counts."""


class TraceSink:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self._events: set[Event] = set()
        self._execs: set[Exec] = set()
        self._failures: Counter[tuple[str, str, str]] = Counter()
        self._counts = [0, 0, 0, 0]

    def call(self, pid: int, outcomes: Sequence[Event | Failure | None]) -> None:
        """See Sink.call."""
        outcome = IGNORED
        for item in outcomes:
            if isinstance(item, Failure):
                self._failures[item.access.value, item.program, item.reason] += 1
                outcome = max(outcome, UNRESOLVED)
            elif item is not None:
                outcome = max(outcome, REPEATED if item in self._events else RECORDED)
                self._events.add(item)
        self._counts[outcome] += 1

    def executed(self, pid: int, program: str, execution: Exec) -> None:
        """See Sink.executed."""
        self._execs.add(execution)

    def trace(self) -> Trace:
        """Return the trace so far; ``target``, ``image`` and ``request`` are empty."""
        ignored, repeated, unresolved, recorded = self._counts
        return Trace(
            target="",
            image="",
            probe="strace",
            request={},
            events=frozenset(self._events),
            execs=frozenset(self._execs),
            unresolved=tuple(sorted(UnresolvedPath(*key, count) for key, count in self._failures.items())),
            counters=Counters(sum(self._counts), recorded, repeated, unresolved, ignored),
        )
