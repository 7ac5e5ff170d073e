"""The native probe's event stream (``probes/protocol.h``, part 1): split into records, and decoded."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator

from tracewhale.errors import TraceLost
from tracewhale.tracing.events import (
    Access,
    Counters,
)
from tracewhale.tracing.records import (
    AccessRecord,
    Busy,
    CountersRecord,
    EndRecord,
    ExecRecord,
    FailureRecord,
    Feature,
    Hello,
    Listening,
    ProcessEndRecord,
    Program,
    Record,
    StartRecord,
)

PROTOCOL_VERSION = 1
RECORD_LIMIT = 1 << 20
"""The most bytes of a record; the probe's own buffer has the same size."""


ACCESSES = tuple(Access)
PRESENT, NOFOLLOW = 1, 2


HINT = "Trace it again; if that happens again, please report it with the version of your kernel."
"""The advice if events were lost."""


def loss_error(loss: str) -> TraceLost:
    """Return the error for a stream that the probe cannot have written."""
    return TraceLost(f"The probe's event stream is damaged: {loss}.", HINT)


def _strings(body: bytes, offset: int) -> list[str]:
    """Return the NUL-terminated strings, one or more, from an offset to the end of a record."""
    if len(body) <= offset or body[-1]:
        raise loss_error("a string does not end")
    return os.fsdecode(body[offset:-1]).split("\0")


def _exactly(body: bytes, offset: int, count: int) -> list[str]:
    strings = _strings(body, offset)
    if len(strings) != count:
        raise loss_error(f"{len(strings)} strings instead of {count}")
    return strings


def _hello(body: bytes) -> Hello:
    version, features = struct.unpack("<II", body[1:])
    if version > PROTOCOL_VERSION:
        raise TraceLost(
            f"The probe speaks version {version} of its protocol, this program up to {PROTOCOL_VERSION}.",
            "The probe and the program are of different installations: install TraceWhale again.",
        )
    return Hello(version, Feature(features & 7))


def _program(body: bytes) -> Program:
    return Program(struct.unpack_from("<I", body, 1)[0], *_exactly(body, 5, 1))


_ACCESS_NUMBERS = struct.Struct("<xBBIIQ").unpack_from


def access_fields(body: bytes) -> tuple[Access, bool, bool, int, int, int, str, str, str]:
    """Return the fields of an access record, in the order of ``AccessRecord``. Raise TraceLost if it is
    malformed."""
    try:
        path, real, root, end = body[19:].decode("utf-8", "surrogateescape").split("\0")
        if end:
            raise ValueError
        access, flags, *numbers = _ACCESS_NUMBERS(body)
        return ACCESSES[access], bool(flags & PRESENT), not flags & NOFOLLOW, *numbers, path, real, root
    except (struct.error, LookupError, ValueError):
        raise loss_error(f"a malformed record of type {body[:1]!r}") from None


def _access_record(body: bytes) -> AccessRecord:
    return AccessRecord(*access_fields(body))


def _exec_record(body: bytes) -> ExecRecord:
    pid, program = struct.unpack_from("<II", body, 1)
    path, *variables = _strings(body, 9)
    pairs = (variable.partition("=") for variable in variables)
    return ExecRecord(pid, program, path, tuple((name, value) for name, _, value in pairs))


def _failure_record(body: bytes) -> FailureRecord:
    access, pid, program, errno = struct.unpack_from("<BIII", body, 1)
    return FailureRecord(ACCESSES[access], pid, program, errno, *_exactly(body, 14, 1))


def _busy(body: bytes) -> Busy:
    return Busy(*struct.unpack("<II", body[1:]))


def _start_record(body: bytes) -> StartRecord:
    listener, errno = struct.unpack_from("<II", body, 1)
    return StartRecord(listener, errno, *_exactly(body, 9, 1))


def _end_record(body: bytes) -> EndRecord:
    return EndRecord(*struct.unpack("<I", body[1:]))


def _process_end_record(body: bytes) -> ProcessEndRecord:
    return ProcessEndRecord(*struct.unpack("<III", body[1:]))


def _listening(body: bytes) -> Listening:
    return Listening(*struct.unpack("<H", body[1:]))


def _counters_record(body: bytes) -> CountersRecord:
    return CountersRecord(Counters(*struct.unpack("<5Q", body[1:])))


_DECODERS: dict[int, Callable[[bytes], Record]] = {
    ord("H"): _hello,
    ord("P"): _program,
    ord("A"): _access_record,
    ord("E"): _exec_record,
    ord("U"): _failure_record,
    ord("B"): _busy,
    ord("S"): _start_record,
    ord("G"): _end_record,
    ord("X"): _process_end_record,
    ord("L"): _listening,
    ord("C"): _counters_record,
}


def decode(body: bytes) -> Record:
    """Return one record, given without its size. Raise TraceLost if it is malformed."""
    try:
        return _DECODERS[body[0]](body)
    except (struct.error, LookupError, ValueError, TypeError):
        raise loss_error(f"a malformed record of type {body[:1]!r}") from None


_SIZE = struct.Struct("<I").unpack_from


class Decoder:
    """Splits the chunks of a byte stream into records, however they are cut."""

    def __init__(self) -> None:
        self._rest = b""

    def bodies(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the records that this chunk completes, in order, without their sizes; ``decode`` reads one.
        Raise TraceLost."""
        data, offset = self.complete_records(chunk), 0
        while offset < len(data):
            begin = offset + 4
            offset = begin + _SIZE(data, offset)[0]
            yield data[begin:offset]

    def complete_records(self, chunk: bytes) -> bytes:
        """Return the records that this chunk completes, as they are in the stream. Raise TraceLost."""
        data, offset = self._rest + chunk, 0
        last = len(data) - 4
        while offset <= last:
            size = _SIZE(data, offset)[0]
            if not 0 < size <= RECORD_LIMIT:
                raise loss_error(f"a record of {size} bytes")
            if offset + size > last:
                break
            offset += 4 + size
        self._rest = data[offset:]
        return data[:offset]

    def finish(self) -> None:
        """Note the end of the stream. Raise TraceLost if it ends within a record."""
        if self._rest:
            raise loss_error("it ends within a record")
