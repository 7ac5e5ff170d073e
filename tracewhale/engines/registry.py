"""The registry of engines: the kind of a target's name picks one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from tracewhale.engines.base import EndedContainer, Engine, Request, Target
from tracewhale.engines.names import ARCHIVE, DOCKER, HOST, OCI, OCI_ARCHIVE, ROOTFS, parse
from tracewhale.errors import UsageError
from tracewhale.running.console import Console, Progress
from tracewhale.running.run import Run
from tracewhale.tracing.events import Observer, Step, Trace


def _docker(progress: Progress) -> Engine:
    from tracewhale.engines.docker.adapter import DockerEngine  # with the engine's client, which is large

    return DockerEngine(progress)


def _embedded(progress: Progress) -> Engine:
    from tracewhale.engines.embedded.adapter import EmbeddedEngine

    return EmbeddedEngine(progress)


ENGINES: tuple[tuple[Callable[[Progress], Engine], tuple[str, ...]], ...] = (
    (_docker, (DOCKER,)),
    (_embedded, (ARCHIVE, OCI, OCI_ARCHIVE, ROOTFS, HOST)),
)
"""Each engine with the kinds of names (`tracewhale.engines.names`) that it answers for."""


class Engines:
    """All engines as one: each opens targets of its own kinds, and is made when it is needed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._engines: dict[Callable[[Progress], Engine], Engine] = {}

    def open(self, name: str, request: Request) -> AbstractContextManager[Target]:
        """Open a target. Raise the errors of its engine."""
        return self._engine(name).open(name, request)

    def labelled(self, selector: str) -> str:
        """Return the name of the one running container that has a label. Raise UsageError."""
        from tracewhale.engines.docker.adapter import DockerEngine

        docker = self._of_kind(DOCKER)
        names = docker.labelled(selector) if isinstance(docker, DockerEngine) else ()
        if len(names) != 1:
            matches = f"it names {len(names)} ({', '.join(sorted(names))})" if names else "there is none"
            raise UsageError(f"--label {selector}: {matches}.", "Name one container that runs.")
        return names[0]

    def attach(
        self,
        name: str,
        request: Request,
        steps: Sequence[Step],
        console: Console,
        observe: Observer | None = None,
    ) -> Trace:
        """Trace a running container, which keeps running. Raise UsageError if the target does not run."""
        return self._engine(name).attach(name, request, steps, console, observe)

    def ended_container(self, name: str) -> EndedContainer | None:
        """Return how a container ended, or None if the target is anything else."""
        return self._engine(name).ended_container(name)

    def reopen(self, trace: Trace, name: str = "") -> AbstractContextManager[Target]:
        """Return a trace's target, or another image by name, with the request in the trace."""
        engine = self._engine(name or trace.target)
        if engine is self._engine(trace.target):
            return engine.reopen(trace, name)
        request = Run.from_json(trace.request, trace.target, trace.image, {})
        return engine.open(name, Request(request.options, request.command))

    def _engine(self, name: str) -> Engine:
        return self._of_kind(parse(name).kind)

    def _of_kind(self, kind: str) -> Engine:
        make = next(make for make, kinds in ENGINES if kind in kinds)
        if make not in self._engines:
            self._engines[make] = make(self._progress)
        return self._engines[make]
