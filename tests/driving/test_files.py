"""Requests out of files of editors and browsers, and links out of pages."""

from __future__ import annotations

import hashlib
import json

import pytest

from tracewhale.driving.har import parse_har
from tracewhale.driving.httpfile import parse_file
from tracewhale.driving.links import links_of
from tracewhale.driving.templates import Templates
from tracewhale.tracing.exchanges import Answer, HttpRequest

HTTP_FILE = """
@host = http://localhost:8000
@item = 7
# A comment.

### Log in
# @name login
POST {{host}}/login HTTP/1.1
Content-Type: application/json

{"user": "a",
 "password": "b"}

> {% client.global.set("token", response.body.token) %}

### With the token of the answer
GET {{host}}/items/{{item}}
    ?page=1
    &size=2
Authorization: Bearer {{login.response.body.$.token}}

###
// @no-redirect
// @status 404
{{host}}/none
###
# @name upload
POST {{host}}/upload

< ./a.json
###
"""


def test_an_editors_file() -> None:
    login, items, none, upload = parse_file(HTTP_FILE, lambda name: {"./a.json": b"[1]"}[name])
    assert login == HttpRequest(
        "POST",
        "/login",
        (("Content-Type", "application/json"),),
        b'{"user": "a",\n "password": "b"}',
        8000,
        name="login",
        published=True,
    )
    assert items.target == "/items/7?page=1&size=2"
    assert items.headers == (("Authorization", "Bearer {{login.response.body.$.token}}"),)
    assert (none.method, none.expected, none.follow) == ("GET", 404, False)
    assert (upload.body, upload.name) == (b"[1]", "upload")


@pytest.mark.parametrize("text", ["GET ftp://x/", "GET /\nnonsense\n", "POST http://[/\n"])
def test_an_editors_file_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="line 1: "):
        parse_file(text, lambda name: b"")


def test_an_answer_is_used_by_name() -> None:
    templates = Templates()
    body = json.dumps({"data": [{"token": "t1"}], "id": 5}).encode()
    templates.learn("login", Answer(200, body=body))
    request = HttpRequest(
        "GET",
        "/%7B%7Blogin.response.body.id%7D%7D",
        (("Authorization", "Bearer {{login.response.body.$.data[0].token}}"),),
        b"{{ login.response.body.* }}",
    )
    filled = templates.fill(request)
    assert filled.target == "/5"
    assert filled.headers == (("Authorization", "Bearer t1"),)
    assert filled.body == body


@pytest.mark.parametrize(
    "value", ["{{other.response.body.x}}", "{{login.response.body.x}}", "{{login.response.body.a[0]}}"]
)
def test_an_answer_that_has_no_such_thing(value: str) -> None:
    templates = Templates()
    templates.learn("login", Answer(200, body=b'{"a": 1}'))
    with pytest.raises(ValueError, match=r"login|other"):
        templates.fill(HttpRequest("GET", "/", (("X", value),)))


def test_a_member_of_an_object_is_used_by_its_name() -> None:
    templates = Templates(lambda: {"session": "s"})
    request = HttpRequest("GET", "/files/%7B%7Bid%7D%7D", (), b"{{session}}{{name}}")
    assert str(request) == "GET /files/{{id}}"
    assert templates.unknown(request) == ("id", "name")
    templates.learn("", Answer(201, "application/json", body=b'{"id": "a/b", "name": 5, "tags": ["x"]}'))
    assert templates.unknown(request) == ()
    assert templates.fill(request).target == "/files/a%2Fb"
    assert templates.fill(request).body == b"s5"


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[1]", b"{", b"\xff"])
def test_an_answer_that_has_no_members(body: bytes) -> None:
    templates = Templates()
    templates.learn("deep", Answer(200, "application/json", body=body))
    request = HttpRequest("GET", "/%7B%7Bid%7D%7D")
    assert templates.fill(request) == request
    with pytest.raises(ValueError, match="deep"):
        templates.fill(HttpRequest("GET", "/", (("X", "{{deep.response.body.id}}"),)))


def test_an_answer_cannot_add_a_header() -> None:
    templates = Templates()
    templates.learn("login", Answer(200, body=b'{"a": "x\\r\\nHost: elsewhere"}'))
    with pytest.raises(ValueError, match="header"):
        templates.fill(HttpRequest("GET", "/", (("X", "{{login.response.body.a}}"),)))


def test_a_browsers_archive() -> None:
    entries = [
        {"request": {"method": "GET", "url": "data:image/gif;base64,R0lGOD", "headers": []}},
        {
            "request": {
                "method": "POST",
                "url": "http://shop.test:8000/cart?x=1",
                "headers": [
                    {"name": ":authority", "value": "shop.test"},
                    {"name": "Cookie", "value": "session=old"},
                    {"name": "Accept", "value": "text/html"},
                ],
                "postData": {"mimeType": "application/x-www-form-urlencoded", "text": "id=3"},
            },
            "response": {"status": 200},
        },
        {"request": {"method": "GET", "url": "https://cdn.test/x.js", "headers": []}},
        {
            "request": {"method": "GET", "url": "http://shop.test:8000/none", "headers": []},
            "response": {"status": 404},
        },
        {
            "request": {"method": "GET", "url": "http://shop.test:8000/old", "headers": []},
            "response": {"status": 302},
        },
    ]
    cart, none, old = parse_har(json.dumps({"log": {"entries": entries}}))
    assert cart == HttpRequest(
        "POST",
        "/cart?x=1",
        (
            ("Accept", "text/html"),
            ("Host", "shop.test:8000"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ),
        b"id=3",
        8000,
        published=True,
    )
    assert (none.target, none.expected, none.follow) == ("/none", 404, True)
    assert (old.target, old.follow) == ("/old", False)  # the next entry is where it led


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"log": {"entries": [{}]}}', '{"log": {"entries": [1]}}'])
def test_what_is_no_archive(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_har(text)


def page(text: str, kind: str = "text/html; charset=utf-8") -> Answer:
    raw = text.encode()
    return Answer(200, kind, "", len(raw), hashlib.sha256(raw).hexdigest(), raw)


def test_links_of_a_page() -> None:
    html = """<link rel=stylesheet href="/a.css"><a href="b?x=1&amp;y=2#top">b</a><a href="http://else/">no</a>
        <img src=c.png srcset="c2.png 2x, /c3.png 3x"><a href="mailto:x@y">no</a><a href="/logout">no</a>
        <style>body { background: url('d.png') }</style><a href="http://shop.test/e">e</a>
        <a href="/ü">u</a><a href="javascript:x()">no</a><a href="b?x=1&amp;y=2">again</a>"""
    assert links_of(page(html), "/dir/index.html", frozenset({"shop.test"})) == (
        "/a.css",
        "/dir/b?x=1&y=2",
        "/dir/c.png",
        "/dir/c2.png",
        "/c3.png",
        "/dir/d.png",
        "/e",
        "/%C3%BC",
    )


def test_links_of_a_style_sheet_and_of_nothing_else() -> None:
    css = '@import "b.css"; @font-face { src: url(../f.woff2) } i { background: url(data:x) }'
    assert links_of(page(css, "text/css"), "/css/a.css") == ("/css/b.css", "/f.woff2")
    assert links_of(page('<a href="/x">', "text/plain"), "/") == ()


@pytest.mark.parametrize(
    "html", ["<![if", "<a href='http://[/'>", "<a" * 1000, "<!DOCTYPE [<", "\0<a href=\0>"]
)
def test_links_of_a_hostile_page(html: str) -> None:
    assert set(links_of(page(html), "/")) <= {"/"}
