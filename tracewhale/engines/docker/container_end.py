"""How a container ended, as the engine remembers it: its status and its log."""

from __future__ import annotations

from typing import Any, cast

from docker import APIClient

from tracewhale.engines.base import EndedContainer
from tracewhale.engines.docker.engine import api_errors
from tracewhale.engines.docker.target import inspect_container
from tracewhale.tracing.events import Outcome

LINES = 5000
"""Lines of the log that are read: the last ones."""

LOG_LIMIT = 4 << 20
"""Bytes of each output that are kept: the last ones."""

OVER = ("exited", "dead", "created")
"""States of a container that runs no more; one that is ``created`` may have failed to start."""


def ended_container(client: APIClient, identifier: str) -> EndedContainer | None:
    """Return how a container ended; None for one that runs, and for one that nobody tried to start."""
    container = inspect_container(client, identifier)
    state = container["State"]
    refusal = str(state.get("Error") or "")
    status = int(state.get("ExitCode") or 0)
    if state.get("Status") not in OVER or (state["Status"] == "created" and not (refusal or status)):
        return None
    if state.get("OOMKilled"):
        refusal = "The container was killed for using too much memory."
    outcome = Outcome(
        status=status,
        stdout=_log(client, identifier, stdout=True),
        stderr=_log(client, identifier, stdout=False),
        hostname=str(container["Config"].get("Hostname", "")),
    )
    return EndedContainer(outcome, refusal)


def _log(client: APIClient, identifier: str, *, stdout: bool) -> bytes:
    """Return one of the outputs in the log; empty where the log driver keeps none that can be read."""
    with api_errors(f"read the log of {identifier}"):
        pieces = cast(Any, client).logs(identifier, stdout=stdout, stderr=not stdout, tail=LINES)
    return bytes(pieces)[-LOG_LIMIT:]
