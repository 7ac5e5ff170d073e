"""A tree read through ``probe serve`` (``probes/protocol.h``, part 2), over any pair of byte streams."""

from __future__ import annotations

import errno
import os
import struct
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from tracewhale.errors import ProbeError, TargetNotFound
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, join

WINDOW = 16 << 10
"""The most bytes of unanswered requests. The smallest pipe on the way holds more, so a request can always be
written, even while the probe waits for us to read its answers."""

CHUNK = 256 << 10
_ALL = 2**64 - 1
_ENTRY = struct.Struct("<BIIIQqIQQQII")
_HEADER = struct.Struct("<IQ")
_KINDS = {
    1: Kind.FIFO,
    2: Kind.CHARACTER,
    4: Kind.DIRECTORY,
    6: Kind.BLOCK,
    8: Kind.FILE,
    10: Kind.SYMLINK,
    12: Kind.SOCKET,
}
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENAMETOOLONG}


class Reader(Protocol):
    """Returns available bytes: at most ``size``, none at the end of the stream."""

    def read(self, size: int, /) -> bytes | None: ...


class Writer(Protocol):
    """Accepts bytes; ``write`` may take only some of them and returns how many (None: all)."""

    def write(self, data: bytes, /) -> int | None: ...

    def flush(self) -> None: ...


class _Input:
    """Reads from a reader, by number of bytes and up to a NUL."""

    def __init__(self, reader: Reader) -> None:
        self._read = getattr(reader, "read1", reader.read)  # a BufferedReader's read waits for all
        self._buffer = b""
        self.position = 0

    def _more(self) -> bytes:
        try:
            data: bytes | None = self._read(CHUNK)
        except (OSError, ValueError):  # ValueError: it was closed here
            data = None
        if not data:
            raise ProbeError(
                "The probe that reads the image's files has ended early.",
                "Its container was killed or the engine closed the connection; run it again.",
            )
        return data

    def up_to(self, limit: int) -> bytes:
        """Return at least one byte and at most ``limit``."""
        data = self._buffer or self._more()
        data, self._buffer = data[:limit], data[limit:]
        self.position += len(data)
        return data

    def exactly(self, size: int) -> bytes:
        parts = []
        while size:
            parts.append(self.up_to(size))
            size -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def string(self, limit: int) -> str:
        """Return a NUL-terminated string that, with its NUL, has at most ``limit`` bytes."""
        parts = []
        while True:
            chunk = self._buffer or self._more()
            end = chunk.find(b"\0") + 1
            part, self._buffer = (chunk[:end], chunk[end:]) if end else (chunk, b"")
            parts.append(part)
            self.position += len(part)
            limit -= len(part)
            if limit < 0:
                raise _malformation()
            if end:
                return os.fsdecode(b"".join(parts)[:-1])


def _malformation() -> ProbeError:
    return ProbeError("The probe that reads files gave a malformed answer.", "Please report this.")


def _request(op: bytes, payload: bytes) -> bytes:
    return op + len(payload).to_bytes(4, "little") + payload


def _entry(fields: tuple[int, ...], path: str, target: str) -> Entry:
    kind, mode, uid, gid, size, seconds, nanoseconds, device, inode, nlink, major, minor = fields
    if kind not in _KINDS:
        raise _malformation()
    mtime = seconds * 1_000_000_000 + nanoseconds
    return Entry(
        path, _KINDS[kind], mode, uid, gid, size, mtime, device, inode, nlink, target, (major, minor)
    )


def _listing(directory: str, answer: bytes) -> dict[str, Entry]:
    entries, offset = {}, 0
    try:
        while offset < len(answer):
            fields = _ENTRY.unpack_from(answer, offset)
            offset += _ENTRY.size
            end = answer.index(b"\0", offset)
            name = os.fsdecode(answer[offset:end])
            offset = answer.index(b"\0", end + 1) + 1
            entries[name] = _entry(fields, join(directory, name), os.fsdecode(answer[end + 1 : offset - 1]))
    except (struct.error, ValueError):
        raise _malformation() from None
    return entries


class ServedTree:
    """A tree (``tracewhale.rootfs.tree.Tree``) whose files the probe reads.

    Requests are sent before earlier ones are answered, at most WINDOW bytes of them. A ``pack`` that is not
    consumed to its end must be closed before another request: there is one connection.
    """

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._input = _Input(reader)
        self._writer = writer
        self._busy = False

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """See ``Tree.scan``. Raise ProbeError if a directory cannot be read."""
        wanted = list(dict.fromkeys(directories))
        result: dict[str, dict[str, Entry] | None] = {}
        requests = (_request(b"S", os.fsencode(path)) for path in wanted)
        with self._answers(requests) as answers:
            for path, (code, size) in zip(wanted, answers, strict=True):
                if code and code not in _ABSENT:
                    raise ProbeError(f"The directory {path} cannot be read: {os.strerror(code)}.")
                result[path] = None if code else _listing(path, self._input.exactly(size))
        return result

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """See ``Tree.read``."""
        requests = (
            _request(b"R", struct.pack("<QQ", offset, _ALL if size < 0 else size) + os.fsencode(path))
            for path, offset, size in ranges
        )
        with self._answers(requests) as answers:
            return [None if code else self._input.exactly(size) for code, size in answers]

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """See ``Tree.pack``. Raise TargetNotFound if a path is absent, ProbeError if it is unreadable."""
        requests = (_request(b"P", os.fsencode(path)) for path in paths)
        with self._answers(requests) as answers:
            for path, (code, size) in zip(paths, answers, strict=True):
                if code in _ABSENT:
                    raise TargetNotFound(f"The target has no {path}.", "Has it changed since it was traced?")
                if code:
                    raise ProbeError(f"{path} cannot be read: {os.strerror(code)}.")
                yield from self._packed(path, size)

    def _packed(self, path: str, size: int) -> Iterator[PackedEntry]:
        end = self._input.position + size
        fields = _ENTRY.unpack(self._input.exactly(_ENTRY.size))
        entry = _entry(fields, self._input.string(size), self._input.string(size))
        xattrs = {}
        for _ in range(int.from_bytes(self._input.exactly(4), "little")):
            name = self._input.string(size)
            xattrs[name] = self._input.exactly(int.from_bytes(self._input.exactly(4), "little"))
        remaining = end - self._input.position
        if entry.path != path or remaining != (entry.size if entry.kind is Kind.FILE else 0):
            raise _malformation()
        chunks = self._chunks(end)
        yield PackedEntry(entry, xattrs, chunks)
        for _ in chunks:
            pass

    def _chunks(self, end: int) -> Iterator[bytes]:
        while self._input.position < end:
            yield self._input.up_to(min(CHUNK, end - self._input.position))

    def _send(self, data: bytes) -> None:
        try:
            while data:
                written = self._writer.write(data)
                data = b"" if written is None else data[written:]
            self._writer.flush()
        except (OSError, ValueError) as error:
            raise ProbeError(f"The probe that reads the image's files is gone: {error}.") from error

    @contextmanager
    def _answers(self, requests: Generator[bytes]) -> Generator[Iterator[tuple[int, int]]]:
        """Yield each request's errno and the size of its answer; unread bytes of an answer are skipped."""
        if self._busy:
            raise RuntimeError("a pack() of this tree is still open")
        self._busy = True
        answers = self._exchange(requests)
        try:
            yield answers
        except (Exception, GeneratorExit):
            requests.close()
            with suppress(ProbeError):  # the next request reports a lost connection
                for _ in answers:
                    pass
            self._busy = False
            raise
        self._busy = False

    def _exchange(self, requests: Generator[bytes]) -> Iterator[tuple[int, int]]:
        unanswered: deque[int] = deque()
        following = next(requests, None)
        while unanswered or following is not None:
            batch = []
            while following is not None and (not unanswered or sum(unanswered) + len(following) <= WINDOW):
                batch.append(following)
                unanswered.append(len(following))
                following = next(requests, None)
            if batch:
                self._send(b"".join(batch))
            code, size = _HEADER.unpack(self._input.exactly(_HEADER.size))
            end = self._input.position + size
            yield code, size
            while self._input.position < end:
                self._input.up_to(end - self._input.position)
            unanswered.popleft()
