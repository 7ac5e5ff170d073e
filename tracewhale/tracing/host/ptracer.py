"""The ``ptrace`` probe, which uses python-ptrace. That is under the GPL and imported nowhere else."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from ptrace import PtraceError
from ptrace.binding import func

from tracewhale.tracing.calls import ArgumentKind
from tracewhale.tracing.host import files_in_use, lookup, proc
from tracewhale.tracing.host.control import Control, Take
from tracewhale.tracing.host.interpreters import interpreters
from tracewhale.tracing.host.process_ends import ProcessEnds
from tracewhale.tracing.host.recorder import Nothing, Recorder, Use
from tracewhale.tracing.host.request import (
    OWN_TRACER,
    CallRequest,
    UnsupportedByProbe,
    becomes_tracer,
    request,
)
from tracewhale.tracing.records import StartRecord

# ptrace(2); python-ptrace is older than these.
SEIZE, INTERRUPT, LISTEN, GET_SYSCALL_INFO = 0x4206, 0x4207, 0x4208, 0x420E
CONT, SYSCALL, DETACH = func.PTRACE_CONT, func.PTRACE_SYSCALL, func.PTRACE_DETACH
O_TRACESECCOMP = 0x80
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_EXIT, EVENT_SECCOMP, EVENT_STOP = (
    1,
    2,
    3,
    4,
    6,
    7,
    128,
)
OPTIONS = (
    func.PTRACE_O_TRACESYSGOOD
    | func.PTRACE_O_TRACEFORK
    | func.PTRACE_O_TRACEVFORK
    | func.PTRACE_O_TRACECLONE
    | func.PTRACE_O_TRACEEXEC
)
WALL = 0x40000000
SYSCALL_STOP = signal.SIGTRAP | 0x80
GROUP_STOPS = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
ENTRY, SECCOMP = 1, 3


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info at an entry (ptrace(2))."""

    _fields_: ClassVar = [
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("ret_data", ctypes.c_uint32),
    ]


class Tracer:
    """Follows processes and all their children until they end or are released."""

    def __init__(self, recorder: Recorder, control: Control) -> None:
        self._recorder, self._control = recorder, control
        self._programs: dict[int, int] = {}
        """The program of each followed thread."""
        self._held: dict[int, Take] = {}
        self._ends = ProcessEnds(recorder.tell)
        self._resume = CONT
        self._roots_differ = False
        self._opens_are_judged = False
        """Whether some process permits the opens of others (fanotify), and may itself wait for us."""
        self._info = _Info()
        self._letting_go = False

    def run(self) -> None:
        """Run until no process is left to follow and none can come. Raise UnsupportedByProbe."""
        while not (self._control.ended and not self._programs):
            while (stopped := _wait_for_child()) is not None:
                self._handle(*stopped)
            for take in self._control.orders():
                self._take(take)
            if self._control.ended and not self._letting_go:
                self._let_go()
            if self._programs or not self._control.ended:
                self._control.wait()
        self._recorder.count()

    # Beginning and end.

    def _take(self, take: Take) -> None:
        options = OPTIONS
        if take.token:
            options |= O_TRACESECCOMP | func.PTRACE_O_TRACEEXIT
            self._held[take.pid] = take
        else:
            self._resume = SYSCALL
        is_found = False
        while new := [tid for tid in proc.threads(take.pid) if tid not in self._programs]:
            before = len(self._programs)
            for tid in new:
                if _ptrace(SEIZE, tid, 0, options):
                    self._programs[tid] = self._recorder.program(proc.program(tid))
                    self._ends.take(take.pid, tid, is_command=bool(take.token) and take.listener == 0)
                    _ptrace(INTERRUPT, tid)
            is_found |= len(self._programs) > before
            if take.token or len(self._programs) == before:
                break
        if not take.token and is_found:
            self._roots_differ |= files_in_use.tell(self._recorder, take.pid)
            self._recorder.tell(StartRecord(take.listener, 0, ""))

    def _let_go(self) -> None:
        """Release the threads. Each must be stopped for a moment, because only a stopped thread can be
        released."""
        self._letting_go = True
        for tid in list(self._programs):
            if not _ptrace(INTERRUPT, tid) and not os.path.exists(f"/proc/{tid}"):
                del self._programs[tid]

    # Stops.

    def _handle(self, tid: int, status: int) -> None:
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            self._ends.ended(tid, self._programs.pop(tid, 0), status)
            self._held.pop(tid, None)
            return
        if tid not in self._programs:  # a child, maybe before its parent's call has returned
            self._programs[tid] = self._recorder.program(proc.program(tid))
            self._ends.appeared(tid)
        number, event = os.WSTOPSIG(status), status >> 16
        delivered = 0
        if number == SYSCALL_STOP or event == EVENT_SECCOMP:
            self._enter(tid)
        elif event == EVENT_EXEC:
            self._executed(tid)
        elif event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE):
            self._ends.started(tid, _message(tid))
        elif event == EVENT_EXIT:
            self._ends.exits(tid)
        elif event == EVENT_STOP and number in GROUP_STOPS and not self._letting_go:
            _ptrace(LISTEN, tid)
            return
        elif event == 0:
            delivered = number
        if self._letting_go:
            del self._programs[tid]
            _ptrace(DETACH, tid, 0, delivered)
            return
        _ptrace(self._resume, tid, 0, delivered)
        if event == EVENT_STOP and tid in self._held and not delivered:
            with suppress(ProcessLookupError):
                os.kill(tid, signal.SIGUSR1)

    def _executed(self, tid: int) -> None:
        former = _message(tid)
        if former != tid:  # a thread that is not its group's first takes the first one's number
            self._programs.pop(former, None)
        self._ends.executed(tid, former)
        self._programs[tid] = self._recorder.program(proc.program(tid))
        take = self._held.pop(tid, None)
        if take is not None:
            self._recorder.tell(StartRecord(take.listener, 0, ""))

    def _enter(self, tid: int) -> None:
        info = self._info
        if not _ptrace(GET_SYSCALL_INFO, tid, ctypes.sizeof(info), ctypes.addressof(info)):
            return
        if info.op not in (ENTRY, SECCOMP):
            return
        if becomes_tracer(info.arch, info.number, info.arguments):
            raise UnsupportedByProbe(OWN_TRACER)
        root = "/"
        if self._roots_differ:
            with suppress(OSError):
                root = proc.root(tid)
        call_request = request(tid, info.arch, info.number, info.arguments[:], root)
        if call_request is None or (tid in self._held and call_request.call.kind is not ArgumentKind.EXEC):
            return
        self._request(tid, call_request)

    def _request(self, tid: int, call_request: CallRequest) -> None:
        call, program = call_request.call, self._programs[tid]
        if call.kind is ArgumentKind.LISTEN:
            self._control.saw_listen()
        uses = call_request.uses()
        executed = uses[0] if call.kind is ArgumentKind.EXEC else None
        self._opens_are_judged |= call_request.judges_opens
        if isinstance(executed, Use) and not self._opens_are_judged:
            with suppress(OSError):
                uses += interpreters(tid, call_request.open_executed(executed), call_request.root)
        self._call(tid, program, uses)
        self._roots_differ |= call.roots
        if isinstance(executed, Use):
            present, _ = lookup.find(tid, executed.requested_path, follow=executed.follow)
            if present:
                self._recorder.executed(
                    tid, program, executed.requested_path.full_path, call_request.environment()
                )

    def _call(self, tid: int, program: int, uses: Sequence[Use | Nothing]) -> None:
        self._recorder.call(
            tid, program, uses, lambda requested_path, follow: lookup.find(tid, requested_path, follow=follow)
        )


def _wait_for_child() -> tuple[int, int] | None:
    """Return a child that has stopped or ended, and its status."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG | WALL)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _message(tid: int) -> int:
    """Return the number that belongs to an event: a new thread's, or an executing thread's former one."""
    message = ctypes.c_ulong()
    _ptrace(func.PTRACE_GETEVENTMSG, tid, 0, ctypes.addressof(message))
    return message.value


def _ptrace(order: int, tid: int, address: int = 0, data: int = 0) -> bool:
    """Return whether the request succeeded; it fails if the thread was killed in this moment."""
    try:
        func.ptrace(order, tid, address, data)
    except PtraceError:
        return False
    return True
