"""The paths in a trapped call's arguments, read from the registers and memory of its process."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tracewhale.tracing.calls import CALLS, ArgumentKind, PathArgument, SystemCall, flag_names, opens
from tracewhale.tracing.events import Access
from tracewhale.tracing.host import kernel, lookup, proc
from tracewhale.tracing.host.recorder import Nothing, Use

ARCHITECTURES = {0xC000003E: 0, 0x40000003: 1, 0xC00000B7: 2, 0x40000028: 3}
"""AUDIT_ARCH_* (linux/audit.h) of x86-64, i386, ARM64 and ARM: the columns of the table."""

PTRACE = (101, 26, 117, 26)
"""The number of ptrace(2), in the same columns."""

TRACEME, ATTACH, SEIZE = 0, 16, 0x4206
OWN_TRACER = (
    "the target uses ptrace itself, which this probe does not leave to it: take --probe seccomp, or fanotify"
)

X32 = 1 << 30
NARROW = frozenset({1, 3})
IN_ROOT = 0x10
AF_UNIX = 1
SOCKETCALL_BIND, SOCKETCALL_CONNECT = 2, 3
PERMISSION_EVENTS = 0x170000
"""FAN_OPEN_PERM, FAN_ACCESS_PERM, FAN_OPEN_EXEC_PERM, and FAN_PRE_ACCESS of Linux 6.14."""

ENVIRONMENT = 16384
"""Pointers of an environment that are read: a limit on the work that a hostile program can cause."""

_BY_NUMBER = {
    (column, call.numbers[column]): call for call in CALLS for column in range(4) if call.numbers[column] >= 0
}


class UnsupportedByProbe(Exception):
    """Raised with a sentence on what a probe cannot do."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call of the thread ``pid`` before it is made. ``root`` is the root directory of its process."""

    pid: int
    call: SystemCall
    arguments: Sequence[int]
    narrow: bool = False
    root: str = "/"

    def uses(self) -> list[Use | Nothing]:
        """Return the uses of paths; nothing for a call whose paths are descriptors."""
        if self.call.kind is ArgumentKind.SOCKETCALL:
            return [self._socketcall()]
        return [self._name(name) for name in self.call.names]

    def environment(self) -> tuple[tuple[str, str], ...]:
        """Return the ``LD_*`` variables of an execve; none if they cannot be read."""
        width, form = (4, "<I") if self.narrow else (8, "<Q")
        result = []
        address = self.arguments[self.call.names[0].path + 2]
        try:
            for index in range(ENVIRONMENT if address else 0):
                (pointer,) = struct.unpack(form, kernel.read(self.pid, address + index * width, width))
                if not pointer:
                    break
                if kernel.read(self.pid, pointer, 3) == b"LD_":
                    name, _, value = os.fsdecode(kernel.string(self.pid, pointer)).partition("=")
                    result.append((name, value))
        except (OSError, struct.error):
            pass
        return tuple(result)

    @property
    def judges_opens(self) -> bool:
        """Return whether the call makes every later open wait for an answer of this process
        (fanotify_mark(2))."""
        return self.call.name == "fanotify_mark" and bool(self.arguments[2] & PERMISSION_EVENTS)

    def open_executed(self, use: Use) -> int:
        """Open (O_PATH) the file that an execve with this use executes. Raise OSError."""
        name = self.call.names[0]
        if name.dirfd >= 0 and not self._path(name):
            return os.open(f"/proc/{self.pid}/{self._directory(name)}", os.O_PATH | os.O_CLOEXEC)
        return lookup.open_path(self.pid, use.requested_path, follow=use.follow)

    def _name(self, name: PathArgument) -> Use | Nothing:
        access = name.access
        try:
            access, follow = self._use(name)
            path = self._path(name)
            if path is None:
                return Nothing(access)
            return Use(access, follow, proc.requested_path(self.pid, path, self._directory(name), self.root))
        except OSError as error:
            return Nothing(access, error.errno or 5, os.strerror(error.errno or 5))

    def _path(self, name: PathArgument) -> str | None:
        """Return the path in memory, "" for the descriptor itself, None if the argument names none."""
        if name.path < 0:
            return ""
        address = self.arguments[name.path]
        if self.call.kind is ArgumentKind.SOCKET:
            return self._address(address, self.arguments[name.flags])
        if not address and name.dirfd >= 0:
            return None
        path = os.fsdecode(kernel.string(self.pid, address))
        if not path:
            return path if self.call.kind is ArgumentKind.EXEC and name.dirfd >= 0 else None
        if self.call.kind is ArgumentKind.OPENAT2 and self._how()[2] & IN_ROOT:
            return path.lstrip("/") or "."
        return path

    def _directory(self, name: PathArgument) -> str:
        if name.dirfd < 0:
            return "cwd"
        number = self.arguments[name.dirfd] & 0xFFFFFFFF
        return "cwd" if number == 0xFFFFFF9C else f"fd/{number}"

    def _how(self) -> tuple[int, int, int]:
        how = kernel.read(self.pid, self.arguments[2], 24)
        if len(how) < 24:
            raise OSError(14, os.strerror(14))
        flags, mode, resolve = struct.unpack("<3Q", how)
        return flags, mode, resolve

    def _use(self, name: PathArgument) -> tuple[Access, bool]:
        if self.call.kind is ArgumentKind.OPEN:
            return opens(flag_names(self.arguments[name.flags]))
        if self.call.kind is ArgumentKind.OPENAT2:
            return opens(flag_names(self._how()[0]))
        toggled = name.flags >= 0 and bool(self.arguments[name.flags] & name.toggle.bit)
        return name.access, name.follow ^ toggled

    def _address(self, address: int, size: int) -> str | None:
        """Return the path in a socket's address (unix(7)), or None if it has none."""
        size &= 0xFFFFFFFF
        if size <= 2:
            return None
        name = kernel.read(self.pid, address, min(size, 110))
        if len(name) <= 2 or struct.unpack("<H", name[:2])[0] != AF_UNIX or name[2] == 0:
            return None
        return os.fsdecode(name[2:].partition(b"\0")[0])

    def _socketcall(self) -> Use | Nothing:
        """Return the uses of socketcall(2) of i386."""
        number = self.arguments[0]
        access = Access.BIND if number == SOCKETCALL_BIND else Access.CONNECT
        if number not in (SOCKETCALL_BIND, SOCKETCALL_CONNECT):
            return Nothing(access)
        try:
            _, address, size = struct.unpack("<3I", kernel.read(self.pid, self.arguments[1], 12))
            path = self._address(address, size)
            if path is None:
                return Nothing(access)
            return Use(
                access, access is Access.CONNECT, proc.requested_path(self.pid, path, "cwd", self.root)
            )
        except (OSError, struct.error) as error:
            number = getattr(error, "errno", None) or 14
            return Nothing(access, number, os.strerror(number))


def request(
    pid: int, architecture: int, number: int, arguments: Sequence[int], root: str
) -> CallRequest | None:
    """Return the request of a trapped call (``architecture`` as AUDIT_ARCH_*), or None if it names no
    path."""
    column = ARCHITECTURES.get(architecture)
    if column is None:
        return None
    narrow = column in NARROW or (column == 0 and number & X32 != 0)
    call = _BY_NUMBER.get((column, number & ~X32 if column == 0 else number))
    return CallRequest(pid, call, arguments, narrow, root) if call else None


def becomes_tracer(architecture: int, number: int, arguments: Sequence[int]) -> bool:
    """Return whether a process begins with this call to trace another one, or to be traced."""
    column = ARCHITECTURES.get(architecture)
    return column is not None and number == PTRACE[column] and arguments[0] in (TRACEME, ATTACH, SEIZE)
