"""Two system calls that Python lacks: openat2(2) and process_vm_readv(2)."""

from __future__ import annotations

import ctypes
import os
from typing import ClassVar

PAGE = 4096
PATH_MAX = 4096
OPENAT2 = 437
"""The same number on every architecture."""

NO_MAGICLINKS, IN_ROOT = 0x02, 0x10

_libc = ctypes.CDLL(None, use_errno=True)


class _Vector(ctypes.Structure):
    _fields_: ClassVar = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class _How(ctypes.Structure):
    _fields_: ClassVar = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


_libc.process_vm_readv.restype = ctypes.c_ssize_t
_libc.process_vm_readv.argtypes = [
    ctypes.c_int,
    ctypes.POINTER(_Vector),
    ctypes.c_ulong,
    ctypes.POINTER(_Vector),
    ctypes.c_ulong,
    ctypes.c_ulong,
]
_buffer = ctypes.create_string_buffer(PATH_MAX)
_local = _Vector(ctypes.addressof(_buffer), PATH_MAX)


def read(pid: int, address: int, size: int) -> bytes:
    """Return at most ``size`` (up to PATH_MAX) bytes of a process's memory, up to the end of the mapping.

    Raise OSError (EFAULT if nothing is mapped).
    """
    here = min(size, PAGE - address % PAGE)
    remote = (_Vector * 2)(_Vector(address, here), _Vector(address + here, size - here))
    _local.size = size
    got = _libc.process_vm_readv(pid, _local, 1, remote, 2 if here < size else 1, 0)
    if got <= 0:
        number = ctypes.get_errno() if got < 0 else 14
        raise OSError(number, os.strerror(number))
    return _buffer.raw[:got]


def string(pid: int, address: int, first: int = 256) -> bytes:
    """Return a string of a process's memory. Raise OSError (ENAMETOOLONG for more than PATH_MAX bytes)."""
    text = b""
    size = min(first, PAGE - address % PAGE)
    while len(text) < PATH_MAX:
        piece = read(pid, address + len(text), size)
        end = piece.find(b"\0")
        if end >= 0:
            return text + piece[:end]
        text += piece
        size = PATH_MAX - len(text)
    raise OSError(36, os.strerror(36))


def open_in(root: int, path: str, *, follow: bool) -> int:
    """Open a path (O_PATH) with a directory as its root, without following magic links. Raise OSError."""
    how = _How(os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW), 0, NO_MAGICLINKS | IN_ROOT)
    while True:
        fd = _libc.syscall(OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return int(fd)
        number = ctypes.get_errno()
        if number not in (4, 11):  # EINTR; EAGAIN: a rename on the way of ".."
            raise OSError(number, os.strerror(number))
