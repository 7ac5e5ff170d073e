"""How a traced run ended, whichever engine ran it."""

from __future__ import annotations

from dataclasses import dataclass

from tracewhale.errors import RunFailed
from tracewhale.tracing.events import Step, Trace


@dataclass(frozen=True, slots=True)
class Ending:
    """The steps that were taken, and whether the command was stopped rather than ended, or why it failed."""

    steps: tuple[Step, ...]
    stopped: bool
    failure: RunFailed | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """The trace of a run, and why it failed, if it did: the trace then says what it lacked."""

    trace: Trace
    failure: RunFailed | None = None

    def checked(self) -> Trace:
        """Return the trace of a run that went well. Raises RunFailed."""
        if self.failure is not None:
            raise self.failure
        return self.trace
