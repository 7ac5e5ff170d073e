"""Collects the records of a probe's event stream, and checks them against its counters."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Set

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
    AccessRecord,
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
from tracewhale.tracing.stream import HINT, Decoder, loss_error


class Collector:
    """The contents of a stream so far: sets of events, executions and failures, counters, starts and ends.

    ``moments`` has the events in their order, each with its time; ``clock`` returns seconds.
    ``add`` and ``finish`` raise TraceLost if the probe's counters do not agree with its records.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin: float | None = None
        self.features: Feature | None = None
        self.moments: dict[Event, Moment] = {}
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

    def feed(self, chunk: bytes) -> list[Record]:
        """Decode and add a chunk of the stream, and return the records that it completes, in order."""
        records = []
        for record in self._decoder.feed(chunk):
            self.add(record)
            records.append(record)
        return records

    def add(self, record: Record) -> None:
        """Add one record."""
        match record:
            case AccessRecord():
                self._access(record)
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
        """Note the end of the stream. Raise TraceLost if it was cut, ProbeError if the target requested a
        seccomp listener, which the probe has.
        """
        self._decoder.finish()
        if self._busy:
            raise ProbeError(
                f"{self._busy} asked for seccomp notifications of its own, and the probe has taken them: "
                "a process has one listener.",
                "Use --probe ebpf, ptrace, strace or fanotify.",
            )

    @property
    def events(self) -> Set[Event]:
        """The distinct events so far."""
        return self.moments.keys()

    @property
    def unresolved(self) -> tuple[UnresolvedPath, ...]:
        """The notifications without a usable path, by reason, sorted."""
        return tuple(sorted(UnresolvedPath(*key, count) for key, count in self._failures.items()))

    @property
    def failed(self) -> tuple[FailedProcess, ...] | None:
        """The failures of the command's processes, each kind once, sorted; None if they are not known."""
        return None if self._failed is None else tuple(sorted(self._failed))

    @property
    def absent(self) -> tuple[str, ...]:
        """The last requested paths that did not exist, in the order of their first records."""
        return tuple(self._absent)[-ABSENT_LIMIT:]

    @property
    def counters(self) -> Counters:
        """The last counters, with the records after them.

        If process 1 was killed, the probe cannot count calls of known events after its last report.
        """
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

    def _access(self, record: AccessRecord) -> None:
        if record.received < max(self._received, self._counted.received):
            raise loss_error("records are out of order")
        if record.received > self._received:  # two paths of one call are two records and one notification
            self._received = record.received
            self._recorded += 1
        event = self.event(record)
        if event not in self.moments:
            now = self._clock()
            self._begin = now if self._begin is None else self._begin
            self.moments[event] = Moment(len(self.moments) + 1, now - self._begin)
        if not event.present:
            self._absent[event.path] = None

    def event(self, record: AccessRecord) -> Event:
        """Return the event of a record that was added."""
        return Event(
            path=record.path,
            access=record.access.value,
            program=self._program(record.program),
            present=record.present,
            follow=record.follow,
            real=record.real,
            root=record.root or "/",
        )

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
