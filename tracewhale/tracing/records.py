"""The records of the native probe's event stream, as defined in ``probes/protocol.h`` (part 1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from tracewhale.tracing.events import Access, Counters


class Feature(IntFlag):
    """Features of the kernel under the probe; without them tracing is slower, not worse."""

    WAIT_KILLABLE = 1
    SYNC_WAKE_UP = 2


@dataclass(frozen=True, slots=True)
class Hello:
    """The first listener has arrived."""

    version: int
    features: Feature


@dataclass(frozen=True, slots=True)
class Program:
    """The number of an executable, and its real path ("" if it could not be determined)."""

    number: int
    path: str


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """A request of a path. ``received`` counts the notifications so far, including this one."""

    access: Access
    present: bool
    follow: bool
    pid: int
    program: int
    received: int
    path: str
    real: str
    root: str


@dataclass(frozen=True, slots=True)
class ExecRecord:
    """An execution of a program by ``program``, with these ``LD_*`` variables."""

    pid: int
    program: int
    path: str
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """A notification without a usable path."""

    access: Access
    pid: int
    program: int
    errno: int
    reason: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A program requested its own seccomp listener, which fails with EBUSY, because the probe has it."""

    pid: int
    program: int


@dataclass(frozen=True, slots=True)
class StartRecord:
    """A program entered the target (``errno`` 0), or failed to do so at ``stage``."""

    listener: int
    errno: int
    stage: str


@dataclass(frozen=True, slots=True)
class EndRecord:
    """No process is left under this listener's filter."""

    listener: int


@dataclass(frozen=True, slots=True)
class ProcessEndRecord:
    """A process of the command ended with a status other than 0; with ``KILLED``, by a signal.

    With ``UNKNOWN``, some later ends will not be known.
    """

    pid: int
    program: int
    status: int


@dataclass(frozen=True, slots=True)
class Listening:
    """A TCP socket now listens on this port."""

    port: int


@dataclass(frozen=True, slots=True)
class CountersRecord:
    """The counters at this point of the stream."""

    counters: Counters


KILLED, UNKNOWN = 256, 257

Record = (
    Hello
    | Program
    | AccessRecord
    | ExecRecord
    | FailureRecord
    | Busy
    | StartRecord
    | EndRecord
    | ProcessEndRecord
    | Listening
    | CountersRecord
)
