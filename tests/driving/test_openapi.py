"""Requests out of an OpenAPI document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracewhale.driving.openapi import requests_of

ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 10}, "price": {"type": "number"}},
    "required": ["name"],
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.2",
    "info": {"title": "Whales", "version": "1"},
    "servers": [{"url": "https://whales.example/api"}],
    "paths": {
        "/items/{n}": {
            "get": {
                "parameters": [
                    {"name": "n", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "tz", "in": "query", "schema": {"type": "string"}, "example": "Asia/Tokyo"},
                ],
                "responses": {"200": {"description": "an item"}},
            },
            "delete": {
                "parameters": [{"name": "n", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"204": {"description": "gone"}},
            },
        },
        "/items": {
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": ITEM, "example": {"name": "orca"}}}
                },
                "responses": {"201": {"description": "made"}},
            }
        },
    },
}


def test_every_operation_has_its_share() -> None:
    found = requests_of(json.dumps(DOCUMENT).encode(), 30)
    assert 0 < len(found) <= 30
    methods = [request.method for request in found]
    assert {"POST", "GET", "DELETE"} <= {*methods}
    assert methods[0] == "POST"
    assert methods[-1] not in ("POST", "GET")
    assert all(request.target.startswith("/api/items") for request in found)
    assert any(request.body == b'{"name": "orca"}' for request in found)
    assert any("tz=Asia" in request.target for request in found)
    assert found == requests_of(json.dumps(DOCUMENT).encode(), 30)


def test_what_every_server_is_asked() -> None:
    requests = requests_of(json.dumps(DOCUMENT).encode(), 60)
    assert len(requests) <= 60
    assert requests[0].target == "/api/no-such-page"
    assert {"HEAD", "OPTIONS"} <= {request.method for request in requests}
    (german,) = [request for request in requests if ("Accept-Language", "de") in request.headers]
    assert (german.method, german.body) == ("GET", b"")
    assert any(("Accept", "application/xml") in request.headers for request in requests)
    assert requests[-1].method == "DELETE"


def test_nothing_is_written_where_the_user_works(tmp_path: Path) -> None:
    # In a process of its own: hypothesis has looked for its directory when it was imported.
    program = "import sys; from tracewhale.driving.openapi import *; requests_of(sys.stdin.buffer.read(), 9)"
    subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(DOCUMENT).encode(),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "TMPDIR": str(tmp_path)},
        check=True,
    )
    assert [*tmp_path.iterdir()] == []


def test_yaml_and_few() -> None:
    get = b"get: {responses: {'200': {description: x}}}"
    text = b"openapi: 3.0.2\ninfo: {title: a, version: '1'}\npaths: {/a: {%s}}\n" % get
    (request,) = requests_of(text, 1)
    assert (request.method, request.target) == ("GET", "/a")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"a: [",
        b'{"openapi": "3.0.2", "paths": {}}',
        b'{"openapi": 3, "paths": 4}',
    ],
)
def test_what_is_no_document(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"it "):
        requests_of(text)
