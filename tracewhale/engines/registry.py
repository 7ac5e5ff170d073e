"""The registry of engines: the prefix of a target's name picks one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from tracewhale.engines.base import Progress, Request, Target
from tracewhale.engines.docker.adapter import DockerEngine
from tracewhale.engines.embedded.adapter import EmbeddedEngine
from tracewhale.engines.names import DOCKER, parse
from tracewhale.errors import UsageError
from tracewhale.running.console import Console, Handle
from tracewhale.running.run import Run
from tracewhale.tracing.events import Step, Trace


class Engines:
    """Docker's engine for images and containers of its own, the embedded one for everything else."""

    def __init__(self, progress: Progress) -> None:
        self._docker, self._embedded = DockerEngine(progress), EmbeddedEngine(progress)

    def open(self, name: str, request: Request) -> AbstractContextManager[Target]:
        """Find a target. Raises what its engine does."""
        found = parse(name)
        if found.kind != DOCKER:
            return self._embedded.open(name, request)
        return self._docker.open(found.place, request)

    def attach(
        self, name: str, request: Request, steps: Sequence[Step], console: Console, handle: Handle
    ) -> Trace:
        """Trace a container that runs, which goes on."""
        found = parse(name)
        if found.kind != DOCKER:
            raise UsageError(f"{name} does not run, and --attach takes a running container.", "Leave it out.")
        return self._docker.attach(found.place, request, steps, console, handle)

    def reopen(self, trace: Trace, name: str = "") -> AbstractContextManager[Target]:
        """Return what a trace was made of, or another image by name, with the request that the trace
        holds."""
        kinds = [parse(each).kind == DOCKER for each in (trace.target, name or trace.target)]
        if all(kinds):
            return self._docker.reopen(trace, name and parse(name).place)
        if not any(kinds):
            return self._embedded.reopen(trace, name)
        request = Run.from_json(trace.request, trace.target, trace.image, {})
        return self.open(name, Request(request.options, request.command))
