"""Interpret a log's lines one after the other: events, and changes of their process."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from tracewhale.tracing.calls import BY_NAME, ArgumentKind, PathArgument, SystemCall
from tracewhale.tracing.events import Access, Event, Exec
from tracewhale.tracing.strace import lines
from tracewhale.tracing.strace.effects import EFFECTS, Unknown, affect
from tracewhale.tracing.strace.families import clone_flags
from tracewhale.tracing.strace.lines import LogLine, Malformed, Result
from tracewhale.tracing.strace.meaning import loader_environment, use, was_present
from tracewhale.tracing.strace.processes import RequestedPath, Start, TracedThread, join


@dataclass(frozen=True, slots=True)
class Failure:
    """A path that even the kernel could not read: EFAULT, ENAMETOOLONG."""

    access: Access
    program: str
    errno: int = errno.EFAULT

    @property
    def reason(self) -> str:
        """The reason as text."""
        return os.strerror(self.errno)


class Sink(Protocol):
    """Receives the events of a log. Processes have the log's numbers, 0 without one."""

    def call(self, pid: int, outcomes: Sequence[Event | Failure | None]) -> None:
        """Take a call: each of its paths, or None for a path that it does not name."""

    def executed(self, pid: int, program: str, execution: Exec) -> None:
        """Take a program's successful execution."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that has begun: its text so far, the bases of its relative paths, and its process's root."""

    name: str
    text: str
    bases: Sequence[str | Unknown]
    root: str


class LogInterpreter:
    """Takes lines in order. ``starts`` are processes that existed before, ``first`` the first of the others.

    ``unordered`` are processes whose working directory others change at unknown times.
    """

    def __init__(
        self,
        sink: Sink,
        first: Start,
        starts: Mapping[int, Start],
        unordered: Set[int | None] = frozenset(),
    ) -> None:
        self._sink = sink
        self._first: Start | None = first
        self._starts = dict(starts)
        self._unordered = unordered
        self._processes: dict[int | None, TracedThread] = {}
        self._heard: set[int | None] = set()
        self._pending: dict[int | None, Pending] = {}

    def take(self, line: LogLine, child: int | None = None) -> None:
        """Take one line; ``child`` is the process that its call makes. Raise Malformed, Unknown."""
        process = self._process(line.pid)
        self._heard.add(process.pid)
        match line.kind:
            case "end":
                self._abandon(process)
                self._processes.pop(process.pid, None)
                self._heard.discard(process.pid)
            case "start":
                arguments, _ = lines.arguments(line.text)
                self._begin(process, line, arguments, child)
            case "call":
                arguments, end = lines.arguments(line.text)
                self._begin(process, line, arguments, child)
                self._finish(process, line.text, arguments, end)
            case "rest":
                self._resume(process, line)

    def end(self) -> None:
        """End the log. Calls that have not returned count as requests. Raise Malformed, Unknown."""
        for pid in list(self._pending):
            self._abandon(self._processes[pid])

    def _resume(self, process: TracedThread, line: LogLine) -> None:
        begun = self._pending.get(process.pid)
        if begun is None:
            return  # it began before the log did
        if begun.name != line.name and begun.name != "restart_syscall":
            raise Malformed(f"continues {line.name}, but {begun.name} had begun")
        text = begun.text + line.text
        self._finish(process, text, *lines.arguments(text))

    # The process of a line.

    def _process(self, pid: int | None) -> TracedThread:
        if pid in self._processes:
            return self._processes[pid]
        if pid is None and len(self._heard) == 1:  # a new process counts once strace has found it
            return self._processes[next(iter(self._heard))]
        if pid is None and self._processes:
            raise Unknown("does not say which process it is of", "Trace again with -f -o LOG.")
        if None in self._processes:  # it had no number as long as it was the only one
            return self._renumbered(self._processes[None], pid)
        start = self._starts.pop(pid, None) if pid is not None else None
        if start is None:
            start, self._first = self._first or Start(), None
        self._processes[pid] = TracedThread.started(pid, start)
        return self._processes[pid]

    def _renumbered(self, process: TracedThread, pid: int | None) -> TracedThread:
        del self._processes[process.pid]
        self._heard.discard(process.pid)
        if process.pid in self._pending:
            self._pending[pid] = self._pending.pop(process.pid)
        process.pid = pid
        self._processes[pid] = process
        self._heard.add(pid)
        return process

    # The beginning of a call.

    def _begin(
        self, process: TracedThread, line: LogLine, arguments: Sequence[str], child: int | None
    ) -> None:
        call = BY_NAME.get(line.name)
        bases = [self._base(process, name, arguments) for name in call.names] if call else []
        if line.changed is not None:  # a thread's execve goes on as its group's first
            if line.changed in self._processes:
                self._abandon(self._processes[line.changed])
            self._pending.pop(process.pid, None)
            self._renumbered(process, line.changed)
        self._pending[process.pid] = Pending(line.name, line.text, bases, process.place.root)
        if child is not None:
            flags = clone_flags(arguments)
            self._processes[child] = process.child(
                child, shares_place="CLONE_FS" in flags, shares_files="CLONE_FILES" in flags
            )

    def _base(self, process: TracedThread, name: PathArgument, arguments: Sequence[str]) -> str | Unknown:
        """Return the whole base of a path. Raise Unknown only if the path is relative."""
        if 0 <= name.dirfd < len(arguments):
            number, path = lines.descriptor(arguments[name.dirfd])
            if number is not None:
                return path or self._opened(process, number)
            if path:
                process.place.directory = path
                return path
        if process.pid in self._unordered:
            return Unknown(
                "has a path relative to a directory that threads change, and the logs do not show when",
                "Trace again with -ttt, or into one log: strace -f -y -o LOG COMMAND...",
            )
        return process.place.directory or Unknown(
            "has a path relative to a working directory that the log does not show",
            "Give the directory of the command's start with -w DIRECTORY, or trace again with -f -y.",
        )

    def _opened(self, process: TracedThread, number: int) -> str | Unknown:
        file = process.files.get(number)
        if file is None or not file.path:
            what = f"uses descriptor {number}, and the log does not tell what that is"
        elif process.pid in self._unordered and file.pid != process.pid:
            what = f"uses descriptor {number} of another thread, and the logs do not show when it was opened"
        else:
            return file.path
        return Unknown(what, "Trace again with -f -y, which show it.")

    # Its end.

    def _finish(self, process: TracedThread, text: str, arguments: Sequence[str], end: int) -> None:
        begun = self._pending.pop(process.pid)
        if begun.name not in BY_NAME and begun.name not in EFFECTS:
            return
        if end < 0:
            raise Malformed("is cut")
        self._conclude(process, begun, arguments, lines.result(text[end:]))

    def _abandon(self, process: TracedThread) -> None:
        """End the calls that a process had begun when it was killed, or when strace let go of it."""
        begun = self._pending.pop(process.pid, None)
        if begun is not None:
            self._conclude(process, begun, lines.arguments(begun.text)[0], Result(None))

    def _conclude(
        self, process: TracedThread, begun: Pending, arguments: Sequence[str], result: Result
    ) -> None:
        call = BY_NAME.get(begun.name)
        requested: list[RequestedPath | int | None] = []
        if call is not None and call.names:
            requested = [
                _requested_path(call, name, base, begun.root, arguments, result)
                for name, base in zip(call.names, begun.bases, strict=True)
            ]
            self._tell(process, call, arguments, requested, result)
        if result.value is not None and not result.errno:
            affect(process, begun.name, arguments, requested, result)

    def _tell(
        self,
        process: TracedThread,
        call: SystemCall,
        arguments: Sequence[str],
        requested: Sequence[RequestedPath | int | None],
        result: Result,
    ) -> None:
        outcomes: list[Event | Failure | None] = []
        for name, path in zip(call.names, requested, strict=True):
            access, follow = use(call, name, arguments)
            if path is None:
                outcomes.append(None)
            elif isinstance(path, int):
                outcomes.append(Failure(access, process.program, path))
            else:
                present = was_present(access, result, arguments)
                real = "" if result.path == path.full_path else result.path
                outcomes.append(
                    Event(path.path, access.value, process.program, present, follow, real, path.root)
                )
        self._sink.call(process.pid or 0, outcomes)
        if call.kind is ArgumentKind.EXEC and result.value == 0 and isinstance(requested[0], RequestedPath):
            execution = Exec(requested[0].full_path, loader_environment(arguments))
            self._sink.executed(process.pid or 0, process.program, execution)


def _requested_path(
    call: SystemCall,
    name: PathArgument,
    base: str | Unknown,
    root: str,
    arguments: Sequence[str],
    result: Result,
) -> RequestedPath | int | None:
    """Return the path that a call names, None if it names none, or an errno if the kernel could not read it.

    Raise Malformed, or Unknown if the path is relative to an unknown one.
    """
    if name.path < 0:
        return RequestedPath.of_full_path(_known_base(base), root)
    if name.path >= len(arguments):
        raise Malformed(f"has no argument {name.path + 1}")
    argument = arguments[name.path]
    if call.kind is ArgumentKind.SOCKET:
        argument = lines.field(argument, "sun_path") or "NULL"
    elif argument == "NULL" and name.dirfd < 0:
        return errno.EFAULT
    if result.errno == "ENAMETOOLONG" and argument.endswith('"...'):
        return errno.ENAMETOOLONG
    path = lines.string(argument)
    if path is None:
        if not argument.startswith("0x"):
            return None  # the descriptor itself, and the name of a socket that is no file
        if result.errno == "EFAULT" or result.value is None:
            return errno.EFAULT
        raise Malformed("has an address in place of a path (-e raw)")
    if not path:
        return (
            RequestedPath.of_full_path(_known_base(base), root)
            if call.kind is ArgumentKind.EXEC and name.dirfd >= 0
            else None
        )
    if call.kind is ArgumentKind.OPENAT2 and "RESOLVE_IN_ROOT" in "".join(arguments[2:]):
        path = path.lstrip("/") or "."
    if path.startswith("/"):
        return RequestedPath(path, root)
    return RequestedPath.of_full_path(join(_known_base(base), path), root)


def _known_base(base: str | Unknown) -> str:
    if isinstance(base, Unknown):
        raise base
    return base
