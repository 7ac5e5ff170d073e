"""The ends of a command's processes, as a tracer sees them: which belong to the command, and which failed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from tracewhale.tracing.host import proc
from tracewhale.tracing.records import KILLED, ProcessEndRecord

_FAMILY = re.compile(r"^Tgid:\t(\d+)\n(?:.*\n)*?PPid:\t(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FollowedThread:
    """The process of a thread, and whether it belongs to the command or runs beside it."""

    process: int
    is_of_command: bool


class ProcessEnds:
    """Reports each process of the command that ends with a status other than 0 or by a signal.

    The end of the command itself is its outcome; processes that the kernel kills with it have not failed.
    """

    def __init__(self, tell: Callable[[ProcessEndRecord], object]) -> None:
        self._tell = tell
        self._command = 0
        self._members: dict[int, FollowedThread] = {}
        self._origins: dict[int, bool] = {}
        """The origins of threads that their parent reported before they stopped."""
        self._early: set[int] = set()
        """Threads that stopped before their parent reported them."""
        self._exiting: set[int] = set()
        self._is_over = False

    def take(self, process: int, thread: int, *, is_command: bool) -> None:
        """Note a thread that was attached to."""
        self._members[thread] = FollowedThread(process, is_command)
        self._command = process if is_command else self._command

    def started(self, parent: int, child: int) -> None:
        """Note that a thread has made another thread or process, which may have stopped or even ended."""
        if child in self._early:
            self._early.remove(child)
        else:
            member = self._members.get(parent)
            self._origins[child] = member is not None and member.is_of_command

    def appeared(self, thread: int) -> None:
        """Note the first stop of a new thread. Its parent is alive unless it has reported it before, since it
        stops to report."""
        match = _FAMILY.search(proc.status(thread))
        process, parent = map(int, match.groups()) if match else (thread, 0)
        is_of_command = self._origins.pop(thread, None)
        if is_of_command is None:
            self._early.add(thread)
            member = self._members.get(parent if process == thread else process)
            is_of_command = member is not None and member.is_of_command
        self._members[thread] = FollowedThread(process, is_of_command)

    def executed(self, thread: int, former: int) -> None:
        """Note an execution: the thread has its process's number now, and no others are left."""
        if thread == self._command:
            self._exiting.clear()
        member = self._members.pop(former, None)
        if member is not None:
            self._members[thread] = FollowedThread(thread, member.is_of_command)

    def exits(self, thread: int) -> None:
        """Note that a thread is about to end. The last one of process 1 kills all the others then."""
        member = self._members.get(thread)
        if member is not None and member.process == self._command:
            self._exiting.add(thread)
            self._is_over |= self._exiting.issuperset(proc.threads(self._command))

    def ended(self, thread: int, program: int, status: int) -> None:
        """Note an end. ``status`` is that of waitpid(2); the first thread's is its process's."""
        member = self._members.pop(thread, None)
        if member is None or not member.is_of_command or member.process != thread or self._is_over:
            return
        number = KILLED if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if thread == self._command:
            self._is_over = True
        elif number:
            self._tell(ProcessEndRecord(thread, program, number))
