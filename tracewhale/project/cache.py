"""A cache of traces. A trace is reused if nothing that it depends on has changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tracewhale import __version__
from tracewhale.errors import TraceFileError, UsageError
from tracewhale.tracing import tracefile
from tracewhale.tracing.events import Step, Trace
from tracewhale.tracing.exchanges import to_json


@dataclass(frozen=True, slots=True)
class TraceCache:
    """A directory of trace files, each with the key of its trace as its name."""

    directory: str

    def find(self, key: str) -> Trace | None:
        """Return the trace of a key, or None if there is none that can be read."""
        try:
            return tracefile.read(self._path(key))
        except TraceFileError:
            return None

    def store(self, key: str, trace: Trace) -> None:
        """Keep a trace. Raise UsageError if the directory cannot be made, TraceFileError, NoSpace."""
        try:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"The cache {self.directory} cannot be made: {error.strerror}.", "Name another directory."
            ) from error
        tracefile.write(trace, self._path(key))

    def _path(self, key: str) -> str:
        return str(Path(self.directory) / f"{key}.trace")


def key_of(image: str, request: object, steps: Sequence[Step]) -> str:
    """Return the key of a trace, made of the target's digest, the request in JSON values, the steps, and this
    version.

    The contents of a workload's command or of a mounted directory are not part of it.
    """
    value = {
        "version": __version__,
        "image": image,
        "request": request,
        "steps": [
            [step.kind, step.argument, step.seconds, [*map(to_json, step.exchanges)]] for step in steps
        ],
    }
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
