"""The interface of targets and engines that the pipeline uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracewhale.engines.names import Name
from tracewhale.engines.probes import Probe
from tracewhale.image import Image
from tracewhale.rootfs.counted_tree import Count, ignore
from tracewhale.rootfs.tree import Tree
from tracewhale.running.console import Console
from tracewhale.running.options import RunOptions
from tracewhale.running.result import RunResult
from tracewhale.running.setup import RunSetup
from tracewhale.running.snapshot import MountSnapshot
from tracewhale.running.startup import Works
from tracewhale.tracing.events import Observer, Outcome, Step, Trace


@dataclass(frozen=True, slots=True)
class Request:
    """The run that a user asks for: options of ``docker run``, a command (empty: the target's own), a probe.

    ``base`` holds the settings that no option gives: see ``Run``.
    """

    options: RunOptions = RunOptions()
    command: tuple[str, ...] = ()
    probe: Probe = Probe.AUTO
    base: Mapping[str, Any] = field(default_factory=dict)


class Target(Protocol):
    """An open target with a request: its files can be read, and its command can be run under a probe."""

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
        """The destination of the new image if the user names none."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about how the target was found."""
        ...

    def tree(self) -> AbstractContextManager[Tree]:
        """Return its files as they were before any run."""
        ...

    def trace(self, setup: RunSetup) -> RunResult:
        """Run the command under the probe."""
        ...

    def running(self, command: tuple[str, ...]) -> Target:
        """Return this target with another command."""
        ...

    def adding(self, variable: str, words: str) -> Target:
        """Return this target with words at the end of an environment variable."""
        ...

    def snapshot(self) -> AbstractContextManager[MountSnapshot]:
        """Hold copies of the mounts that the run may write to, as they are now."""
        ...

    def untraced(self, changes: tuple[str, ...] = ()) -> Trace:
        """Return a trace without a run, with the request: the input of a plan from ``--keep-changes``
        alone."""
        ...

    def changes(self, base: str) -> tuple[str, ...]:
        """Return paths of a container's change layer, or of an image's layers above ``base``, sorted."""
        ...

    def directories(self, tree: Tree) -> tuple[str, ...]:
        """Return directories in which the run starts: WorkingDir and the user's home."""
        ...

    def startup(self, works: Works) -> tuple[Mapping[str, Any], str]:
        """Return the differences of the new image's ``config`` object, and a note on them (see `startup`)."""
        ...

    def run_line(self, name: str) -> tuple[str, ...]:
        """Return the ``docker run`` command that runs the image of that name as it was traced."""
        ...

    def rebuilt(self, image: Image, count: Count = ignore) -> AbstractContextManager[Rebuilt]:
        """Hold a new image made from this one until it is published; it is removed if it never is.

        ``count`` is called with the size of each piece that an engine has received.
        """
        ...


class Rebuilt(Protocol):
    """A new image that has no name yet."""

    @property
    def target(self) -> Target:
        """The new image with the same request: what verification runs."""
        ...

    def running(self, command: tuple[str, ...]) -> Target:
        """Return the new image with another command, as the original would run it."""
        ...

    def publish(self, destination: Name) -> tuple[tuple[str, str], ...]:
        """Write the image to its destination; in a Docker engine, the name moves from an older image to this
        one.

        Return pairs of a path that the destination cannot hold completely and the reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class EndedContainer:
    """A container that ended: its outcome with its log, and the reason if the engine could not start it."""

    outcome: Outcome
    refusal: str = ""


class Engine(Protocol):
    """A source of targets."""

    def open(self, name: str, request: Request) -> AbstractContextManager[Target]:
        """Find a target. Raise TargetNotFound, PlatformMismatch, EmptyImage, EngineError."""
        ...

    def reopen(self, trace: Trace, name: str = "") -> AbstractContextManager[Target]:
        """Return the target of a trace, or another image by name, with the request in the trace."""
        ...

    def attach(
        self,
        name: str,
        request: Request,
        steps: Sequence[Step],
        console: Console,
        observe: Observer | None = None,
    ) -> Trace:
        """Trace a running container, which keeps running. Raise UsageError if it does not run.

        ``observe`` is called with each new event, except for paths below a mount.
        """
        ...

    def ended_container(self, name: str) -> EndedContainer | None:
        """Return how a container ended, or None if the target is anything else."""
        ...
