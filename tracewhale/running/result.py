"""The end of a traced run, for every engine."""

from __future__ import annotations

from dataclasses import dataclass

from tracewhale.errors import RunFailed
from tracewhale.tracing.events import Step, Trace


@dataclass(frozen=True, slots=True)
class Ending:
    """The finished steps, whether the command was stopped, and the error if the run failed."""

    steps: tuple[Step, ...]
    stopped: bool
    failure: RunFailed | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """The trace of a run, and the error if it failed; the trace then contains what came before."""

    trace: Trace
    failure: RunFailed | None = None

    def checked(self) -> Trace:
        """Return the trace of a successful run. Raise RunFailed."""
        if self.failure is not None:
            raise self.failure
        return self.trace
