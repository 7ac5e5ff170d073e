"""The interpreters of programs, which the kernel opens and which no system call names."""

from __future__ import annotations

import os
import platform
import re
import stat
import struct
from collections.abc import Iterator

from tracewhale.tracing.events import Access
from tracewhale.tracing.host import lookup, proc
from tracewhale.tracing.host.recorder import Use

HEAD = 256
"""Bytes of a file that the kernel reads (BINPRM_BUF_SIZE)."""

DEPTH = 6
"""The most files that it reads, each but the first the interpreter of the one before (exec_binprm)."""

TABLE = 65536
"""Bytes of program headers that it accepts (fs/binfmt_elf.c)."""

PATH_MAX = 4096
PT_INTERP = 3
ET_EXEC, ET_DYN = 2, 3
MACHINES = {"x86_64": (62, 3), "aarch64": (183, 40)}
"""The values of ``e_machine`` that each machine executes natively."""

_LINE = re.compile(rb"#![ \t]*([^ \t\n\0]+)[ \t\n\0]")
"""The first line of a script, as fs/binfmt_script.c reads it: a name without an end may be cut."""

_HEADERS = {
    b"\x7fELF\1": (struct.Struct("<16xHH4x4xI4x4x2xHH"), struct.Struct("<II8xI12x")),
    b"\x7fELF\2": (struct.Struct("<16xHH4x8xQ8x4x2xHH"), struct.Struct("<I4xQ16xQ16x")),
}
"""By class: the file's type, machine, table offset, entry size and count; a segment's type, offset and size
(elf(5))."""


def interpreters(pid: int, file: int, root: str) -> Iterator[Use]:
    """Yield the paths that the kernel also opens when a process with this root executes a file.

    ``file`` is open with O_PATH and is closed. A FIFO or device is not opened, and no lease is waited for.
    """
    for _ in range(DEPTH):
        try:
            name, script = _interpreter(file)
            use = Use(Access.EXEC, True, proc.requested_path(pid, name, "cwd", root)) if name else None
        except (OSError, struct.error):
            return
        finally:
            os.close(file)
        if use is None:
            return
        yield use
        if not script:
            return
        try:
            file = lookup.open_path(pid, use.requested_path, follow=True)
        except OSError:
            return
    os.close(file)


def _interpreter(file: int) -> tuple[str, bool]:
    """Return the interpreter of a file ("" without one), and whether the file is a script. Raise OSError."""
    status = os.fstat(file)
    if not (stat.S_ISREG(status.st_mode) and status.st_mode & 0o111 and status.st_size):
        return "", False
    fd = os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        head = os.pread(fd, HEAD, 0)
        match = _LINE.match(head if len(head) == HEAD else head + b"\0")
        return (os.fsdecode(match[1]), True) if match else (_of_elf(fd, head), False)
    finally:
        os.close(fd)


def _of_elf(fd: int, head: bytes) -> str:
    """Return the first PT_INTERP. Raise OSError, or struct.error for invalid headers."""
    if head[:5] not in _HEADERS:
        return ""
    header, segment = _HEADERS[head[:5]]
    kind, machine, offset, size_of_header, count = header.unpack_from(head)
    table = size_of_header * count
    executed = kind in (ET_EXEC, ET_DYN) and machine in MACHINES.get(platform.machine(), ())
    if not executed or size_of_header != segment.size or table > TABLE or offset >= 1 << 63:
        return ""
    for number, start, size in segment.iter_unpack(os.pread(fd, table, offset)):
        if number == PT_INTERP:
            name = os.pread(fd, size, start) if 2 <= size <= PATH_MAX and start < 1 << 63 else b""
            is_complete = len(name) == size and name.endswith(b"\0")
            return os.fsdecode(name.partition(b"\0")[0]) if is_complete else ""
    return ""
