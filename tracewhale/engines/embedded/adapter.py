"""Archives, layouts, directories and this machine as the pipeline's targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import replace

from tracewhale.engines import output
from tracewhale.engines.base import Request
from tracewhale.engines.embedded import driver
from tracewhale.engines.embedded.command import workdir_of
from tracewhale.engines.embedded.machine import this_machine
from tracewhale.engines.embedded.mount_snapshot import copied_mounts, mount_snapshot
from tracewhale.engines.embedded.sandbox_session import OverlayRefused
from tracewhale.engines.embedded.sources import Source, of_image, open_source
from tracewhale.engines.names import OCI, Name, parse
from tracewhale.engines.probes import Probe
from tracewhale.engines.requested import RequestedTarget
from tracewhale.errors import TargetNotFound, UsageError
from tracewhale.image import Image
from tracewhale.rootfs.counted_tree import Count, ignore
from tracewhale.rootfs.tree import Tree
from tracewhale.running.console import Console, Progress
from tracewhale.running.result import RunResult
from tracewhale.running.run import Run, adding
from tracewhale.running.setup import RunSetup
from tracewhale.running.snapshot import MountSnapshot
from tracewhale.running.stopping import StopPolicy
from tracewhale.tracing.events import Observer, Step, Trace


class EmbeddedTarget(RequestedTarget):
    """Files with a configuration, and the run that is requested in a sandbox."""

    def __init__(self, source: Source, run: Run) -> None:
        super().__init__(run, source.identity, source.size, source.config)
        self._source = source

    @property
    def default_destination(self) -> Name:
        """A file in the current directory, in a form that every tool reads."""
        return Name(OCI, self._source.default_name)

    def tree(self) -> AbstractContextManager[Tree]:
        return nullcontext(self._source.tree)

    def _copies(self, mounts: MountSnapshot) -> AbstractContextManager[Mapping[str, str]]:
        return copied_mounts(mounts)

    def running(self, command: tuple[str, ...]) -> EmbeddedTarget:
        return EmbeddedTarget(self._source, replace(self._run, command=command))

    def adding(self, variable: str, words: str) -> EmbeddedTarget:
        return EmbeddedTarget(self._source, adding(self._run, variable, words))

    def snapshot(self) -> AbstractContextManager[MountSnapshot]:
        return mount_snapshot(self._run)

    def _trace(self, run: Run, setup: RunSetup, stopping: StopPolicy) -> RunResult:
        with closing(self._source.places(self._who(setup.tree).uid)) as places:
            for place in places:
                with suppress(OverlayRefused):
                    return driver.trace(
                        run,
                        self._source.machine,
                        place,
                        tree=setup.tree,
                        steps=setup.steps,
                        console=setup.console,
                        changes=setup.changes,
                        stopping=stopping,
                    )
        raise AssertionError("places end with an error")

    def changes(self, base: str) -> tuple[str, ...]:
        raise UsageError(f"--keep-changes needs an image or a container of Docker's, not {self.name}.")

    def directories(self, tree: Tree) -> tuple[str, ...]:
        return (workdir_of(self._run), self._who(tree).home)

    @contextmanager
    def rebuilt(self, image: Image, count: Count = ignore) -> Iterator[EmbeddedRebuilt]:
        with of_image(image, self._source.machine) as source:
            yield EmbeddedRebuilt(source, self._run, image)


class EmbeddedRebuilt:
    """A new image that exists only in our own files."""

    def __init__(self, source: Source, run: Run, image: Image) -> None:
        self._source = source
        self._run = run
        self._image = image
        self.target = self.running(run.command)

    def running(self, command: tuple[str, ...]) -> EmbeddedTarget:
        config = self._source.config.get("config") or {}
        run = replace(self._run, command=command).on(self._source.identity, config)
        return EmbeddedTarget(self._source, run)

    def publish(self, destination: Name) -> tuple[tuple[str, str], ...]:
        return output.write(self._image, destination)


class EmbeddedEngine:
    """The probe's own sandbox."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def open(self, name: str, request: Request) -> Iterator[EmbeddedTarget]:
        if request.probe not in (Probe.AUTO, Probe.SECCOMP):
            raise UsageError(
                f"--probe {request.probe.value} traces containers of Docker's, not {name}.",
                "Leave it out: without an engine the seccomp probe is the only one.",
            )
        with open_source(parse(name), request, this_machine()) as source:
            run = Run(
                name, source.identity, source.config.get("config") or {}, request.options, request.command
            )
            yield EmbeddedTarget(source, run)

    def attach(
        self,
        name: str,
        request: Request,
        steps: Sequence[Step],
        console: Console,
        observe: Observer | None = None,
    ) -> Trace:
        """Raise UsageError: no target of this engine is running."""
        raise UsageError(f"{name} does not run, and --attach takes a running container.", "Leave it out.")

    def ended_container(self, name: str) -> None:
        """Return None: no target of this engine has run before."""

    @contextmanager
    def reopen(self, trace: Trace, name: str = "") -> Iterator[EmbeddedTarget]:
        request = Run.from_json(trace.request, trace.target, trace.image, {})
        with self.open(name or trace.target, Request(request.options, request.command)) as target:
            if not name and target.image != trace.image:
                raise TargetNotFound(
                    f"{trace.target} has changed since it was traced: it is {target.image} now, "
                    f"not {trace.image}.",
                    "Trace it again.",
                )
            yield target
