"""A proxy of the engine's socket for workloads: ``docker exec`` into the traced container works like
``--exec``.

The container was created with the capabilities that the probe needs, so the engine itself would give a new
process there more than the target has. A workload's DOCKER_HOST points to this proxy. It passes every request
on, with two exceptions: an exec in the traced container is created in the gate (agent_container.py), and a
request that would start that container again is refused, because the target may have replaced the probe in
it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote

from docker import APIClient

PIECE = 1 << 16
HEAD_LIMIT = 1 << 20
"""Bytes of a request's line and headers (Go's net/http takes as many)."""

SOCKET_PATH_LIMIT = 107
"""Bytes of the path of a socket (unix(7))."""

_CHECKED = re.compile(
    r"POST (?:/v[0-9.]+)?/+containers/+([^/ ?]+)/+(exec|start|restart)(?:\?\S*)? HTTP/1\.[01]"
)

Answer = tuple[int, Mapping[str, Any]]
Answering = Callable[[str, str, Mapping[str, Any]], Answer | None]
"""Answers a request on a container (name, action and body; for an exec, an ExecConfig of the Engine API), or
returns None to pass it on."""
LENGTH_REQUIRED: Answer = (411, {"message": "TraceWhale needs to know the length of an exec's request."})


def engine_socket(client: APIClient) -> str:
    """Return the path of the engine's socket, or an empty string if the engine has none on this machine."""
    adapter: Any = getattr(client, "_custom_adapter", None)
    return str(getattr(adapter, "socket_path", ""))


@contextmanager
def exec_proxy(engine: str, answering: Answering) -> Iterator[str]:
    """Yield the value of DOCKER_HOST for a workload. ``engine`` is the path of the engine's socket."""
    # Bytes that a temporary directory's name and its socket's name add to the first path.
    long = len(os.fsencode(tempfile.gettempdir())) > SOCKET_PATH_LIMIT - len(
        "/tracewhale-12345678/docker.sock"
    )
    with tempfile.TemporaryDirectory(prefix="tracewhale-", dir="/tmp" if long else None) as directory:
        path = os.path.join(directory, "docker.sock")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            threading.Thread(target=_serve, args=(server, engine, answering), daemon=True).start()
            try:
                yield f"unix://{path}"
            finally:
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, engine: str, answering: Answering) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_pass_on, args=(client, engine, answering), daemon=True).start()


def _pass_on(client: socket.socket, engine: str, answering: Answering) -> None:
    """Relay one connection: its requests one after the other, each after the answer to the one before."""
    with client, socket.socket(socket.AF_UNIX) as upstream, suppress(OSError, ValueError):
        upstream.connect(engine)
        copying = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
        copying.start()
        reader = client.makefile("rb")
        while head := _head(reader):
            line = head.split(b"\r\n", 1)[0].decode("latin-1")
            headers = head.lower()
            size = re.search(rb"\ncontent-length: *([0-9]+)", headers)
            if checked := _CHECKED.fullmatch(line):
                body = reader.read(int(size[1])) if size else b""
                answer = _answer(answering, checked[1], checked[2], body, is_traced=bool(size))
                if answer is not None:
                    client.sendall(_response(*answer))
                    continue
                head, size = head + body, None
            to_the_end = b"\nupgrade:" in headers or b"\ntransfer-encoding:" in headers
            if to_the_end and b"\nupgrade:" not in headers:  # where its body ends we do not know
                head = head[:-2] + b"Connection: close\r\n\r\n"
            upstream.sendall(head)
            if to_the_end:
                while data := reader.read1(PIECE):
                    upstream.sendall(data)
                break
            remaining = int(size[1]) if size else 0
            while remaining and (data := reader.read1(min(remaining, PIECE))):
                upstream.sendall(data)
                remaining -= len(data)
        with suppress(OSError):
            upstream.shutdown(socket.SHUT_WR)
        copying.join()


def _answer(answering: Answering, name: str, verb: str, body: bytes, *, is_traced: bool) -> Answer | None:
    if verb != "exec":
        return answering(unquote(name), verb, {})
    return answering(unquote(name), verb, json.loads(body)) if is_traced else LENGTH_REQUIRED


def _head(reader: Any) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < HEAD_LIMIT:
        line = reader.readline(HEAD_LIMIT)
        if not line:
            return b""
        head += line
    return head


def _copy(source: socket.socket, destination: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(PIECE):
            destination.sendall(data)
    with suppress(OSError):
        destination.shutdown(socket.SHUT_WR)


def _response(status: int, answer: Mapping[str, Any]) -> bytes:
    body = json.dumps(answer).encode()
    lines = [f"HTTP/1.1 {status} -", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
