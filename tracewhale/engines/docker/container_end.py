"""The end of a container, as the engine recorded it: its status and its log."""

from __future__ import annotations

from typing import Any, cast

from docker import APIClient

from tracewhale.engines.base import EndedContainer
from tracewhale.engines.docker.engine import api_errors
from tracewhale.engines.docker.target import inspect_container
from tracewhale.tracing.events import Outcome

LINES = 5000
"""The most lines of the log that are read, from its end."""

LOG_LIMIT = 4 << 20
"""The most bytes that are kept of each output, from its end."""

OVER = ("exited", "dead", "created")
"""The states of a container that does not run; one that is ``created`` may have failed to start."""


def ended_container(client: APIClient, identifier: str) -> EndedContainer | None:
    """Return how a container ended; None if it runs, or if nobody tried to start it."""
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
    """Return one output of the log, or empty if the log driver keeps nothing that can be read."""
    with api_errors(f"read the log of {identifier}"):
        pieces = cast(Any, client).logs(identifier, stdout=stdout, stderr=not stdout, tail=LINES)
    return bytes(pieces)[-LOG_LIMIT:]
