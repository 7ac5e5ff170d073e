"""Parse a request in one line: ``[METHOD] PATH|URL [=STATUS] [BODY | @FILE | curl's -H -d -F -u]``."""

from __future__ import annotations

import base64
import json
import mimetypes
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from urllib3.filepost import encode_multipart_formdata

from tracewhale.tracing.exchanges import TOKEN, HttpRequest

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"})
STATUS = re.compile(r"=([1-5]\d\d)")
PLACE = re.compile(r":(\d{1,5})?(/.*)?")
SAFE = "/?#[]@!$&'()*+,;=%:~|"
"""Characters that stay unchanged in a path and query; others that are not ASCII letters are escaped."""

ReadFile = Callable[[str], bytes]
"""Returns a file's contents by name. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of a request: a path and query, the port (0: the one that serves), and the host, user
    and password in its URL."""

    target: str
    port: int = 0
    tls: bool = False
    host: str = ""
    user: str = ""


def place_of(text: str) -> Destination:
    """Parse a path, ``:PORT/PATH``, or a URL, whose host becomes the Host header. Raise ValueError."""
    if match := PLACE.fullmatch(text):
        return Destination(_target(match[2] or "/"), int(match[1] or 0))
    if text.startswith("/"):
        return Destination(_target(text))
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is neither a path that starts with / nor an http URL")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    user = unquote(parts.netloc.rpartition("@")[0])
    return Destination(_target(path), port, parts.scheme == "https", parts.hostname, user)


def _target(path: str) -> str:
    return quote(path.partition("#")[0], safe=SAFE)


@dataclass(slots=True)
class _Draft:
    """The parts of a request that curl's options set."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    parts: list[tuple[str, tuple[str, bytes, str] | bytes]] = field(default_factory=list)


def parse(text: str, read: ReadFile) -> HttpRequest:
    """Parse a request. Raise ValueError if it is not valid, OSError."""
    method, rest = "", text.strip()
    first, _, after = rest.partition(" ")
    if first.isupper() and TOKEN.fullmatch(first):
        method, rest = first, after.strip()
    where, _, rest = rest.partition(" ")
    if not where:
        raise ValueError("it names no path")
    place, rest = place_of(where), rest.strip()
    expected = 0
    if match := re.match(rf"{STATUS.pattern}(?:\s+|$)", rest):
        expected, rest = int(match[1]), rest[match.end() :]
    draft = _Draft()
    if rest.startswith("-"):
        words = shlex.split(rest)
        if words and (match := STATUS.fullmatch(words[-1])):
            expected = int(match[1])
            words.pop()
        _options(words, draft, read)
        body, kind = _body(draft)
    else:
        if match := re.search(rf"(?:^|\s){STATUS.pattern}$", rest):
            expected, rest = int(match[1]), rest[: match.start()]
        body, kind = _literal(rest, read)
    return build_request(method or ("POST" if body else "GET"), place, draft.headers, body, kind, expected)


def build_request(
    method: str,
    place: Destination,
    headers: Sequence[tuple[str, str]],
    body: bytes = b"",
    kind: str = "",
    expected: int = 0,
) -> HttpRequest:
    """Return a request with the headers for its body's media type and the host of its URL."""
    names = {name.lower() for name, _ in headers}
    added = [*headers]
    if place.host and "host" not in names and not local(place.host):
        default = 443 if place.tls else 80
        added.append(("Host", place.host if place.port == default else f"{place.host}:{place.port}"))
    if place.user and "authorization" not in names:
        added.append(_basic(place.user))
    if kind and "content-type" not in names:
        added.append(("Content-Type", kind))
    return HttpRequest(
        method, place.target, tuple(added), body, place.port, place.tls, expected, published=bool(place.host)
    )


def local(host: str) -> bool:
    """Return whether a host only names a local address: it is an IP address or localhost."""
    return host == "localhost" or bool(re.fullmatch(r"[\d.]+|\[?[\da-fA-F:]*:[\da-fA-F:.]*\]?", host))


def _options(words: list[str], draft: _Draft, read: ReadFile) -> None:
    waiting = iter(words)
    for word in waiting:
        name = LONG.get(word, word[:2])
        value = _value(word, waiting)
        if name == "-H":
            header, colon, content = value.partition(":")
            if not colon:
                raise ValueError(f"{value!r} is not a header such as 'Accept: text/html'")
            draft.headers.append((header.strip(), content.strip()))
        elif name == "-d":
            draft.data.append(read(value[1:]) if value.startswith("@") else value.encode())
        elif name == "-F":
            draft.parts.append(_part(value, read))
        elif name == "-u":
            draft.headers.append(_basic(value))
        else:
            raise ValueError(f"{word!r} is none of -H, -d, -F and -u")


def _basic(user: str) -> tuple[str, str]:
    """Return the header for ``USER:PASSWORD`` (RFC 7617)."""
    return "Authorization", f"Basic {base64.b64encode(user.encode()).decode()}"


LONG = {"--header": "-H", "--data": "-d", "--form": "-F", "--user": "-u"}


def _value(word: str, waiting: Iterator[str]) -> str:
    value = "" if word.startswith("--") else word[2:]
    if not value:
        value = next(waiting, "")
        if not value:
            raise ValueError(f"{word} needs a value")
    return value


def _part(text: str, read: ReadFile) -> tuple[str, tuple[str, bytes, str] | bytes]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"{text!r} is not a field such as name=value or name=@FILE")
    if not value.startswith("@"):
        return name, value.encode()
    path = value[1:]
    return name, (path.rpartition("/")[2], read(path), media_type(path))


def _body(draft: _Draft) -> tuple[bytes, str]:
    if draft.parts:
        # The boundary is fixed, so that a repeated request has the same bytes.
        body, kind = encode_multipart_formdata(draft.parts, boundary="tracewhale-7d1f0c5e9b")
        return body, kind
    body = b"&".join(draft.data)
    return body, guessed(body)


def _literal(text: str, read: ReadFile) -> tuple[bytes, str]:
    if text.startswith("@"):
        return read(text[1:]), media_type(text[1:])
    body = text.encode()
    return body, guessed(body)


def media_type(path: str) -> str:
    """Return the media type of a file by its name."""
    return mimetypes.guess_type(path, strict=False)[0] or "application/octet-stream"


def guessed(body: bytes) -> str:
    """Return the media type of a body on the command line: JSON, a form, or text; none for an empty one."""
    if not body:
        return ""
    try:
        json.loads(body)
    except ValueError:
        form = re.fullmatch(rb"[^\s=&]+=[^&\s]*(?:&[^\s=&]+=[^&\s]*)*", body)
        return "application/x-www-form-urlencoded" if form else "text/plain"
    return "application/json"
