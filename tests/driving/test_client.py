"""The HTTP client against a server of its own: one address, cookies, redirects, what goes wrong."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tracewhale.driving.client import Client
from tracewhale.tracing.exchanges import ANSWER_LIMIT, HttpRequest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        match self.path:
            case "/set":
                self.answer(200, Set_Cookie="a=b; Domain=shop.test; Path=/elsewhere; Secure")
            case "/cookie":
                self.answer(200, str(self.headers["Cookie"]).encode())
            case "/there":
                self.answer(302, Location="/seen?by=me")
            case "/away":
                self.answer(302, Location="http://203.0.113.1.example/")
            case "/localhost":
                self.answer(302, Location=f"http://localhost:{self.connection.getsockname()[1]}/seen")
            case "/loop":
                self.answer(302, Location="/loop")
            case "/gzip":
                self.answer(200, gzip.compress(b"packed"), Content_Encoding="gzip", Content_Type="text/plain")
            case "/large":
                self.answer(200, b"x" * (ANSWER_LIMIT + 1))
            case "/stream":
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b"data: 1\n\n")
                self.close_connection = True
            case "/page":
                page = b"<meta name=csrf-token content=\"a+b/c=\"><input name=token value='x'>"
                self.answer(200, page, Content_Type="text/html", Set_Cookie="XSRF=y")
            case "/close":
                self.close_connection = True
            case _:
                self.answer(200, f"{self.path} {self.headers['Host']}".encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/form":
            self.answer(303, Location="/seen")
        else:
            self.answer(201, body, Content_Type=self.headers["Content-Type"])

    def log_message(self, *words: object) -> None:
        """Nothing: it is no server of anybody's."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client("127.0.0.1")
    yield made
    made.close()


def test_every_cookie_goes_back(client: Client, port: int) -> None:
    assert client.send(HttpRequest("GET", "/cookie"), port).answer.body == b"None"
    client.send(HttpRequest("GET", "/set"), port)
    assert client.send(HttpRequest("GET", "/cookie"), port).answer.body == b"a=b"


def test_redirects_within_the_target_are_followed(client: Client, port: int) -> None:
    reply = client.send(HttpRequest("GET", "/there"), port)
    assert (reply.answer.status, reply.target) == (200, "/seen?by=me")
    assert client.send(HttpRequest("POST", "/form", body=b"x"), port).answer.status == 200
    named = HttpRequest("GET", "/localhost", (("Host", "shop.test"),))
    assert client.send(named, port).answer.body == b"/seen shop.test"


def test_a_redirect_elsewhere_is_an_answer(client: Client, port: int) -> None:
    reply = client.send(HttpRequest("GET", "/away"), port)
    assert (reply.answer.status, reply.answer.location) == (302, "http://203.0.113.1.example/")
    assert client.send(HttpRequest("GET", "/there", follow=False), port).answer.status == 302


def test_redirects_have_an_end(client: Client, port: int) -> None:
    assert client.send(HttpRequest("GET", "/loop"), port).answer.status == 302


def test_bodies(client: Client, port: int) -> None:
    packed = client.send(HttpRequest("GET", "/gzip"), port).answer
    assert (packed.body, packed.type, packed.size) == (b"packed", "text/plain", 6)
    large = client.send(HttpRequest("GET", "/large"), port).answer
    assert (len(large.body), large.size) == (ANSWER_LIMIT, ANSWER_LIMIT + 1)
    posted = client.send(HttpRequest("POST", "/x", (("Content-Type", "a/b"),), b"\0\xff"), port).answer
    assert (posted.status, posted.body, posted.type) == (201, b"\0\xff", "a/b")


def test_no_answer_says_why(client: Client, port: int) -> None:
    assert client.send(HttpRequest("GET", "/close"), port).answer.error == "the connection was closed"
    refused = client.send(HttpRequest("GET", "/", port=1), port).answer
    assert (refused.status, refused.error) == (0, "the connection was refused")


def test_a_proxy_of_the_environment_is_not_used(
    client: Client, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert client.send(HttpRequest("GET", "/"), port).answer.status == 200


def test_a_stream_without_an_end_is_known_by_its_type(client: Client, port: int) -> None:
    answer = client.send(HttpRequest("GET", "/stream"), port).answer
    assert (answer.status, answer.type, answer.size, answer.digest) == (200, "text/event-stream", 0, "")


def test_fields_of_pages_and_cookies_go_into_later_requests(client: Client, port: int) -> None:
    client.send(HttpRequest("GET", "/page"), port)
    text = b"t={{csrf-token}}&u={{token}}&v={{XSRF}}&w={{other}}"
    form = ("Content-Type", "application/x-www-form-urlencoded")
    sent = client.send(HttpRequest("POST", "/x", (form,), text), port).answer.body
    assert sent == b"t=a%2Bb%2Fc%3D&u=x&v=y&w={{other}}"
    # Only a URL and a form have escapes.
    plain = client.send(HttpRequest("POST", "/x", (("Content-Type", "a/b"),), text), port).answer.body
    assert plain == b"t=a+b/c=&u=x&v=y&w={{other}}"
    assert client.send(HttpRequest("GET", "/?t=%7B%7Btoken%7D%7D"), port).answer.body.startswith(b"/?t=x ")


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """The port of a server with a certificate that nobody has signed."""
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    words = "openssl req -x509 -newkey rsa:1024 -nodes -subj /CN=other.test -days 2".split()
    subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(certificate, key)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *given: object) -> None:
            """Say nothing of a client that spoke no TLS."""

        def finish_request(self, request: Any, address: Any) -> None:
            with context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, address)

    with Quiet(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_port_that_speaks_tls_is_noticed(client: Client, tls_port: int) -> None:
    for _ in range(2):
        assert client.send(HttpRequest("GET", "/a"), tls_port).answer.status == 200
    assert client.send(HttpRequest("GET", "/a", port=tls_port, tls=True), tls_port).answer.status == 200


def test_a_port_that_only_another_address_has_is_asked_there() -> None:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6

    with Server(("::1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        two = Client("127.0.0.1", ["127.0.0.2", "::1"])
        try:
            replies = [two.send(HttpRequest("GET", "/there"), server.server_address[1]) for _ in range(2)]
            assert [reply.answer.status for reply in replies] == [200, 200]
            assert two.send(HttpRequest("GET", "/", port=1), 1).answer.error == "the connection was refused"
        finally:
            two.close()
            server.shutdown()
            thread.join()
