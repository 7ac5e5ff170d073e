"""Look up a path for another process, and find its real path."""

from __future__ import annotations

import errno
import os

from tracewhale.tracing.host import kernel
from tracewhale.tracing.strace.processes import RequestedPath

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ESRCH})


def open_path(pid: int, requested_path: RequestedPath, *, follow: bool) -> int:
    """Open (O_PATH) a path in the root of a process. Raise OSError."""
    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return kernel.open_in(root, requested_path.path, follow=follow)
    finally:
        os.close(root)


def find(pid: int, requested_path: RequestedPath, *, follow: bool) -> tuple[bool, str]:
    """Return whether a path exists in the root of a process, and its real path if that differs."""
    try:
        descriptor = open_path(pid, requested_path, follow=follow)
    except OSError as error:
        return error.errno not in ABSENT, ""
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return True, real if real.startswith("/") and real != requested_path.full_path else ""
