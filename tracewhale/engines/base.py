"""The interface of targets and engines that the pipeline uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracewhale.engines.names import Name
from tracewhale.engines.probes import Probe
from tracewhale.image import Image
from tracewhale.rootfs.counted_tree import Count, ignore
from tracewhale.rootfs.tree import Tree
from tracewhale.running.console import Console, Handle
from tracewhale.running.options import RunOptions
from tracewhale.running.result import RunResult
from tracewhale.running.snapshot import NO_SNAPSHOT, MountSnapshot
from tracewhale.running.startup import Works
from tracewhale.tracing.events import Observer, Outcome, Step, Trace

Progress = Callable[[str], None]
"""Told in a few words what is being done now; called often, and cheap."""


@dataclass(frozen=True, slots=True)
class Request:
    """The run that a user asks for: options of ``docker run``, a command (empty: the target's own), a
    probe.

    ``base`` is what no option says of it: see ``Run``.
    """

    options: RunOptions = RunOptions()
    command: tuple[str, ...] = ()
    probe: Probe = Probe.AUTO
    base: Mapping[str, Any] = field(default_factory=dict)


class Target(Protocol):
    """An image, found and held, with a request: its files can be read and the command run traced."""

    @property
    def name(self) -> str:
        """The name that the user gave."""
        ...

    @property
    def image(self) -> str:
        """Its immutable identity: a digest."""
        ...

    @property
    def size(self) -> int:
        """Bytes, as the engine counts an image's size."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """The image configuration (OCI image-spec, config.md)."""
        ...

    @property
    def default_destination(self) -> Name:
        """Where the new image goes when the user does not say."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about how the target was found."""
        ...

    def tree(self) -> AbstractContextManager[Tree]:
        """Return its files as they were before any run."""
        ...

    def trace(
        self,
        tree: Tree,
        steps: Sequence[Step],
        console: Console,
        handle: Handle,
        progress: Progress,
        repeating: Trace | None = None,
        changes: tuple[str, ...] = (),
        mounts: MountSnapshot = NO_SNAPSHOT,
    ) -> RunResult:
        """Run the command under the probe, driven by the steps; ``repeating`` gives it that run's input.

        ``changes`` are paths to keep that are in the trace, too; ``mounts`` are copies to mount in place of
        what the user mounted.
        """
        ...

    def snapshot(self) -> AbstractContextManager[MountSnapshot]:
        """Hold copies of the mounts that the run may write to, as they are now."""
        ...

    def untraced(self, changes: tuple[str, ...] = ()) -> Trace:
        """Return a trace of no run at all, with the request: what ``--keep-changes`` alone starts from."""
        ...

    def changes(self, base: str) -> tuple[str, ...]:
        """Return paths of a container's change layer, or of an image's layers above ``base``, sorted."""
        ...

    def directories(self, tree: Tree) -> tuple[str, ...]:
        """Return directories in which the run starts: WorkingDir and the user's home."""
        ...

    def startup(self, works: Works) -> tuple[Mapping[str, Any], str]:
        """Return what the new image's ``config`` object says otherwise, and a note on it (`startup`)."""
        ...

    def run_line(self, name: str) -> tuple[str, ...]:
        """Return the words of the ``docker run`` that runs this image by that name as it was traced."""
        ...

    def rebuilt(self, image: Image, count: Count = ignore) -> AbstractContextManager[Rebuilt]:
        """Hold a new image made from this one until it is published; it goes if it never is.

        ``count`` is called with the bytes of each piece that an engine has taken of it.
        """
        ...


class Rebuilt(Protocol):
    """A new image that has no name yet."""

    @property
    def target(self) -> Target:
        """The new image with the same request: what verification runs."""
        ...

    def publish(self, destination: Name) -> tuple[tuple[str, str], ...]:
        """Write it to where it is to be; in a Docker engine an image of the same name loses that.

        Returns the paths of which something cannot be there, each with what.
        """
        ...


@dataclass(frozen=True, slots=True)
class EndedContainer:
    """A container that ended: its outcome with its log, and why the engine could not start it, if so."""

    outcome: Outcome
    refusal: str = ""


class Engine(Protocol):
    """A source of targets."""

    def open(self, name: str, request: Request) -> AbstractContextManager[Target]:
        """Find a target. Raises TargetNotFound, PlatformMismatch, EmptyImage, EngineError."""
        ...

    def reopen(self, trace: Trace, name: str = "") -> AbstractContextManager[Target]:
        """Return what a trace was made of, or another image by name, with the request that the trace
        holds."""
        ...

    def attach(
        self,
        name: str,
        request: Request,
        steps: Sequence[Step],
        console: Console,
        handle: Handle,
        observe: Observer | None = None,
    ) -> Trace:
        """Trace a container that runs, which goes on. Raises UsageError for what does not run.

        ``observe`` is called with each new event as it comes, but for those below what is mounted.
        """
        ...

    def ended_container(self, name: str) -> EndedContainer | None:
        """Return how a container ended that runs no more, or None for anything else."""
        ...
