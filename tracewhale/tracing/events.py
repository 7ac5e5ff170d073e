"""The event model: the contents of a trace, independent of the probe. Frozen, and merged by union."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tracewhale.tracing.exchanges import Exchange


class Access(Enum):
    """The ways to request a path, one for each family of system calls that name a path."""

    EXEC = "exec"
    READ = "read"
    WRITE = "write"
    CREATE = "create"
    STAT = "stat"
    ACCESS = "access"
    READLINK = "readlink"
    LIST = "list"
    CHDIR = "chdir"
    CHROOT = "chroot"
    STATFS = "statfs"
    XATTR = "xattr"
    MKDIR = "mkdir"
    MKNOD = "mknod"
    RENAME_FROM = "rename-from"
    RENAME_TO = "rename-to"
    LINK_FROM = "link-from"
    LINK_TO = "link-to"
    SYMLINK = "symlink"
    UNLINK = "unlink"
    TRUNCATE = "truncate"
    ATTRIBUTES = "attributes"
    WATCH = "watch"
    CONNECT = "connect"
    BIND = "bind"
    MOUNT = "mount"
    MAP = "map"


CREATING = frozenset(
    {
        Access.CREATE,
        Access.MKDIR,
        Access.MKNOD,
        Access.RENAME_TO,
        Access.LINK_TO,
        Access.SYMLINK,
        Access.BIND,
    }
)
"""Accesses that make a new name, whose directory must exist."""


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """A request of a path. One for each distinct combination, however often it occurred.

    ``path`` is absolute as requested (symbolic links and ``..`` unresolved); ``real`` is the path that the
    kernel reached at that moment, empty if it did not exist or was the same; ``root`` is the process's root
    directory; ``program`` is the real path of the requesting executable; ``follow`` is false for calls that
    do not follow a final symbolic link; ``present`` says whether the path existed then.
    """

    path: str
    access: str
    program: str
    present: bool
    follow: bool = True
    real: str = ""
    root: str = "/"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """When an event was seen first: its place in the order, from 1, and the seconds after the first event."""

    number: int
    seconds: float

    def earlier(self, other: Moment | None) -> Moment:
        """Return the smaller number and the shorter time of both."""
        if other is None:
            return self
        return Moment(min(self.number, other.number), min(self.seconds, other.seconds))


Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True, order=True)
class Exec:
    """An execution of a program: its path, and the variables of its environment that affect the loader."""

    path: str
    loader_environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class UnresolvedPath:
    """A notification without a usable path, and the reason (a bad address, a process that had ended)."""

    access: str
    program: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Counters:
    """The numbers of notifications: ``received`` = ``recorded`` + ``repeated`` + ``unresolved`` +
    ``ignored``.

    ``repeated`` are those of known events; ``ignored`` ones name nothing (AT_EMPTY_PATH on a descriptor).
    """

    received: int = 0
    recorded: int = 0
    repeated: int = 0
    unresolved: int = 0
    ignored: int = 0

    @property
    def lost(self) -> int:
        return self.received - self.recorded - self.repeated - self.unresolved - self.ignored

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            self.received + other.received,
            self.recorded + other.recorded,
            self.repeated + other.repeated,
            self.unresolved + other.unresolved,
            self.ignored + other.ignored,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One step that drove the target.

    ``kind`` is ``workload``, ``exec``, ``for``, ``until-idle``, ``wait``, ``http``, ``crawl``, ``openapi`` or
    ``healthcheck``; ``seconds`` is its limit, 0 if the user sets none; ``exchanges`` are its requests, with
    the answers once the step was taken; ``growth`` is the number of distinct accesses known after each of its
    requests, each second, or the whole step.
    """

    kind: str
    argument: str
    status: int = 0
    seconds: float = 0.0
    exchanges: tuple[Exchange, ...] = ()
    growth: tuple[int, ...] = field(default=(), compare=False)


TAIL_LINES = 5


@dataclass(frozen=True, slots=True, order=True)
class FailedProcess:
    """A process of the command that failed: its program, and its exit status other than 0.

    A process ``killed`` by a signal has no status.
    """

    program: str
    status: int
    killed: bool = False


@dataclass(frozen=True, slots=True, order=True)
class WrittenFile:
    """A path that a run made or changed and that outlives the container's temporary mounts.

    ``kind`` is a `Kind`'s value; ``size`` is in bytes, ``digest`` the SHA-256 of the contents or of a link's
    text. ``normal`` is the digest of a text's normal form, without times and host names; empty for other
    files.
    """

    path: str
    kind: str
    size: int = 0
    digest: str = ""
    normal: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of the traced command and its output.

    ``status`` is the exit status as the engine gives it (128 + n for signal n). ``stopped`` is true if
    TraceWhale ended it after its workload, or at the user's wish; ``signal`` is the signal with which the
    user ended the run, or 0. Outputs are the first ``OUTPUT_LIMIT`` bytes. ``absent`` are the last requested
    paths that did not exist, in the order of their first requests. ``failed`` are processes that failed
    before the command ended or was stopped, each kind once; None if the probe cannot see them. ``written``
    are the files that the run made or changed; None if they could not be read, or are too many.
    """

    status: int
    stopped: bool = False
    stdout: bytes = b""
    stderr: bytes = b""
    hostname: str = ""
    addresses: tuple[str, ...] = ()
    signal: int = 0
    absent: tuple[str, ...] = ()
    failed: tuple[FailedProcess, ...] | None = None
    written: tuple[WrittenFile, ...] | None = None

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of the command's errors, or of its output if it printed no errors."""
        text = (self.stderr.strip() or self.stdout.strip()).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


ABSENT_LIMIT = 200
"""The most paths in an outcome's ``absent``."""

OUTPUT_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class Trace:
    """The events of one run, or the union of several.

    ``target`` is the user's name for the target, ``image`` its immutable identity (a digest); ``request`` is
    the request in plain JSON values, so that the run can be repeated; ``mounts`` are the absolute paths in
    the container on which something was mounted; ``moments`` has the time of each event's first request, if
    the probe records it.
    """

    target: str
    image: str
    probe: str
    request: Mapping[str, object]
    events: frozenset[Event]
    execs: frozenset[Exec] = frozenset()
    unresolved: tuple[UnresolvedPath, ...] = ()
    counters: Counters = Counters()
    outcome: Outcome | None = None
    steps: tuple[Step, ...] = ()
    mounts: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)
    moments: Mapping[Event, Moment] = field(default_factory=dict, compare=False)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The requests of all steps, in order, with their answers."""
        return tuple(exchange for step in self.steps for exchange in step.exchanges)


def merge(traces: Iterable[Trace]) -> Trace:
    """Return the union of traces of one image; request, outcome and steps come from the first."""
    first, *rest = traces
    merged = first
    for trace in rest:
        merged = Trace(
            target=merged.target,
            image=merged.image,
            probe=merged.probe,
            request=merged.request,
            events=merged.events | trace.events,
            execs=merged.execs | trace.execs,
            unresolved=tuple(sorted({*merged.unresolved, *trace.unresolved})),
            counters=merged.counters + trace.counters,
            outcome=merged.outcome,
            steps=merged.steps,
            mounts=tuple(sorted({*merged.mounts, *trace.mounts})),
            changes=tuple(sorted({*merged.changes, *trace.changes})),
            seconds=merged.seconds + trace.seconds,
            moments={
                **trace.moments,
                **{
                    event: moment.earlier(trace.moments.get(event))
                    for event, moment in merged.moments.items()
                },
            },
        )
    return merged
