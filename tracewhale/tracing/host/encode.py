"""Encode records as the bytes of an event stream: the inverse of ``tracing.stream``."""

from __future__ import annotations

import os
import struct

from tracewhale.tracing.events import Access
from tracewhale.tracing.records import (
    AccessRecord,
    Busy,
    CountersRecord,
    EndRecord,
    ExecRecord,
    FailureRecord,
    Hello,
    Listening,
    ProcessEndRecord,
    Program,
    Record,
    StartRecord,
)

_NUMBERS = {access: number for number, access in enumerate(Access)}
_PRESENT, _NOFOLLOW = 1, 2


def encode(record: Record) -> bytes:
    """Return one record, preceded by its size."""
    body = _body(record)
    return struct.pack("<I", len(body)) + body


def _strings(*texts: str) -> bytes:
    return b"".join(os.fsencode(text) + b"\0" for text in texts)


def _body(record: Record) -> bytes:
    match record:
        case AccessRecord(access, present, follow, pid, program, received, path, real, root):
            flags = (_PRESENT if present else 0) | (0 if follow else _NOFOLLOW)
            head = struct.pack("<BBIIQ", _NUMBERS[access], flags, pid, program, received)
            return b"A" + head + _strings(path, real, "" if root == "/" else root)
        case ExecRecord(pid, program, path, environment):
            variables = [f"{name}={value}" for name, value in environment]
            return b"E" + struct.pack("<II", pid, program) + _strings(path, *variables)
        case FailureRecord(access, pid, program, errno, reason):
            return b"U" + struct.pack("<BIII", _NUMBERS[access], pid, program, errno) + _strings(reason)
        case Busy(pid, program):
            return b"B" + struct.pack("<II", pid, program)
        case Program(number, path):
            return b"P" + struct.pack("<I", number) + _strings(path)
        case StartRecord(listener, errno, stage):
            return b"S" + struct.pack("<II", listener, errno) + _strings(stage)
        case EndRecord(listener):
            return b"G" + struct.pack("<I", listener)
        case ProcessEndRecord(pid, program, status):
            return b"X" + struct.pack("<III", pid, program, status)
        case Listening(port):
            return b"L" + struct.pack("<H", port)
        case CountersRecord(counters):
            numbers = (counters.received, counters.recorded, counters.repeated)
            return b"C" + struct.pack("<5Q", *numbers, counters.unresolved, counters.ignored)
        case Hello(version, features):
            return b"H" + struct.pack("<II", version, features)
