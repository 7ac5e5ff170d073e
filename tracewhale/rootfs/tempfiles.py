"""Files that exist only while they are open, so that none is left behind."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tracewhale.errors import NoSpace

CHUNK = 1 << 20


@contextmanager
def full_disk(where: str) -> Iterator[None]:
    """Turn a full disk or quota into NoSpace, which names the place."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoSpace(
            f"No space is left in {where}.", "Free some, or name another place in TMPDIR."
        ) from error


def check_space(size: int) -> None:
    """Raise NoSpace if TMPDIR lacks the room for so many bytes, before much time is spent on writing them."""
    where = tempfile.gettempdir()
    free = shutil.disk_usage(where).free
    if size > free:
        raise NoSpace(
            f"{size / 1e9:.1f} GB are to be written, and {where} has {free / 1e9:.1f} GB free.",
            "Free some, name another place in TMPDIR, or --exclude large files.",
        )


@contextmanager
def spool(directory: str | None = None) -> Iterator[BinaryIO]:
    """Yield a file without a name, readable and writable, in ``directory`` or TMPDIR. Raise NoSpace."""
    where = directory or tempfile.gettempdir()
    with full_disk(where), tempfile.TemporaryFile(dir=where, buffering=0) as file:
        yield file


def contents(file: BinaryIO, offset: int, size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes of an open file from ``offset`` on, in chunks, whatever its own position."""
    while size > 0 and (chunk := os.pread(file.fileno(), min(CHUNK, size), offset)):
        offset += len(chunk)
        size -= len(chunk)
        yield chunk
