"""Collects the records of a probe's event stream, and checks them against its counters."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager

from tracewhale.errors import ProbeError, TraceLost
from tracewhale.tracing.events import (
    ABSENT_LIMIT,
    Counters,
    Event,
    Exec,
    FailedProcess,
    Moment,
    UnresolvedPath,
)
from tracewhale.tracing.records import (
    KILLED,
    UNKNOWN,
    Busy,
    CountersRecord,
    EndRecord,
    ExecRecord,
    FailureRecord,
    Feature,
    Hello,
    Listening,
    ProcessEndRecord,
    Program,
    Record,
    StartRecord,
)
from tracewhale.tracing.stream import HINT, Decoder, access_fields, decode, loss_error

_ACCESS, _COUNTERS = b"AC"
_WAITING = b"AUC"


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Stop the search for cycles while many objects that stay are made: it would take half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Collector:
    """The contents of a stream so far: sets of events, executions and failures, counters, starts and ends.

    Records of paths and counters, nearly all of a stream, wait until ``settle`` is called or their contents
    are requested, because decoding takes processor time from the command. Then TraceLost is raised if the
    probe's counters do not agree with its records. ``clock`` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin: float | None = None
        self.features: Feature | None = None
        self._moments: dict[Event, Moment] = {}
        self._absent: dict[str, None] = {}
        self.execs: set[Exec] = set()
        self.started: dict[int, StartRecord] = {}
        self.ended_listeners: set[int] = set()
        self.listening: set[int] = set()
        self.stopping = False
        """Whether the command is being stopped, so that we cause the ends of its processes."""
        self._failed: set[FailedProcess] | None = set()
        self._busy = ""
        self._programs: dict[int, str] = {}
        self._failures: Counter[tuple[str, str, str]] = Counter()
        self._counted = Counters()
        self._recorded = self._unresolved = self._received = 0
        self._decoder = Decoder()
        self._waiting: list[tuple[float, list[bytes]]] = []
        self.reports = 0
        """The number of counters that have come."""

    def receive(self, chunk: bytes) -> None:
        """Add a chunk of the stream, however it is cut. Raise TraceLost if it is malformed."""
        waiting = []
        for body in self._decoder.bodies(chunk):
            if body[0] in _WAITING:
                waiting.append(body)
            else:
                self._add(decode(body))
        self.reports += sum(body[0] == _COUNTERS for body in waiting)
        if waiting:
            self._waiting.append((self._clock(), waiting))

    def settle(self) -> list[Event]:
        """Add the records that wait, and return the events of their accesses in order. Raise TraceLost."""
        events = []
        waiting, self._waiting = self._waiting, []
        with _no_garbage_collection():
            for seconds, bodies in waiting:
                for body in bodies:
                    if body[0] == _ACCESS:
                        events.append(self._access(body, seconds))
                    else:
                        self._add(decode(body))
        return events

    def _add(self, record: Record) -> None:
        match record:
            case Program(number, path):
                self._programs[number] = path
            case ExecRecord(_, _, path, environment):
                self.execs.add(Exec(path, environment))
            case FailureRecord(access, _, program, _, reason):
                self._unresolved += 1
                self._failures[access.value, self._program(program), reason] += 1
            case Busy(_, program):
                self._busy = self._program(program) or "a program"
            case StartRecord(listener):
                self.started[listener] = record
            case EndRecord(listener):
                self.ended_listeners.add(listener)
            case ProcessEndRecord(_, program, status):
                self._end(program, status)
            case Listening(port):
                self.listening.add(port)
            case CountersRecord(counters):
                self._check(counters)
            case Hello(_, features):
                self.features = features

    def finish(self) -> None:
        """Note the end of the stream. Raise TraceLost if it was cut or does not add up, ProbeError if the
        target requested a seccomp listener, which the probe has.
        """
        self._decoder.finish()
        self.settle()
        if self._busy:
            raise ProbeError(
                f"{self._busy} asked for seccomp notifications of its own, and the probe has taken them: "
                "a process has one listener.",
                "Use --probe ebpf, ptrace, strace or fanotify.",
            )

    @property
    def moments(self) -> dict[Event, Moment]:
        """The events so far in their order, each with the time at which it came."""
        self.settle()
        return self._moments

    @property
    def events(self) -> Set[Event]:
        """The distinct events so far."""
        return self.moments.keys()

    @property
    def unresolved(self) -> tuple[UnresolvedPath, ...]:
        """The notifications without a usable path, by reason, sorted."""
        self.settle()
        return tuple(sorted(UnresolvedPath(*key, count) for key, count in self._failures.items()))

    @property
    def failed(self) -> tuple[FailedProcess, ...] | None:
        """The failures of the command's processes, each kind once, sorted; None if they are not known."""
        return None if self._failed is None else tuple(sorted(self._failed))

    @property
    def absent(self) -> tuple[str, ...]:
        """The last requested paths that did not exist, in the order of their first records."""
        self.settle()
        return tuple(self._absent)[-ABSENT_LIMIT:]

    @property
    def counters(self) -> Counters:
        """The last counters, with the records after them.

        If process 1 was killed, the probe cannot count calls of known events after its last report.
        """
        self.settle()
        recorded = self._recorded - self._counted.recorded
        unresolved = self._unresolved - self._counted.unresolved
        return self._counted + Counters(
            received=recorded + unresolved, recorded=recorded, unresolved=unresolved
        )

    def _end(self, program: int, status: int) -> None:
        if status == UNKNOWN:
            self._failed = None
        elif self._failed is not None and not self.stopping:
            killed = status == KILLED
            self._failed.add(FailedProcess(self._program(program), 0 if killed else status, killed))

    def _program(self, number: int) -> str:
        try:
            return self._programs[number]
        except KeyError:
            raise loss_error(f"program {number} was not named before its first record") from None

    def _access(self, body: bytes, seconds: float) -> Event:
        access, present, follow, _, program, received, path, real, root = access_fields(body)
        if received < max(self._received, self._counted.received):
            raise loss_error("records are out of order")
        if received > self._received:  # two paths of one call are two records and one notification
            self._received = received
            self._recorded += 1
        event = Event(path, access.value, self._program(program), present, follow, real, root or "/")
        if event not in self._moments:
            self._begin = seconds if self._begin is None else self._begin
            self._moments[event] = Moment(len(self._moments) + 1, seconds - self._begin)
        if not present:
            self._absent[path] = None
        return event

    def _check(self, counters: Counters) -> None:
        written = (self._recorded, self._unresolved)
        if (
            counters.lost
            or counters.received < self._received
            or written
            != (
                counters.recorded,
                counters.unresolved,
            )
        ):
            raise TraceLost(
                f"Events were lost: the probe counted {counters}, and {written[0]} recorded and "
                f"{written[1]} unresolved ones arrived.",
                HINT,
            )
        self._counted = counters
