"""The records of the native probe's event stream, as ``probes/protocol.h`` has them (part 1)."""

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
    """The real path of an executable ("" when it could not be learnt), and the number that stands for it."""

    number: int
    path: str


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """A path was asked for. ``received`` counts the notifications so far, this one included."""

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
    """A program was executed by ``program``, with these ``LD_*`` variables."""

    pid: int
    program: int
    path: str
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """A notification named no usable path."""

    access: Access
    pid: int
    program: int
    errno: int
    reason: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A program asked for a seccomp listener of its own, which fails (EBUSY): it has the probe's."""

    pid: int
    program: int


@dataclass(frozen=True, slots=True)
class StartRecord:
    """A program entered the target (``errno`` 0), or failed to at ``stage``."""

    listener: int
    errno: int
    stage: str


@dataclass(frozen=True, slots=True)
class EndRecord:
    """No process is left under this listener's filter."""

    listener: int


@dataclass(frozen=True, slots=True)
class ProcessEndRecord:
    """A process of the command ended with a status that is not 0; ``KILLED`` by a signal.

    ``UNKNOWN``: from now on not all ends are known.
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
