"""HTTP requests that drove a target and its answers, as a trace keeps them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ANSWER_LIMIT = 256 << 10
"""Bytes of a body that are kept for comparison; of a longer body the size and the digest are kept, too."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A method or the name of a header (RFC 9110, 5.6.2)."""
_BRACES = re.compile(r"%7[Bb]%7[Bb]|%7[Dd]%7[Dd]")
TARGET = re.compile(r"/[!-~]*")
"""A path and query in ASCII, as in a request line (RFC 9112, 3.2.1)."""
VALUE = re.compile(r"[^\0\r\n]*")
PORTS = range(1 << 16)
STATUSES = range(100, 600)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. It has no host, because it goes only to the target's own address.

    With ``port`` 0 it goes to the port that the target serves; ``expected`` is the required status, 0 for any
    below 400; ``follow`` says whether redirects within the target are followed. The texts of a later request
    may refer to this one's answer by ``name``: ``{{NAME.response.body.PATH}}``. A ``published`` port is that
    of a URL: if the target does not listen on it, the request goes to the port that serves.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    port: int = 0
    tls: bool = False
    expected: int = 0
    follow: bool = True
    name: str = ""
    published: bool = False

    def __post_init__(self) -> None:
        if not TOKEN.fullmatch(self.method):
            raise ValueError(f"{self.method!r} is not a method")
        if not TARGET.fullmatch(self.target):
            raise ValueError(f"{self.target!r} is not a path")
        for name, value in self.headers:
            if not (TOKEN.fullmatch(name) and VALUE.fullmatch(value)):
                raise ValueError(f"{name!r} is not a header")
        if self.port not in PORTS:
            raise ValueError(f"{self.port} is not a port")
        if self.expected and self.expected not in STATUSES:
            raise ValueError(f"{self.expected} is not a status")

    def __str__(self) -> str:
        place = f":{self.port}" if self.port else ""
        return f"{self.method} {'https://' if self.tls else ''}{place}{with_braces(self.target)}"


def with_braces(target: str) -> str:
    """Return a request's target with the double braces of its references as they were written."""
    return _BRACES.sub(lambda match: "{{" if "B" in match[0].upper() else "}}", target)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request. A ``status`` of 0 means no answer, with the reason in ``error``.

    ``type`` is the media type with its parameters, ``location`` the target of a redirect that was not
    followed; ``body`` the first ANSWER_LIMIT bytes of ``size``, ``digest`` the SHA-256 of all, in hex.
    """

    status: int
    type: str = ""
    location: str = ""
    size: int = 0
    digest: str = ""
    body: bytes = b""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, None before it was sent."""

    request: HttpRequest
    answer: Answer | None = None


def to_json(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange in plain JSON values, without values that are defaults."""
    request, answer = exchange.request, exchange.answer
    result: dict[str, Any] = {"method": request.method, "target": request.target}
    result |= {"headers": [list(pair) for pair in request.headers]} if request.headers else {}
    result |= {"body": base64.b64encode(request.body).decode()} if request.body else {}
    result |= {"port": request.port} if request.port else {}
    result |= {"tls": True} if request.tls else {}
    result |= {"expected": request.expected} if request.expected else {}
    result |= {} if request.follow else {"follow": False}
    result |= {"name": request.name} if request.name else {}
    result |= {"published": True} if request.published else {}
    if answer is None:
        return {"request": result}
    answered = {
        "status": answer.status,
        "type": answer.type,
        "location": answer.location,
        "size": answer.size,
        "digest": answer.digest,
        "body": base64.b64encode(answer.body).decode(),
        "error": answer.error,
    }
    return {"request": result, "answer": {name: value for name, value in answered.items() if value}}


def from_json(value: Mapping[str, Any]) -> Exchange:
    """Return the exchange that ``to_json`` wrote. Raise KeyError, TypeError or ValueError if it is
    malformed."""
    fields, answered = value["request"], value.get("answer")
    request = HttpRequest(
        method=_text(fields["method"]),
        target=_text(fields["target"]),
        headers=tuple((_text(name), _text(content)) for name, content in fields.get("headers", ())),
        body=base64.b64decode(fields.get("body", ""), validate=True),
        port=int(fields.get("port", 0)),
        tls=bool(fields.get("tls", False)),
        expected=int(fields.get("expected", 0)),
        follow=bool(fields.get("follow", True)),
        name=_text(fields.get("name", "")),
        published=bool(fields.get("published", False)),
    )
    if answered is None:
        return Exchange(request)
    return Exchange(
        request,
        Answer(
            status=int(answered.get("status", 0)),
            type=_text(answered.get("type", "")),
            location=_text(answered.get("location", "")),
            size=int(answered.get("size", 0)),
            digest=_text(answered.get("digest", "")),
            body=base64.b64decode(answered.get("body", ""), validate=True)[:ANSWER_LIMIT],
            error=_text(answered.get("error", "")),
        ),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value
