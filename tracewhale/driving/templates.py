"""References to earlier answers in requests, in the form of editors: ``{{login.response.body.$.token}}``.

``{{NAME}}`` is the value of a page's field (an ``input`` or ``meta`` of that name), of a member of a JSON
object, or of a cookie: a token against forged requests, the id of a new object. References stay unresolved in
a trace, because a repeated run has its own values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

from tracewhale.tracing.exchanges import VALUE, Answer, HttpRequest, with_braces

REFERENCE = re.compile(r"\{\{\s*(?:\$\{)?([A-Za-z_]\w*)\.response\.body\.?([^}\s]*)\s*\}\}")
FIELD = re.compile(r"\{\{\s*([A-Za-z_][\w.:-]*)\s*\}\}")
FORM = "application/x-www-form-urlencoded"
STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]")


class Templates:
    """The answers so far, by the names of their requests, and the fields of their pages.

    ``cookies`` returns the present cookies' values by their names.
    """

    def __init__(self, cookies: Callable[[], Mapping[str, str]] = dict) -> None:
        self._bodies: dict[str, bytes] = {}
        self._fields: dict[str, str] = {}
        self._cookies = cookies

    def learn(self, name: str, answer: Answer) -> None:
        """Keep an answer if its request has a name, and the fields of a page."""
        if name:
            self._bodies[name] = answer.body
        if "html" in answer.type:
            self._fields |= fields_of(answer.body.decode("utf-8", "replace"))
        elif "json" in answer.type:
            self._fields |= members_of(answer.body)

    def unknown(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the names that a request refers to and no answer so far has a value for, sorted."""
        text = with_braces(request.target) + request.body.decode("utf-8", "replace")
        known = {*self._fields, *self._cookies()}
        return tuple(sorted({match[1] for match in FIELD.finditer(text)} - known))

    def fill(self, request: HttpRequest) -> HttpRequest:
        """Return the request with its references replaced. Raise ValueError if no answer has the value."""
        target = with_braces(request.target)
        body = request.body.decode("utf-8", "surrogateescape")
        texts = (target, body, *(value for _, value in request.headers))
        if not any("{{" in text for text in texts):
            return request
        form = any((name.lower(), value) == ("content-type", FORM) for name, value in request.headers)
        filled = self._filled(target, escaped=True)
        return replace(
            request,
            target=filled if filled != target else request.target,
            headers=tuple((name, self._filled(value)) for name, value in request.headers),
            body=self._filled(body, escaped=form).encode("utf-8", "surrogateescape"),
        )

    def _filled(self, text: str, *, escaped: bool = False) -> str:
        """Replace the references; ``escaped`` values of fields are for a URL or a form."""
        text = REFERENCE.sub(lambda match: self._value(match[1], match[2]), text)
        return FIELD.sub(lambda match: self._field(match, escaped=escaped), text)

    def _field(self, match: re.Match[str], *, escaped: bool) -> str:
        """Return the value of a field or a cookie; without one the text stays, which may be a template."""
        value = self._fields.get(match[1])
        if value is None:
            value = self._cookies().get(match[1])
        if value is None or not VALUE.fullmatch(value):
            return match[0]
        return quote(value, safe="") if escaped else value

    def _value(self, name: str, path: str) -> str:
        if name not in self._bodies:
            raise ValueError(f"no request before it is named {name}")
        body = self._bodies[name]
        if path in ("", "*", "$"):
            return body.decode("utf-8", "replace")
        try:
            value = _walk(json.loads(body), path.removeprefix("$"))
        except (ValueError, LookupError, TypeError, RecursionError):
            raise ValueError(f"the answer to {name} has no {path}") from None
        return value if isinstance(value, str) else json.dumps(value)


def members_of(body: bytes) -> dict[str, str]:
    """Return the strings and numbers of a JSON object by their names; none of anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    members = value.items() if isinstance(value, dict) else ()
    return {name: str(text) for name, text in members if type(text) in (str, int, float)}


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        key = {"input": "value", "meta": "content"}.get(tag)
        if key and given.get("name") and key in given:
            self.values[given["name"]] = given[key]


def fields_of(page: str) -> dict[str, str]:
    """Return the values of a page's ``input`` and ``meta`` elements by their names; of several the last."""
    parser = _Fields()
    with suppress(AssertionError, ValueError):  # html.parser gives up on some malformed declarations
        parser.feed(page)
        parser.close()
    return parser.values


def _walk(value: Any, path: str) -> Any:
    at = 0
    while at < len(path):
        match = STEP.match(path, at)
        if match is None:
            raise ValueError(path)
        value = value[int(match[2])] if match[2] else value[match[1] or match[3]]
        at = match.end()
    return value
