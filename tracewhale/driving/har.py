"""Requests in an HTTP Archive (HAR 1.2), as exported by browsers."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tracewhale.driving.request_line import build_request, place_of
from tracewhale.tracing.exchanges import TOKEN, HttpRequest

DROPPED = frozenset(
    "accept-encoding connection content-length cookie host if-modified-since if-none-match keep-alive origin "
    "proxy-connection te trailer transfer-encoding upgrade upgrade-insecure-requests".split()
)
"""Headers that belong to the connection or to an earlier session: the client sets its own."""


def parse_har(text: str) -> tuple[HttpRequest, ...]:
    """Return the archive's requests to the host of its first one, in order, with their recorded statuses.

    Requests of a page to other hosts are left out. Raise ValueError if it is not an archive.
    """
    try:
        entries = json.loads(text)["log"]["entries"]
        places = [urlsplit(entry["request"]["url"]) for entry in entries]
        # A browser's own pages and inline images are entries, too.
        hosts = [place.netloc if place.scheme in ("http", "https") else "" for place in places]
        first = next(filter(None, hosts), "")
        return tuple(
            _request(entry) for entry, host in zip(entries, hosts, strict=True) if host and host == first
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not an HTTP Archive: {error}") from error


def _request(entry: Mapping[str, Any]) -> HttpRequest:
    request = entry["request"]
    headers = [
        (pair["name"], pair["value"])
        for pair in request.get("headers", ())
        if TOKEN.fullmatch(pair["name"]) and pair["name"].lower() not in DROPPED
    ]
    data = request.get("postData") or {}
    body = data.get("text") or "&".join(f"{p['name']}={p.get('value', '')}" for p in data.get("params") or ())
    raw = base64.b64decode(body) if data.get("encoding") == "base64" else body.encode()
    status = int((entry.get("response") or {}).get("status") or 0)
    # A request is sent again without the browser's cache and cookies: only a refusal must stay one.
    expected = status if 400 <= status < 600 else 0
    request = build_request(
        request["method"], place_of(request["url"]), headers, raw, data.get("mimeType", ""), expected
    )
    # The browser followed a redirect by the next entry.
    return replace(request, follow=not 300 <= status < 400)
