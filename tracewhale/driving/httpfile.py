"""Requests in a ``.http`` or ``.rest`` file, as read by VS Code's REST Client and JetBrains' HTTP Client.

Lines of ``###`` separate requests; ``@name = value`` defines a variable and ``{{name}}`` uses it; ``# @name
login`` names a request, whose answer later ones use as ``{{login.response.body.$.token}}``; ``< FILE`` is a
body from a file; ``# @no-redirect`` turns redirects off and ``# @status 404`` sets the expected status.
Scripts that run after an answer (``> {% ... %}``) are ignored: they are for the editor.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from tracewhale.driving.request_line import METHODS, ReadFile, build_request, place_of
from tracewhale.tracing.exchanges import HttpRequest

DEFINITION = re.compile(r"\s*@([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*")
USE = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}")
ANNOTATION = re.compile(r"\s*(?:#|//)\s*@([\w-]+)\s*(.*?)\s*")
COMMENT = re.compile(r"\s*(?:#|//)")
SEPARATOR = re.compile(r"\s*###+\s*(.*?)\s*")
HEADER = re.compile(r"([^\s:]+)\s*:\s*(.*?)\s*")
DYNAMIC = re.compile(r"\{\{\s*\$(?:guid|uuid|random\.uuid|timestamp|randomInt|random\.integer)\b[^}]*\}\}")
DYNAMIC_VALUES = {"guid": str(uuid.UUID(int=1)), "uuid": str(uuid.UUID(int=1)), "timestamp": "1700000000"}
"""Values that an editor generates; here they are constant, so that the run can be repeated."""


def parse_file(text: str, read: ReadFile) -> tuple[HttpRequest, ...]:
    """Return the requests of a file, in order. ``read`` returns the files that bodies name, relative to this
    one.

    Raise ValueError with the line's number if it is not valid, OSError.
    """
    variables = _variables(text)
    requests = (_request(start, lines, variables, read) for start, lines in _blocks(text))
    return tuple(request for request in requests if request is not None)


def _variables(text: str) -> dict[str, str]:
    """Return each variable's value, with references to earlier ones replaced."""
    variables: dict[str, str] = {}
    for line in text.splitlines():
        if match := DEFINITION.fullmatch(line):
            variables[match[1]] = _filled(match[2], variables)
    return variables


def _filled(text: str, variables: Mapping[str, str]) -> str:
    text = USE.sub(lambda match: variables.get(match[1], match[0]), text)
    return DYNAMIC.sub(
        lambda match: next((value for name, value in DYNAMIC_VALUES.items() if name in match[0]), "7"), text
    )


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines between separators, with the number of the first; a separator's title belongs to its
    request."""
    start, lines = 1, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if SEPARATOR.fullmatch(line):
            yield start, lines
            start, lines = number + 1, []
        else:
            lines.append(line)
    yield start, lines


def _request(
    start: int, lines: list[str], variables: Mapping[str, str], read: ReadFile
) -> HttpRequest | None:
    notes: dict[str, str] = {}
    at = 0
    while at < len(lines):
        if note := ANNOTATION.fullmatch(lines[at]):
            notes[note[1]] = note[2]
        elif lines[at].strip() and not COMMENT.match(lines[at]) and not DEFINITION.fullmatch(lines[at]):
            break
        at += 1
    if at == len(lines):
        return None
    try:
        return _parsed(lines[at:], notes, variables, read)
    except ValueError as error:
        raise ValueError(f"line {start + at}: {error}") from error


def _parsed(
    lines: list[str], notes: Mapping[str, str], variables: Mapping[str, str], read: ReadFile
) -> HttpRequest:
    first, *rest = lines
    words = re.sub(r"\s+HTTP/[\d.]+\s*$", "", first.strip()).split(None, 1)
    method, url = (words[0], words[1]) if len(words) == 2 and words[0] in METHODS else ("GET", first.strip())
    headers: list[tuple[str, str]] = []
    at = 0
    for at, line in enumerate(rest):  # noqa: B007 - where the headers end is wanted afterwards
        if not line.strip():
            break
        if re.match(r"\s+[?&/]", line) and not headers:  # a long query goes on in lines of its own
            url += line.strip()
        elif header := HEADER.fullmatch(line.strip()):
            headers.append((header[1], _filled(header[2], variables)))
        elif not COMMENT.match(line):
            raise ValueError(f"{line.strip()!r} is not a header")
    else:
        at += 1
    url = _filled(url, variables)
    host = next((value for name, value in headers if name.lower() == "host"), "")
    if url.startswith("/") and host and (port := urlsplit(f"//{host}").port):
        url = f":{port}{url}"
    if "://" not in url and not url.startswith(("/", ":")):
        url = f"http://{url}"
    body = _body(rest[at + 1 :], variables, read)
    expected = int(notes["status"]) if notes.get("status", "").isdecimal() else 0
    request = build_request(method, place_of(url), headers, body, "", expected)
    return replace(request, name=notes.get("name", ""), follow="no-redirect" not in notes)


def _body(lines: list[str], variables: Mapping[str, str], read: ReadFile) -> bytes:
    pieces: list[bytes] = []
    for line in lines:
        if line.startswith(("> ", ">> ", ">>! ", "<> ", "> {%")):  # instructions for an editor
            break
        if match := re.fullmatch(r"<(@?)\s+(?!\{%)(\S.*?)\s*", line):
            content = read(match[2])
            if match[1]:
                content = _filled(content.decode("utf-8", "surrogateescape"), variables).encode(
                    "utf-8", "surrogateescape"
                )
            pieces.append(content)
        else:
            pieces.append(_filled(line, variables).encode())
    while pieces and not pieces[-1].strip():
        pieces.pop()
    return b"\n".join(pieces)
