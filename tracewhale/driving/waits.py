"""Conditions to wait for before a target is driven: ``PORT``, ``URL``, ``log:REGEX``, ``cmd:CMD``,
``exec:CMD``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import Enum

from tracewhale.driving.request_line import build_request, place_of
from tracewhale.tracing.exchanges import HttpRequest

DEFAULT_SECONDS = 60.0
"""The default number of seconds in which a target must be ready."""


class WaitKind(Enum):
    """The signs of readiness."""

    PORT = "port"
    HTTP = "http"
    LOG = "log"
    COMMAND = "cmd"
    EXEC = "exec"


@dataclass(frozen=True, slots=True)
class Wait:
    """One condition. ``port`` is set for a port, ``request`` for HTTP, ``text`` for the others."""

    kind: WaitKind
    text: str
    port: int = 0
    request: HttpRequest | None = None

    def __str__(self) -> str:
        match self.kind:
            case WaitKind.PORT:
                return f"port {self.port}"
            case WaitKind.HTTP:
                return f"an answer to {self.request}"
            case WaitKind.LOG:
                return f"output that matches {self.text!r}"
            case _:
                return f"{self.text!r} to succeed"


def parse_wait(text: str) -> Wait:
    """Parse a value of ``--wait-for``. Raise ValueError."""
    kind, colon, rest = text.partition(":")
    if text.isdecimal() or (kind == "port" and rest.isdecimal()):
        port = int(rest or text)
        if not 0 < port < 1 << 16:
            raise ValueError(f"{port} is not a port")
        return Wait(WaitKind.PORT, text, port)
    if colon and kind in ("log", "cmd", "exec"):
        if not rest.strip():
            raise ValueError(f"nothing follows {kind}:")
        if kind == "log":
            try:
                re.compile(rest)
            except re.error as error:
                raise ValueError(f"{rest!r} is not a regular expression: {error}") from error
        if kind == "exec":
            shlex.split(rest)
        return Wait(WaitKind(kind), rest)
    return Wait(WaitKind.HTTP, text, request=build_request("GET", place_of(text), ()))
