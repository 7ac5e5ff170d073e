"""The surroundings of the stages: streams, progress, interrupts, and a stopwatch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from tracewhale.engines.base import Target
from tracewhale.errors import Interrupted, TraceWhaleError
from tracewhale.rootfs.tree import View
from tracewhale.running.console import Console, Handle, Progress
from tracewhale.running.session import GIVEN_UP
from tracewhale.tracing.events import Trace


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run of a target that failed, with its trace if there is one.

    ``full`` shows the files of a complete image called ``full_name``, if there is one.
    """

    target: Target
    view: View
    error: TraceWhaleError
    trace: Trace | None = None
    full: View | None = None
    full_name: str = ""


Explain = Callable[[FailedRun], TraceWhaleError]
"""Returns the error of a failed run with the reason for it."""


@dataclass(slots=True)
class Context:
    """The surroundings of the stages: the user's side, and a stopwatch.

    ``surroundings`` starts the services beside the target in each run, those of a Compose project.
    ``explain`` adds the reason to the error of a failed run.
    """

    console: Console = field(default_factory=Console)
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext
    explain: Explain = lambda run: run.error
    running: bool = False
    """Whether the user's command runs now, so that a signal is meant for it."""
    ended: BaseException | None = None
    """The exception of a signal that ends the work; in a finalizer or a callback Python would only print it.
    """
    _seconds: dict[str, float] = field(default_factory=dict)
    _done: int = 0
    _total: int = 0

    @property
    def handle(self) -> Handle:
        """The way to interrupt a run."""
        return self.console.handle

    @property
    def progress(self) -> Progress:
        """Called with words on the work that begins."""
        return self.console.progress

    @contextmanager
    def stage(self, name: str, text: str) -> Iterator[None]:
        """Report the present stage, and add the seconds to it."""
        if self.ended is not None:
            raise self.ended
        self.progress(text)
        begun = time.monotonic()
        self._seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._seconds[name] += time.monotonic() - begun

    @contextmanager
    def bar(self, name: str, text: str, total: int) -> Iterator[None]:
        """Report a stage that reads or writes so many bytes, each of which is counted."""
        with self.stage(name, text):
            self._done, self._total = 0, total
            yield
            self._total = 0

    def count(self, size: int) -> None:
        """Report that so many more bytes of a stage are done."""
        if self._total:
            self._done += size
            self.console.amount(min(self._done, self._total), self._total, "")

    @contextmanager
    def command(self, text: str) -> Iterator[None]:
        """Yield during the stage in which the user's own command runs."""
        with self.stage("trace", text):
            self.running = True
            try:
                yield
            finally:
                self.running = False
        if self.handle.interrupts > 1:  # the second came when the run was over but for its cleaning up
            raise Interrupted(GIVEN_UP)

    @property
    def seconds(self) -> tuple[tuple[str, float], ...]:
        """The seconds of each stage so far, in the order of their beginning."""
        return tuple(self._seconds.items())
