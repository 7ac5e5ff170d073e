"""Facts about another process from /proc (proc(5)); empty if the process is gone."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress

from tracewhale.tracing.strace.processes import RequestedPath, join

_DELETED = " (deleted)"
_BLOCKED = re.compile(rb"^SigBlk:\t([0-9a-f]+)$", re.MULTILINE)
_FLAGS = re.compile(rb"^flags:\t([0-7]+)$", re.MULTILINE)
_TRACER = re.compile(rb"^TracerPid:\t(\d+)$", re.MULTILINE)


def link(pid: int, name: str) -> str:
    """Return the target of the link ``/proc/PID/NAME``, without the mark of a deleted file. Raise OSError."""
    target = os.readlink(f"/proc/{pid}/{name}")
    return target.removesuffix(_DELETED) if target.startswith("/") else target


def program(pid: int) -> str:
    """Return the executable's path in the process's mounts, "" for an ended process or a kernel thread."""
    try:
        return link(pid, "exe")
    except OSError:
        return ""


def _contents(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def is_held(pid: int, token: str) -> bool | None:
    """Return whether ``probe init --hold TOKEN`` waits for its signal in this process, or None if there is no
    such process."""
    words = _contents(pid, "cmdline").split(b"\0")
    if token.encode() not in words:
        return None
    match = _BLOCKED.search(_contents(pid, "status"))
    return bool(match and int(match[1], 16) >> (signal.SIGUSR2 - 1) & 1)


def status(pid: int) -> str:
    """Return a process's /proc/PID/status (proc(5)), or an empty string if it has ended."""
    return _contents(pid, "status").decode(errors="replace")


def is_of_container(pid: int, container: str) -> bool:
    """Return whether a process belongs to the container of this id, by its control groups or its mounts."""
    name = container.encode()
    return name in _contents(pid, "cgroup") or name in _contents(pid, "mountinfo")


def tracer(pid: int) -> int:
    """Return the process that traces this one, 0 if there is none."""
    match = _TRACER.search(_contents(pid, "status"))
    return int(match[1]) if match else 0


def children(pid: int) -> list[int]:
    """Return the present children of a process's first thread."""
    return [int(word) for word in _contents(pid, f"task/{pid}/children").split()]


def threads(pid: int) -> list[int]:
    """Return the present threads of a process."""
    with suppress(OSError):
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    return []


def mapped_files(pid: int) -> list[str]:
    """Return the files that a process maps, sorted."""
    fields = (line.split(b" ", 5) for line in _contents(pid, "maps").splitlines())
    paths = {os.fsdecode(field[5].strip()) for field in fields if len(field) == 6}
    return sorted(_unescape(path).removesuffix(_DELETED) for path in paths if path.startswith("/"))


def _unescape(path: str) -> str:
    """Return a mapped file's name, in which the kernel writes a newline as ``\012``."""
    return path.replace("\\012", "\n")


def open_files(pid: int) -> dict[int, tuple[str, int]]:
    """Return the paths and the flags of open(2) of descriptors, without those that have no path."""
    result = {}
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = link(pid, f"fd/{name}")
                flags = _FLAGS.search(_contents(pid, f"fdinfo/{name}"))
                if target.startswith("/"):
                    result[int(name)] = target, int(flags[1], 8) if flags else 0
    return result


def loader_environment(pid: int) -> tuple[tuple[str, str], ...]:
    """Return the ``LD_*`` variables with which a process was executed."""
    variables = (os.fsdecode(text).partition("=") for text in _contents(pid, "environ").split(b"\0"))
    return tuple((name, value) for name, _, value in variables if name.startswith("LD_"))


def root(pid: int) -> str:
    """Return a process's root directory in its mounts. Raise OSError."""
    return link(pid, "root")


def requested_path(pid: int, path: str, directory: str, base_root: str) -> RequestedPath:
    """Return the meaning of a path in a process; ``directory`` is the link from which a relative path starts.

    Raise OSError: ENOTDIR if that is no path, ENOENT if the descriptor is not open.
    """
    if path.startswith("/"):
        return RequestedPath(path, base_root)
    base = link(pid, directory)
    if not base.startswith("/"):
        raise NotADirectoryError(20, "Not a directory")
    return RequestedPath.of_full_path(join(base, path) if path else base, base_root)
