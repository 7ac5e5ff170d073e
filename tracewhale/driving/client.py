"""The HTTP client. Requests go only to the target's own address, whatever host a URL or a redirect names."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from tracewhale import __version__
from tracewhale.driving.request_line import local
from tracewhale.driving.templates import Templates
from tracewhale.tracing.exchanges import ANSWER_LIMIT, TARGET, Answer, HttpRequest

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""The seconds that a client waits for a server's next bytes."""
ANSWER_SECONDS = 60.0
"""The seconds of one whole answer; an endless stream is cut then."""
SIZE_LIMIT = 64 << 20
"""The most bytes that are read of a body, decompressed."""
REDIRECTS = 10
TLS_PORTS = frozenset({443, 8443})
"""Ports at which a request without a scheme uses TLS."""
HANDSHAKE_SECONDS = 5.0
"""The seconds of a TLS handshake that shows whether a port speaks TLS."""
STREAM_SECONDS = 3.0
"""The seconds of an answer that has no end."""
STREAMS = frozenset({"text/event-stream", "multipart/x-mixed-replace"})
"""Media types of answers that have no end (HTML, 9.2 "Server-sent events")."""
CHUNK = 1 << 16
REFUSED = "the connection was refused"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the place that it came from after redirects."""

    answer: Answer
    target: str


class _AnyCookie(DefaultCookiePolicy):
    """Accept every cookie as the target's, whatever its domain: there is one server."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        return True


class _AnyTls(HTTPAdapter):
    """Accept every certificate, version and cipher: they are the target's own business."""

    def init_poolmanager(self, *given: Any, **options: Any) -> None:
        super().init_poolmanager(*given, **options, ssl_context=_any_tls())


def _any_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


class _Session(requests.Session):
    """A session that does not follow redirects, because the library would read their bodies whole."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class Client:
    """Sends requests to ``address`` (IPv4 or IPv6), keeps cookies, and keeps answers by name.

    Requests to a port that refuses them there go to the first of ``others`` that takes them.
    """

    def __init__(self, address: str, others: Sequence[str] = ()) -> None:
        self._address = address
        self._others = others
        self._addresses: dict[int, str] = {}
        self._tls_ports = {*TLS_PORTS}
        self._plain_ports: set[int] = set()
        self._session = _Session()
        self._session.trust_env = False  # no proxy, no .netrc: the target is reached directly
        self._session.verify = False
        self._session.mount("https://", _AnyTls())
        self._session.cookies.set_policy(_AnyCookie())
        self._session.headers.clear()
        self._session.headers.update(
            {"User-Agent": f"tracewhale/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        )
        self._templates = Templates(self._cookies)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def unknown(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the names that a request refers to and no answer so far has a value for."""
        return self._templates.unknown(request)

    def send(self, request: HttpRequest, port: int) -> Reply:
        """Send a request to ``port`` unless it names one, and follow redirects within the target.

        A failure is an answer of status 0 with the reason; nothing is raised.
        """
        try:
            filled = self._templates.fill(request)
        except ValueError as error:
            return Reply(Answer(0, error=str(error)), request.target)
        current = replace(filled, port=filled.port or port)
        current = replace(current, tls=current.tls or (not filled.port and port in self._tls_ports))
        seen = 0
        while True:
            answer = self._exchange(current)
            if answer.error == REFUSED:
                answer = self._elsewhere(current, answer)
            if not current.tls and self._wants_tls(current.port, answer):
                current = replace(current, tls=True)
                answer = self._exchange(current)
            following = _redirected(current, answer, self._host(current.port)) if request.follow else None
            if following is None or seen == REDIRECTS:
                self._templates.learn(request.name, answer)
                return Reply(answer, current.target)
            current, seen = following, seen + 1

    def _host(self, port: int) -> str:
        """Return the address at which a port answers, as a URL writes it."""
        address = self._addresses.get(port, self._address)
        return f"[{address}]" if ":" in address else address

    def _elsewhere(self, request: HttpRequest, refused: Answer) -> Answer:
        """Return the answer at another address of the target, else the refusal."""
        for address in self._others:
            self._addresses[request.port] = address
            answer = self._exchange(request)
            if answer.error != REFUSED:
                return answer
        self._addresses.pop(request.port, None)
        return refused

    def _wants_tls(self, port: int, answer: Answer) -> bool:
        """Return whether a port that refused a plain request speaks TLS, by a handshake of its own."""
        if answer.status not in (0, 400) or port in self._plain_ports:
            return False
        try:
            with (
                socket.create_connection(
                    (self._addresses.get(port, self._address), port), HANDSHAKE_SECONDS
                ) as plain,
                _any_tls().wrap_socket(plain),
            ):
                self._tls_ports.add(port)
        except (OSError, ValueError):
            if answer.status:
                self._plain_ports.add(port)
            return False
        return True

    def _cookies(self) -> dict[str, str]:
        return {
            cookie.name: cookie.value or "" for cookie in self._session.cookies if not cookie.is_expired()
        }

    def _cookie_header(self) -> dict[str, str]:
        """Return all cookies: the library would omit those of another domain, path or scheme."""
        text = "; ".join(f"{name}={value}" for name, value in self._cookies().items())
        return {"Cookie": text} if text else {}

    def _exchange(self, request: HttpRequest) -> Answer:
        again = request.method in ("GET", "HEAD", "OPTIONS")
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
                    return self._read(request)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                # A server may close a connection that it kept in the moment in which it is used again.
                if again and isinstance(error, requests.ConnectionError):
                    again = False
                    continue
                return Answer(0, error=reason_of(error))

    def _read(self, request: HttpRequest) -> Answer:
        scheme = "https" if request.tls else "http"
        began = time.monotonic()
        answer = self._session.request(
            request.method,
            f"{scheme}://{self._host(request.port)}:{request.port}{request.target}",
            headers={**self._cookie_header(), **dict(request.headers)},
            data=request.body or None,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        )
        kind = answer.headers.get("Content-Type", "")
        location = answer.headers.get("Location", "") if 300 <= answer.status_code < 400 else ""
        endless = kind.partition(";")[0].strip().lower() in STREAMS
        deadline = began + (STREAM_SECONDS if endless else ANSWER_SECONDS)
        digest, body, size = hashlib.sha256(), bytearray(), 0
        with answer:
            for piece in _pieces(answer, endless=endless):
                digest.update(piece)
                body += piece[: ANSWER_LIMIT - len(body)]
                size += len(piece)
                if size > SIZE_LIMIT or time.monotonic() > deadline:
                    break
        if endless:  # how much of it came is a matter of time
            return Answer(answer.status_code, kind, location)
        return Answer(answer.status_code, kind, location, size, digest.hexdigest(), bytes(body))


def _pieces(answer: requests.Response, *, endless: bool) -> Iterator[bytes]:
    """Yield the body; of an endless one, the part that comes before the first longer pause."""
    if not endless:
        yield from answer.iter_content(CHUNK)
        return
    with suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        connection = getattr(answer.raw, "connection", None)
        if connection is not None and connection.sock is not None:
            connection.sock.settimeout(STREAM_SECONDS)
        yield from answer.iter_content(1)


def _redirected(request: HttpRequest, answer: Answer, host: str) -> HttpRequest | None:
    """Return the request of a redirect, or None if the answer is not a redirect or leads out of the
    target."""
    if answer.status not in (301, 302, 303, 307, 308) or not answer.location:
        return None
    scheme = "https" if request.tls else "http"
    host_header = next((value for name, value in request.headers if name.lower() == "host"), host)
    name = host_header.partition(":")[0] if host_header != host else host
    base = f"{scheme}://{name}:{request.port}{request.target}"
    try:
        parts = urlsplit(urljoin(base, answer.location))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        same = parts.hostname is not None and (
            local(parts.hostname) or parts.hostname == urlsplit(base).hostname
        )
    except ValueError:
        return None
    target = requests.utils.requote_uri((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    if parts.scheme not in ("http", "https") or not same or not TARGET.fullmatch(target):
        return None
    method, body = request.method, request.body
    if (answer.status == 303 and method != "HEAD") or (answer.status in (301, 302) and method == "POST"):
        method, body = "GET", b""
    headers = request.headers
    if not body:
        headers = tuple(pair for pair in headers if pair[0].lower() not in ("content-type", "content-length"))
    return replace(
        request,
        method=method,
        target=target,
        headers=headers,
        body=body,
        port=port,
        tls=parts.scheme == "https",
    )


def reason_of(error: BaseException) -> str:
    """Return the reason for a missing answer, in a few words."""
    text = str(error)
    for pattern, words in (
        ("refused", REFUSED),
        ("timed out|Timeout", "it took too long"),
        ("reset|aborted|disconnected|BrokenPipe", "the connection was closed"),
        ("unreachable|No route", "it cannot be reached from this machine"),
    ):
        if re.search(pattern, text):
            return words
    return text.splitlines()[0][:200] if text else type(error).__name__
