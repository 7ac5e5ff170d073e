"""Whether a path is there for another process, and where it really leads."""

from __future__ import annotations

import errno
import os

from tracewhale.tracing.host import kernel
from tracewhale.tracing.strace.processes import RequestedPath

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ESRCH})


def opened(pid: int, asked: RequestedPath, *, follow: bool) -> int:
    """Open (O_PATH) a path in the root of a process. Raises OSError."""
    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return kernel.open_in(root, asked.path, follow=follow)
    finally:
        os.close(root)


def find(pid: int, asked: RequestedPath, *, follow: bool) -> tuple[bool, str]:
    """Return whether a path exists in the root of a process, and its real path where that is another one."""
    try:
        found = opened(pid, asked, follow=follow)
    except OSError as error:
        return error.errno not in ABSENT, ""
    try:
        real = os.readlink(f"/proc/self/fd/{found}")
    finally:
        os.close(found)
    return True, real if real.startswith("/") and real != asked.whole else ""
