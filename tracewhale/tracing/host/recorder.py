"""The records that an agent has written, and its counters. Each record is written once, before another refers
to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracewhale.tracing.events import Access, Counters
from tracewhale.tracing.host.encode import encode
from tracewhale.tracing.records import (
    AccessRecord,
    CountersRecord,
    ExecRecord,
    FailureRecord,
    Program,
    Record,
)
from tracewhale.tracing.strace.processes import RequestedPath


@dataclass(frozen=True, slots=True)
class Use:
    """A path that a call names, and its use."""

    access: Access
    follow: bool
    requested_path: RequestedPath


@dataclass(frozen=True, slots=True)
class Nothing:
    """A path of a call that cannot be read (``errno`` not 0), or that names nothing."""

    access: Access
    errno: int = 0
    reason: str = ""


class Recorder:
    """Writes whole records through ``write``."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._programs: dict[str, int] = {}
        self._known: set[tuple[Use, int]] = set()
        self._execs: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        self._counts = [0, 0, 0, 0]  # ignored, repeated, unresolved, recorded
        self.last_counters = Counters()

    def pass_on(self, records: bytes) -> None:
        """Write whole records that another process has encoded."""
        self._write(records)

    def tell(self, record: Record) -> None:
        """Write a record."""
        self._write(encode(record))

    def program(self, path: str) -> int:
        """Return the number of a program, after writing its record on the first use."""
        number = self._programs.get(path)
        if number is None:
            number = self._programs[path] = len(self._programs)
            self.tell(Program(number, path))
        return number

    def call(
        self,
        pid: int,
        program: int,
        uses: Sequence[Use | Nothing],
        find: Callable[[RequestedPath, bool], tuple[bool, str]],
    ) -> None:
        """Count a call, and record the paths in it that are new.

        ``find`` returns whether a path exists (given whether a final link is followed), and its real path if
        that differs.
        """
        outcome = 0
        for use in uses:
            if isinstance(use, Use):
                outcome = max(outcome, self._use(pid, program, use, find))
            elif use.errno:
                self.tell(FailureRecord(use.access, pid, program, use.errno, use.reason))
                outcome = max(outcome, 2)
        self._counts[outcome] += 1

    def _use(
        self, pid: int, program: int, use: Use, find: Callable[[RequestedPath, bool], tuple[bool, str]]
    ) -> int:
        if (use, program) in self._known:
            return 1
        self._known.add((use, program))
        present, real = find(use.requested_path, use.follow)
        received = sum(self._counts) + 1
        requested = use.requested_path
        self.tell(
            AccessRecord(
                use.access, present, use.follow, pid, program, received, requested.path, real, requested.root
            )
        )
        return 3

    def executed(self, pid: int, program: int, path: str, environment: Sequence[tuple[str, str]]) -> None:
        """Record an execution, once with each environment."""
        key = (path, tuple(environment))
        if key not in self._execs:
            self._execs.add(key)
            self.tell(ExecRecord(pid, program, *key))

    @property
    def counters(self) -> Counters:
        """The counters so far."""
        ignored, repeated, unresolved, recorded = self._counts
        return Counters(sum(self._counts), recorded, repeated, unresolved, ignored)

    def count(self, *, always: bool = True) -> None:
        """Record the counters; unless ``always``, only if they have changed."""
        if always or self.counters != self.last_counters:
            self.last_counters = self.counters
            self.tell(CountersRecord(self.last_counters))
