"""Links and assets in a server's answers: HTML's attributes with URLs, and CSS's ``url()``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

from tracewhale.driving.request_line import SAFE
from tracewhale.tracing.exchanges import TARGET, Answer

ATTRIBUTES = frozenset({"href", "src", "data", "poster", "background", "data-src"})
CSS = re.compile(r"""url\(\s*["']?([^"')\s]{1,2000})["']?\s*\)|@import\s+["']([^"']{1,2000})["']""")
REFRESH = re.compile(r"\d+\s*;\s*url\s*=\s*['\"]?([^'\"]+)", re.IGNORECASE)
LEAVES = re.compile(r"(?:log|sign)-?_?(?:out|off)|delete|destroy|unsubscribe", re.IGNORECASE)
"""Links that end a session or delete something. Following them by GET should do nothing, but may."""
MOST = 500
"""The most links taken from one page."""


def links_of(answer: Answer, target: str, hosts: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the paths on the same server in an answer from ``target``, each once, in order.

    ``hosts`` are names of the server besides its own address.
    """
    kind = answer.type.partition(";")[0].strip().lower()
    text = answer.body.decode("utf-8", "replace")
    if kind in ("text/html", "application/xhtml+xml"):
        links = _in_html(text)
    elif kind == "text/css":
        links = _in_css(text)
    else:
        return ()
    paths: dict[str, None] = {}
    for link in links:
        path = _within(link, target, hosts)
        if path is not None and not LEAVES.search(path):
            paths.setdefault(path)
        if len(paths) == MOST:
            break
    return tuple(paths)


HERE = "target.invalid"


def _within(link: str, target: str, hosts: frozenset[str]) -> str | None:
    try:
        parts = urlsplit(urljoin(f"http://{HERE}{target}", link.strip()))
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or (host != HERE and host not in hosts):
        return None
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=SAFE)
    return path if TARGET.fullmatch(path) else None


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        if tag == "base":
            self.base = self.base or given.get("href", "")
            return
        self.links += [value for name, value in given.items() if name in ATTRIBUTES]
        if "srcset" in given:
            self.links += [
                candidate.split()[0] for candidate in given["srcset"].split(",") if candidate.strip()
            ]
        if "style" in given:
            self.links += _in_css(given["style"])
        if tag == "meta" and (refresh := REFRESH.match(given.get("content", ""))):
            self.links.append(refresh[1])

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.links += _in_css(data)


def _in_html(text: str) -> Iterator[str]:
    parser = _Links()
    try:
        parser.feed(text)
        parser.close()
    except (AssertionError, ValueError):  # html.parser gives up on some malformed declarations
        pass
    return (urljoin(parser.base, link) if parser.base else link for link in parser.links)


def _in_css(text: str) -> Iterator[str]:
    return (match[1] or match[2] for match in CSS.finditer(text))
