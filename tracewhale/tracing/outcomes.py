"""The outcome of a command as a line of a trace file (docs/trace-format.md). Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tracewhale.tracing.events import FailedProcess, Outcome, WrittenFile
from tracewhale.tracing.fields import integer, path, text


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome in plain JSON values."""
    failed, written = outcome.failed, outcome.written
    return {
        "status": outcome.status,
        "stopped": outcome.stopped,
        "stdout": base64.b64encode(outcome.stdout).decode(),
        "stderr": base64.b64encode(outcome.stderr).decode(),
        "hostname": outcome.hostname,
        "addresses": list(outcome.addresses),
        "signal": outcome.signal,
        "absent": list(outcome.absent),
        "failed": None if failed is None else [[f.program, f.status, f.killed] for f in failed],
        "written": None
        if written is None
        else [[f.path, f.kind, f.size, f.digest, f.normal] for f in written],
    }


def from_json(value: Mapping[str, Any]) -> Outcome:
    """Return the outcome that ``to_json`` wrote. Raise KeyError, TypeError or ValueError if it is
    malformed."""
    failed, written = value.get("failed"), value.get("written")
    return Outcome(
        status=integer(value["status"]),
        stopped=bool(value["stopped"]),
        stdout=base64.b64decode(value["stdout"], validate=True),
        stderr=base64.b64decode(value["stderr"], validate=True),
        hostname=text(value["hostname"]),
        addresses=tuple(text(address) for address in value["addresses"]),
        signal=integer(value.get("signal", 0)),
        absent=tuple(path(item) for item in value.get("absent", ())),
        failed=None if failed is None else tuple(_process(*item) for item in failed),
        written=None if written is None else tuple(_file(*item) for item in written),
    )


def _process(program: object, status: object, killed: object) -> FailedProcess:
    return FailedProcess(text(program), integer(status), killed is True)


def _file(name: object, kind: object, size: object, digest: object, normal: object) -> WrittenFile:
    return WrittenFile(path(name), text(kind), integer(size), text(digest), text(normal))
