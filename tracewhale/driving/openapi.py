"""Requests from an OpenAPI document: examples, valid values, and some invalid ones.

schemathesis, an optional extra, makes them. They are recorded and repeated unchanged.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import requests

from tracewhale.errors import UsageError
from tracewhale.tracing.exchanges import TARGET, TOKEN, VALUE, HttpRequest

DEFAULT_MOST = 200
"""The default number of requests."""
SECONDS = 60.0
"""The seconds for making requests; operations that are left then have none."""
BASE = "http://target.invalid"
DROPPED = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "user-agent", "x-schemathesis-testcaseid"}
)
ORDER = ("POST", "PUT", "GET", "HEAD", "OPTIONS", "PATCH", "DELETE")
"""The order of methods: creating requests come before reading ones, and deleting ones come last."""


NEGOTIATING_SHARE = 12
"""The least share of an operation with which other media types and languages are requested, too."""
NEGOTIATED = (
    ("GET", ("Accept", "text/html,application/xhtml+xml")),
    ("GET", ("Accept", "application/xml")),
    ("GET", ("Accept-Language", "de")),
    ("GET", ("Accept-Language", "ja")),
    ("HEAD", ("Accept", "*/*")),
    ("OPTIONS", ("Accept", "*/*")),
)
"""Methods with a header that request the same resource in another form; none changes anything."""
UNKNOWN = "/no-such-page"
"""A path that no document describes: the answer is the server's page for a missing resource."""


def check_installed() -> None:
    """Raise UsageError if the extra is missing."""
    if find_spec("schemathesis") is None:
        raise UsageError(
            "--openapi needs schemathesis, which is not installed.", "Run: pip install 'tracewhale[openapi]'"
        )


def requests_of(document: bytes, most: int = DEFAULT_MOST) -> tuple[HttpRequest, ...]:
    """Make at most ``most`` requests from a document in JSON or YAML, the same each time.

    Each operation has an equal share. If it is large enough, readable resources are also requested in the way
    of a browser. Raise ValueError if it is not an OpenAPI document.
    """
    check_installed()
    import schemathesis
    from schemathesis.errors import SchemathesisError

    raw = _parsed(document)
    if not ({"openapi", "swagger"} & raw.keys() and isinstance(raw.get("paths"), dict)):
        raise ValueError("it is not an OpenAPI document")
    try:
        schema = schemathesis.openapi.from_dict(raw)
        operations = [item.ok() for item in schema.get_all_operations() if hasattr(item, "ok")]
    except (SchemathesisError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(f"it is not an OpenAPI document: {str(error)[:200]}") from error
    if not operations:
        raise ValueError("it describes no operation")
    operations.sort(key=lambda item: ORDER.index(item.method.upper()) if item.method.upper() in ORDER else 9)
    requests: dict[HttpRequest, None] = {}
    deadline = time.monotonic() + SECONDS
    share = max(1, most // len(operations))
    if negotiating := share >= NEGOTIATING_SHARE:
        requests[HttpRequest("GET", f"{_base_path(raw)}{UNKNOWN}")] = None
    with _own_storage():
        for operation in operations:
            own: dict[HttpRequest, None] = {}
            for case in _cases(operation, share, deadline):
                request = _request(case, _base_path(raw))
                if request is not None:
                    own.setdefault(request)
                if len(own) == share - negotiating * len(NEGOTIATED):
                    break
            if negotiating and operation.method.upper() == "GET" and own:
                own |= dict.fromkeys(_negotiated(next(iter(own))))
            requests |= own
            if len(requests) >= most:
                break
    return tuple(requests)[:most]


@contextmanager
def _own_storage() -> Iterator[None]:
    """Let hypothesis keep its database in a temporary directory, and not in the user's working directory."""
    from hypothesis.configuration import set_hypothesis_home_dir

    with tempfile.TemporaryDirectory(prefix="tracewhale-openapi-") as directory:
        set_hypothesis_home_dir(directory)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def _negotiated(request: HttpRequest) -> Iterator[HttpRequest]:
    """Yield requests for the same resource by other methods, for other media types and in other languages."""
    for method, header in NEGOTIATED:
        others = (pair for pair in request.headers if pair[0].lower() != header[0].lower())
        yield replace(request, method=method, headers=(*others, header))


def _parsed(document: bytes) -> dict[str, Any]:
    try:
        value = json.loads(document)
    except ValueError:
        import yaml

        try:
            value = yaml.safe_load(document)
        except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
            raise ValueError("it is neither JSON nor YAML") from error
    if not isinstance(value, dict):
        raise ValueError("it is not an OpenAPI document")
    return value


def _base_path(raw: Mapping[str, Any]) -> str:
    servers = raw.get("servers")
    url = servers[0].get("url", "") if isinstance(servers, list) and servers else raw.get("basePath", "")
    return urlsplit(str(url)).path.rstrip("/") if "{" not in str(url) else ""


def _cases(operation: Any, share: int, deadline: float) -> Iterator[Any]:
    """Yield cases of an operation: first the document's examples, then generated ones, a third of them
    invalid."""
    from hypothesis.errors import HypothesisException
    from schemathesis import GenerationMode
    from schemathesis.errors import SchemathesisError

    wrong = share // 3
    for make, count in (
        (operation.get_strategies_from_examples, share),
        (lambda: [operation.as_strategy(GenerationMode.POSITIVE)], share - wrong),
        (lambda: [operation.as_strategy(GenerationMode.NEGATIVE)], wrong),
    ):
        try:
            for strategy in make() if count else ():
                if time.monotonic() < deadline:
                    yield from _drawn(strategy, count, deadline)
        except (HypothesisException, SchemathesisError):  # there is nothing that does not fit, for one
            continue


def _drawn(strategy: Any, count: int, deadline: float) -> list[Any]:
    from hypothesis import HealthCheck, Phase, given, settings

    drawn: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(case: Any) -> None:
        if time.monotonic() < deadline:
            drawn.append(case)

    draw()
    return drawn


def _request(case: Any, base: str) -> HttpRequest | None:
    """Return a case as a request, or None if HTTP cannot carry it."""
    try:
        prepared = requests.Request(**case.as_transport_kwargs(base_url=f"{BASE}{base}")).prepare()
        parts = urlsplit(str(prepared.url))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = tuple(
            (name, value if isinstance(value, str) else value.decode("latin-1"))
            for name, value in prepared.headers.items()
            if name.lower() not in DROPPED
        )
        body = prepared.body or b""
        if not TARGET.fullmatch(target) or not all(
            TOKEN.fullmatch(name) and VALUE.fullmatch(value) and value.isascii() for name, value in headers
        ):
            return None
        return HttpRequest(
            str(prepared.method), target, headers, body.encode() if isinstance(body, str) else bytes(body)
        )
    except (requests.RequestException, ValueError, TypeError, UnicodeError, AttributeError):
        return None
