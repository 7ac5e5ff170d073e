"""Turn logs of strace(1) into a Trace, or raise TraceFileError if they cannot be trusted."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tracewhale.errors import TraceFileError
from tracewhale.tracing.events import Trace
from tracewhale.tracing.strace import lines
from tracewhale.tracing.strace.effects import Unknown
from tracewhale.tracing.strace.families import Families, Place
from tracewhale.tracing.strace.lines import LogLine, Malformed
from tracewhale.tracing.strace.machine import LogInterpreter, Sink
from tracewhale.tracing.strace.processes import Start
from tracewhale.tracing.strace.trace_sink import TraceSink

NOTHING = Start()
"""The start of a process about which nothing is known before its first line."""

HALF_DAY = 43200
_SUFFIX = re.compile(r"\.(\d{1,10})$")
_AGAIN = "Trace again: strace -f -y -o LOG COMMAND..."


@dataclass(frozen=True, slots=True)
class Log:
    """A log's name and its lines, which are iterated twice. With ``-ff`` its name ends in ``.PID``."""

    name: str
    lines: Iterable[str]


def parse(logs: Sequence[Log], *, first: Start = NOTHING, starts: Mapping[int, Start] | None = None) -> Trace:
    """Return the trace in the logs of one run; ``target``, ``image`` and ``request`` are left empty.

    There is one log of all processes (``-f``), or one of each (``-ff``), in any order. ``first`` has the
    known facts about the process of the first line, ``starts`` those about others that existed before, by
    number. Programs of events have the names with which they were executed; symbolic links in them are not
    resolved. Raise TraceFileError if a log is cut, damaged or not a log, or does not show the base of a
    relative path.
    """
    gathered = TraceSink()
    read(logs, gathered, first=first, starts=starts)
    trace = gathered.trace()
    if not trace.counters.received:
        names = ", ".join(log.name for log in logs) or "nothing"
        raise TraceFileError(f"There is no system call that names a path in {names}.", _AGAIN)
    return trace


def read(
    logs: Sequence[Log], sink: Sink, *, first: Start = NOTHING, starts: Mapping[int, Start] | None = None
) -> None:
    """Read logs as ``parse`` does, into a sink; logs may be empty."""
    families = Families()
    timed = len(logs) > 1
    for place, line in _read_all(logs):
        try:
            families.take(place, line)
        except Malformed as error:
            raise _file_error(logs, place, error) from None
        timed = timed and line.clock is not None
    ordered = _by_time(logs) if timed else _by_birth(logs, families)
    unordered = frozenset() if timed or len(logs) == 1 else families.unordered()
    machine = LogInterpreter(sink, first, starts or {}, unordered)
    place = (0, 0)
    try:
        for place, line in ordered:
            machine.take(line, families.births.get(place))
        machine.end()
    except (Malformed, Unknown) as error:
        raise _file_error(logs, place, error) from None


def _file_error(logs: Sequence[Log], place: Place, error: Malformed | Unknown) -> TraceFileError:
    hint = error.hint if isinstance(error, Unknown) else f"A log is whole when -o wrote it. {_AGAIN}"
    return TraceFileError(f"{logs[place[0]].name}: line {place[1]} {error}.", hint)


def _read(logs: Sequence[Log], index: int) -> Iterator[tuple[Place, LogLine]]:
    """Yield a log's lines without noise, each with the process that wrote it, if the log names it."""
    suffix = _SUFFIX.search(logs[index].name)
    own = int(suffix[1]) if suffix else None
    for number, text in lines.whole_lines(logs[index].lines):
        place = (index, number)
        try:
            line = lines.line(text)
        except Malformed as error:
            raise _file_error(logs, place, error) from None
        if line.kind != "noise":
            yield place, replace(line, pid=own) if line.pid is None and own is not None else line


def _read_all(logs: Sequence[Log]) -> Iterator[tuple[Place, LogLine]]:
    for index in range(len(logs)):
        yield from _read(logs, index)


def _by_time(logs: Sequence[Log]) -> Iterator[tuple[Place, LogLine]]:
    def clocked(index: int) -> Iterator[tuple[float, Place, LogLine]]:
        passed, last = 0.0, 0.0
        for place, line in _read(logs, index):
            clock = line.clock or 0.0
            if clock < last - HALF_DAY:  # past midnight
                passed += 2 * HALF_DAY
            last = clock
            yield passed + clock, place, line

    streams = [clocked(index) for index in range(len(logs))]
    for _, place, line in heapq.merge(*streams, key=lambda item: item[0]):
        yield place, line


def _by_birth(logs: Sequence[Log], families: Families) -> Iterator[tuple[Place, LogLine]]:
    """Yield each log after the log of the process that made its own."""
    pids = [_SUFFIX.search(log.name) for log in logs]
    of_pid = {int(match[1]): index for index, match in enumerate(pids) if match}
    children: dict[int, list[int]] = {}
    for (parent, _), child in families.births.items():
        if child in of_pid and of_pid[child] != parent:
            children.setdefault(parent, []).append(of_pid[child])
    born = {child for pids_of_parent in children.values() for child in pids_of_parent}
    waiting = [index for index in reversed(range(len(logs))) if index not in born]
    done: set[int] = set()
    while waiting or len(done) < len(logs):
        index = waiting.pop() if waiting else next(i for i in range(len(logs)) if i not in done)
        if index not in done:
            done.add(index)
            yield from _read(logs, index)
            waiting += reversed(children.get(index, []))
