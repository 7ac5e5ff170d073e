"""The native probe's event stream (``probes/protocol.h``, part 1): decoded, checked and collected."""

from __future__ import annotations

import os
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator, Set

from tracewhale.errors import ProbeError, TraceLost
from tracewhale.tracing.events import (
    ABSENT_LIMIT,
    Access,
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

PROTOCOL_VERSION = 1
RECORD_LIMIT = 1 << 20
"""The most bytes of a record; the probe's own buffer has the same size."""


ACCESSES = tuple(Access)
PRESENT, NOFOLLOW = 1, 2


_HINT = "Trace it again; if that happens again, please report it with the version of your kernel."


def _loss_error(loss: str) -> TraceLost:
    return TraceLost(f"The probe's event stream is damaged: {loss}.", _HINT)


def _strings(body: bytes, offset: int) -> list[str]:
    """Return the NUL-terminated strings, one or more, from an offset to the end of a record."""
    if len(body) <= offset or body[-1]:
        raise _loss_error("a string does not end")
    return os.fsdecode(body[offset:-1]).split("\0")


def _exactly(body: bytes, offset: int, count: int) -> list[str]:
    strings = _strings(body, offset)
    if len(strings) != count:
        raise _loss_error(f"{len(strings)} strings where there are {count}")
    return strings


def _hello(body: bytes) -> Hello:
    version, features = struct.unpack("<II", body[1:])
    if version > PROTOCOL_VERSION:
        raise TraceLost(
            f"The probe speaks version {version} of its protocol, this program up to {PROTOCOL_VERSION}.",
            "The probe and the program are of different installations: install TraceWhale again.",
        )
    return Hello(version, Feature(features & 7))


def _program(body: bytes) -> Program:
    return Program(struct.unpack_from("<I", body, 1)[0], *_exactly(body, 5, 1))


def _access_record(body: bytes) -> AccessRecord:
    access, flags, pid, program, received = struct.unpack_from("<BBIIQ", body, 1)
    path, real, root = _exactly(body, 19, 3)
    present, follow = bool(flags & PRESENT), not flags & NOFOLLOW
    return AccessRecord(ACCESSES[access], present, follow, pid, program, received, path, real, root)


def _exec_record(body: bytes) -> ExecRecord:
    pid, program = struct.unpack_from("<II", body, 1)
    path, *variables = _strings(body, 9)
    pairs = (variable.partition("=") for variable in variables)
    return ExecRecord(pid, program, path, tuple((name, value) for name, _, value in pairs))


def _failure_record(body: bytes) -> FailureRecord:
    access, pid, program, errno = struct.unpack_from("<BIII", body, 1)
    return FailureRecord(ACCESSES[access], pid, program, errno, *_exactly(body, 14, 1))


def _busy(body: bytes) -> Busy:
    return Busy(*struct.unpack("<II", body[1:]))


def _start_record(body: bytes) -> StartRecord:
    listener, errno = struct.unpack_from("<II", body, 1)
    return StartRecord(listener, errno, *_exactly(body, 9, 1))


def _end_record(body: bytes) -> EndRecord:
    return EndRecord(*struct.unpack("<I", body[1:]))


def _process_end_record(body: bytes) -> ProcessEndRecord:
    return ProcessEndRecord(*struct.unpack("<III", body[1:]))


def _listening(body: bytes) -> Listening:
    return Listening(*struct.unpack("<H", body[1:]))


def _counters_record(body: bytes) -> CountersRecord:
    return CountersRecord(Counters(*struct.unpack("<5Q", body[1:])))


_DECODERS: dict[int, Callable[[bytes], Record]] = {
    ord("H"): _hello,
    ord("P"): _program,
    ord("A"): _access_record,
    ord("E"): _exec_record,
    ord("U"): _failure_record,
    ord("B"): _busy,
    ord("S"): _start_record,
    ord("G"): _end_record,
    ord("X"): _process_end_record,
    ord("L"): _listening,
    ord("C"): _counters_record,
}


def decode(body: bytes) -> Record:
    """Return one record, given without its size. Raise TraceLost if it is malformed."""
    try:
        return _DECODERS[body[0]](body)
    except (struct.error, LookupError, ValueError, TypeError):
        raise _loss_error(f"a malformed record of type {body[:1]!r}") from None


class Decoder:
    """Splits the chunks of a byte stream into records, however they are cut."""

    def __init__(self) -> None:
        self.position = 0
        """Bytes of the stream so far."""
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Record]:
        """Yield the records that this chunk completes, in order. Raise TraceLost at a malformed one."""
        return map(decode, self.bodies(chunk))

    def bodies(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the records that this chunk completes, undecoded and without sizes. Raise TraceLost."""
        data, offset = self._rest + chunk, 0
        self.position += len(chunk)
        self._rest = b""
        try:
            while len(data) - offset >= 4:
                size = int.from_bytes(data[offset : offset + 4], "little")
                if not 0 < size <= RECORD_LIMIT:
                    raise _loss_error(f"a record of {size} bytes")
                if len(data) - offset - 4 < size:
                    break
                body = data[offset + 4 : offset + 4 + size]
                offset += 4 + size
                yield body
        finally:
            self._rest = data[offset:]

    def finish(self) -> None:
        """Note the end of the stream. Raise TraceLost if it ends within a record."""
        if self._rest:
            raise _loss_error("it ends within a record")


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
        self.gone: set[int] = set()
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
                self.gone.add(listener)
            case ProcessEndRecord(_, program, status):
                self._end(program, status)
            case Listening(port):
                self.listening.add(port)
            case CountersRecord(counters):
                self._check(counters)
            case Hello(_, features):
                self.features = features

    def finish(self) -> None:
        """Note the end of the stream.

        Raise TraceLost if it was cut, ProbeError if the target requested the listener that the probe has.
        """
        self._decoder.finish()
        if self._busy:
            raise ProbeError(
                f"{self._busy} asked for seccomp notifications of its own, and the probe has taken them: "
                "a process has one listener.",
                "Take --probe ebpf, ptrace, strace or fanotify.",
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
            raise _loss_error(f"program {number} was not named before its first record") from None

    def _access(self, record: AccessRecord) -> None:
        if record.received < max(self._received, self._counted.received):
            raise _loss_error("records are out of order")
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
                _HINT,
            )
        self._counted = counters
