"""Logs on a disk."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracewhale.errors import TraceFileError
from tracewhale.tracing.strace.log import Log

SMALL = 1 << 20
"""Bytes of a file that is read at once; with ``-ff`` there may be more files than may be open."""

LINE_LIMIT = 64 << 20
"""Characters of a line. A longer one is cut; strace writes none."""


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a writer, which a FIFO may lack."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


@dataclass(frozen=True, slots=True)
class FileLines:
    """The lines of a file, read anew for each iteration."""

    path: str

    def __iter__(self) -> Iterator[str]:
        try:
            with open(
                self.path, encoding="utf-8", errors="surrogateescape", newline="\n", opener=_at_once
            ) as file:
                status = os.fstat(file.fileno())
                if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                    raise TraceFileError(
                        f"The log {self.path} is not a regular file, and is read more than once.",
                        "Write it to a file first.",
                    )
                pieces = iter(lambda: file.readline(LINE_LIMIT), "")
                if status.st_size > SMALL:
                    yield from pieces
                    return
                lines = list(pieces)
        except OSError as error:
            raise TraceFileError(
                f"The log {self.path} cannot be read: {error.strerror}.", "Name files that strace wrote."
            ) from error
        yield from lines


def runs_of(names: Sequence[str]) -> list[list[Log]]:
    """Return the logs of these names, grouped by run: all of ``NAME.PID`` belong together, as with ``-ff``.

    A name that is no file stands for these, as in strace's own ``-ff -o NAME``.
    """
    runs: dict[tuple[str, str], list[Log]] = {}
    for path in (path for name in names for path in _paths(name)):
        prefix, _, pid = path.rpartition(".")
        key = (prefix, "") if pid.isdecimal() else ("", path)
        runs.setdefault(key, []).append(Log(path, FileLines(path)))
    return list(runs.values())


def _paths(name: str) -> list[str]:
    result = [] if os.path.exists(name) else glob.glob(f"{glob.escape(name)}.*")
    pids = [path for path in result if path.rpartition(".")[2].isdecimal()]
    return sorted(pids, key=lambda path: int(path.rpartition(".")[2])) or [name]
