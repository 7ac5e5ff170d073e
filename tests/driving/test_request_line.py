"""Requests as a user types them."""

from __future__ import annotations

import pytest

from tracewhale.driving.request_line import parse
from tracewhale.driving.waits import WaitKind, parse_wait
from tracewhale.tracing.exchanges import HttpRequest

FILES = {"a.json": b'{"a": 1}', "logo.png": b"\x89PNG"}


def read(name: str) -> bytes:
    return FILES[name]


FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("/", HttpRequest("GET", "/")),
        ("GET /a?b=c", HttpRequest("GET", "/a?b=c")),
        ("/missing =404", HttpRequest("GET", "/missing", expected=404)),
        (":8080/health", HttpRequest("GET", "/health", port=8080)),
        (":8080", HttpRequest("GET", "/", port=8080)),
        ("/a b".replace(" ", "ü"), HttpRequest("GET", "/a%C3%BCb")),
        ("http://localhost:5000/x#y", HttpRequest("GET", "/x", port=5000, published=True)),
        (
            "https://a:b%40c@shop.test/x",
            HttpRequest(
                *("GET", "/x", (("Host", "shop.test"), ("Authorization", "Basic YTpiQGM="))),
                port=443,
                tls=True,
                published=True,
            ),
        ),
        ("POST /login user=a&password=b", HttpRequest("POST", "/login", (FORM,), b"user=a&password=b")),
        (
            'POST /i {"a": "b =200"} =201',
            HttpRequest("POST", "/i", (JSON,), b'{"a": "b =200"}', expected=201),
        ),
        ("PUT /i @a.json", HttpRequest("PUT", "/i", (JSON,), b'{"a": 1}')),
        ("DELETE /i/1 =204", HttpRequest("DELETE", "/i/1", expected=204)),
        (
            "/x -H 'Accept: text/html' -u a:b =401",
            HttpRequest(
                "GET", "/x", (("Accept", "text/html"), ("Authorization", "Basic YTpi")), expected=401
            ),
        ),
        ("/x -d a=1 -d b=2", HttpRequest("POST", "/x", (FORM,), b"a=1&b=2")),
    ],
)
def test_a_request_in_a_line(text: str, request_: HttpRequest) -> None:
    assert parse(text, read) == request_


def test_a_form_with_a_file() -> None:
    request = parse("/upload -F title=pic -F image=@logo.png", read)
    assert request.method == "POST"
    (kind,) = [value for name, value in request.headers if name == "Content-Type"]
    assert kind.startswith("multipart/form-data; boundary=")
    assert b'name="image"; filename="logo.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG' in request.body
    assert b'name="title"' in request.body


@pytest.mark.parametrize(
    "text", ["", "POST", "ftp://x/", "x", "/x -H nonsense", "/x -Z a", "/x -d", "http://[/x", ":99999/"]
)
def test_a_request_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text, read)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8080", WaitKind.PORT),
        ("port:8080", WaitKind.PORT),
        ("/health", WaitKind.HTTP),
        (":8080/health", WaitKind.HTTP),
        ("http://localhost:8080/", WaitKind.HTTP),
        ("log:ready to accept", WaitKind.LOG),
        ("cmd:pg_isready -h $TRACEWHALE_IP", WaitKind.COMMAND),
        ("exec:pg_isready", WaitKind.EXEC),
    ],
)
def test_what_is_awaited(text: str, kind: WaitKind) -> None:
    assert parse_wait(text).kind is kind


@pytest.mark.parametrize("text", ["", "0", "70000", "log:", "log:(", "exec:'", "cmd: ", "nonsense"])
def test_what_cannot_be_awaited(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_wait(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "GET /"},
        {"target": "//x y"},
        {"target": "http://elsewhere/"},
        {"target": "/\r\nHost: x"},
        {"headers": (("A", "b\r\nC: d"),)},
        {"port": 70000},
        {"expected": 7},
    ],
)
def test_a_request_out_of_a_hostile_trace(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        HttpRequest(**{"method": "GET", "target": "/", **fields})  # type: ignore[arg-type]
