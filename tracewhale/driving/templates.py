"""References to earlier answers in requests, in the form of editors: ``{{login.response.body.$.token}}``.

They stay in a trace, because a repeated run has its own tokens.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from tracewhale.tracing.exchanges import Answer, HttpRequest

REFERENCE = re.compile(r"\{\{\s*(?:\$\{)?([A-Za-z_]\w*)\.response\.body\.?([^}\s]*)\s*\}\}")
ESCAPED = re.compile(r"%7[Bb]%7[Bb]|%7[Dd]%7[Dd]")
STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]")


class Templates:
    """The answers so far, by the names of their requests."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    def learn(self, name: str, answer: Answer) -> None:
        """Keep an answer if its request has a name."""
        if name:
            self._bodies[name] = answer.body

    def fill(self, request: HttpRequest) -> HttpRequest:
        """Return the request with its references replaced. Raise ValueError if no answer has the value."""
        target = ESCAPED.sub(lambda match: "{{" if "B" in match[0].upper() else "}}", request.target)
        body = request.body.decode("utf-8", "surrogateescape")
        texts = (target, body, *(value for _, value in request.headers))
        if not any("{{" in text for text in texts):
            return request
        return replace(
            request,
            target=self._filled(target) if REFERENCE.search(target) else request.target,
            headers=tuple((name, self._filled(value)) for name, value in request.headers),
            body=self._filled(body).encode("utf-8", "surrogateescape"),
        )

    def _filled(self, text: str) -> str:
        return REFERENCE.sub(lambda match: self._value(match[1], match[2]), text)

    def _value(self, name: str, path: str) -> str:
        if name not in self._bodies:
            raise ValueError(f"no request before it is named {name}")
        body = self._bodies[name]
        if path in ("", "*", "$"):
            return body.decode("utf-8", "replace")
        try:
            value = _walk(json.loads(body), path.removeprefix("$"))
        except (ValueError, LookupError, TypeError):
            raise ValueError(f"the answer to {name} has no {path}") from None
        return value if isinstance(value, str) else json.dumps(value)


def _walk(value: Any, path: str) -> Any:
    at = 0
    while at < len(path):
        match = STEP.match(path, at)
        if match is None:
            raise ValueError(path)
        value = value[int(match[2])] if match[2] else value[match[1] or match[3]]
        at = match.end()
    return value
