"""A first reading of logs: the line that makes each process, and the processes that share state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tracewhale.tracing.strace import lines
from tracewhale.tracing.strace.lines import LogLine

CLONES = frozenset({"fork", "vfork", "clone", "clone3"})
MOVES = frozenset({"chdir", "fchdir", "chroot", "unshare"})

Place = tuple[int, int]
"""A log and a line in it, by their numbers."""


@dataclass(slots=True)
class Families:
    """``births`` has the process that the call of a line makes. ``parents`` has the process with which each
    shares its directory."""

    births: dict[Place, int] = field(default_factory=dict)
    parents: dict[int | None, int | None] = field(default_factory=dict)
    sharing: set[int | None] = field(default_factory=set)
    movers: set[int | None] = field(default_factory=set)
    _started: dict[int | None, tuple[Place, LogLine]] = field(default_factory=dict)

    def take(self, place: Place, line: LogLine) -> None:
        """Take one line. A child's first lines may come before its parent's call has returned.

        Raise Malformed.
        """
        if line.kind == "start" and line.name in CLONES:
            self._started[line.pid] = (place, line)
        elif line.kind == "call" and line.name in CLONES:
            self._birth(place, line.pid, line.text)
        elif line.kind == "rest" and line.name in CLONES:
            begun = self._started.pop(line.pid, None) or self._started.pop(None, None)
            if begun is not None:
                self._birth(begun[0], line.pid, begun[1].text + line.text)
        elif line.name in MOVES and line.pid in self.sharing:
            self.movers.add(line.pid)

    def _birth(self, place: Place, parent: int | None, text: str) -> None:
        arguments, end = lines.arguments(text)
        child = lines.result(text[end:]).value if end >= 0 else None
        flags = clone_flags(arguments)
        if child is None or child <= 0:
            return
        self.births[place] = child
        if "CLONE_FS" in flags:
            self.sharing |= {parent, child}
            if self._first(parent) != child:  # numbers are used again
                self.parents[child] = parent

    def _first(self, pid: int | None) -> int | None:
        """Return the first of the processes that share a directory."""
        while pid in self.parents:
            pid = self.parents[pid]
        return pid

    def unordered(self) -> frozenset[int | None]:
        """Return the processes that share their directory with others, one of which changes it."""
        moved = {self._first(pid) for pid in self.movers}
        return frozenset(pid for pid in self.sharing if self._first(pid) in moved)


def clone_flags(arguments: Sequence[str]) -> frozenset[str]:
    """Return the flags of clone(2) and clone3(2), or none for fork(2)."""
    for argument in arguments:
        if argument.startswith("flags="):
            return lines.flags(argument.removeprefix("flags="))
        if argument.startswith("{"):
            return lines.flags(lines.field(argument, "flags"))
    return frozenset()
