"""A process's standard streams over the engine's hijacked connection (Engine API, "Stream format")."""

from __future__ import annotations

import io
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, cast

import requests
from docker import APIClient

from tracewhale.engines.docker.engine import api_errors, post
from tracewhale.running.session import CHUNK, STDOUT

_HEADER = struct.Struct(">BxxxL")
PIECE = 1 << 18
"""The most bytes taken from the connection at once."""


def demultiplex(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the bytes of both streams as they come, from frames that may be split anywhere.

    The first byte of a frame's header names the stream, the last four are the size.
    """
    header, stream, remaining = b"", STDOUT, 0
    for piece in pieces:
        offset = 0
        while offset < len(piece):
            if remaining == 0:
                start = offset
                offset += _HEADER.size - len(header)
                header += piece[start:offset]
                if len(header) == _HEADER.size:
                    stream, remaining = _HEADER.unpack(header)
                    header = b""
            else:
                data = piece[offset : offset + remaining]
                offset += len(data)
                remaining -= len(data)
                yield stream, data


class AttachedStream:
    """Both directions of one connection. ``terminal`` says that output is not multiplexed.

    Different threads may read and write; ``close`` wakes a blocked reader.
    """

    def __init__(self, response: requests.Response, *, terminal: bool = False) -> None:
        self._response = response  # its connection closes when it is collected
        # The buffered reader, not the socket below it, has the bytes that came with the HTTP headers.
        self._reader: Any = cast(Any, response.raw)._fp.fp
        raw: Any = getattr(self._reader, "raw", None)
        connection: Any = getattr(self._reader, "channel", None) or getattr(raw, "_sock", raw)
        self._socket = connection
        with suppress(AttributeError):  # an ssh client's pipe has none
            self._socket.settimeout(None)
        self._terminal = terminal

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield output as it comes, as pairs of STDOUT or STDERR and bytes, until its end."""
        pieces = iter(self._read, b"")
        yield from ((STDOUT, piece) for piece in pieces) if self._terminal else demultiplex(pieces)

    def _read(self) -> bytes:
        try:
            return cast(bytes, self._reader.read1(PIECE))
        except (OSError, ValueError):  # closed by another thread, or by the engine's end
            return b""

    def write(self, data: bytes) -> None:
        """Write to the process's standard input. Raise OSError (EPIPE) if it is closed."""
        self._socket.sendall(data)

    def close_write(self) -> None:
        """Close the process's standard input."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection; a blocked reader gets its end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._response.close()


class ProcessOutput(io.RawIOBase):
    """The standard output of an attached process as a file; its standard error is kept in ``errors``."""

    def __init__(self, attached: AttachedStream) -> None:
        self._frames = attached.frames()
        self._rest = memoryview(b"")
        self.errors = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            frame = next(self._frames, None)
            if frame is None:
                return 0
            stream, data = frame
            if stream == STDOUT:
                self._rest = memoryview(data)
            else:
                self.errors += data[: max(0, CHUNK - len(self.errors))]
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class Input(io.RawIOBase):
    """The standard input of an attached process as a file."""

    def __init__(self, attached: AttachedStream) -> None:
        self._attached = attached

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._attached.write(bytes(data))
        return len(data)


def _hijack(client: APIClient, path: str, **how: Any) -> requests.Response:
    return post(client, path, headers={"Connection": "Upgrade", "Upgrade": "tcp"}, timeout=None, **how)


def attach(client: APIClient, container: str, *, stdin: bool, terminal: bool = False) -> AttachedStream:
    """Attach to a container's main process, before it starts, so that no output is missed."""
    params = {"stream": 1, "stdout": 1, "stderr": 1, "stdin": int(stdin)}
    with api_errors("attach to the container"):
        return AttachedStream(
            _hijack(client, f"/containers/{container}/attach", params=params), terminal=terminal
        )


def execute(
    client: APIClient, container: str, argv: list[str], *, environment: list[str] | None = None
) -> tuple[str, AttachedStream]:
    """Start another process in a running container, attached to it, and return it with the exec's id."""
    with api_errors(f"execute {argv[0]} in the container"):
        created = client.exec_create(container, argv, stdout=True, stderr=True, environment=environment)
        answer = _hijack(client, f"/exec/{created['Id']}/start", json={"Tty": False, "Detach": False})
        return created["Id"], AttachedStream(answer)
