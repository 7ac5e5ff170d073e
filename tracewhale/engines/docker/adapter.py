"""Docker's images and containers as the pipeline's targets."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from docker import APIClient

from tracewhale import probe
from tracewhale.engines import output
from tracewhale.engines.base import EndedContainer, Request
from tracewhale.engines.docker import driver
from tracewhale.engines.docker.attach import attach
from tracewhale.engines.docker.container_end import ended_container
from tracewhale.engines.docker.containers import copied_volumes, served_tree
from tracewhale.engines.docker.engine import (
    EngineObject,
    api_errors,
    connect,
    find,
    inspect_image,
    load,
    remove_image,
)
from tracewhale.engines.docker.facts import facts
from tracewhale.engines.docker.interrupts import run_to_end
from tracewhale.engines.docker.leftovers import remove_leftovers
from tracewhale.engines.docker.mount_snapshot import mount_snapshot
from tracewhale.engines.docker.publish import name_image
from tracewhale.engines.docker.reference import normalize
from tracewhale.engines.docker.target import changes, inspect_container, prepare, save
from tracewhale.engines.names import DOCKER, Name, parse
from tracewhale.engines.probes import Probe, ProbeVerdict, choose
from tracewhale.engines.requested import RequestedTarget
from tracewhale.engines.trust import IDENTITY
from tracewhale.errors import ProbeError, TargetNotFound, TraceFileError, UsageError
from tracewhale.image import Image
from tracewhale.image.archive import docker_archive
from tracewhale.image.config import from_inspect
from tracewhale.rootfs.counted_tree import Count, count_chunks, ignore
from tracewhale.rootfs.layers import changed_paths
from tracewhale.rootfs.tree import Tree
from tracewhale.running.console import Console, Progress
from tracewhale.running.result import RunResult
from tracewhale.running.run import CONTAINER, Run, adding
from tracewhale.running.setup import RunSetup
from tracewhale.running.snapshot import MountSnapshot
from tracewhale.running.stopping import StopPolicy
from tracewhale.tracing.events import Observer, Step, Trace


class DockerTarget(RequestedTarget):
    """An image of the engine (for a container, the image made from it) with the requested run."""

    def __init__(
        self, client: APIClient, run: Run, engine_object: EngineObject, probe: Probe = Probe.AUTO
    ) -> None:
        self._client = client
        self._object = engine_object
        self._kind = probe
        self._inspected = inspect_image(client, run.image)
        if engine_object.container:  # its image is made anew each time that we look
            self._inspected["Created"] = inspect_container(client, engine_object.container)["Created"]
        super().__init__(
            run,
            run.identity if engine_object.container else run.image,
            int(self._inspected["Size"]),
            from_inspect(self._inspected),
            (engine_object.note,) if engine_object.note else (),
        )
        self.default_destination = Name(DOCKER, skinny_name(engine_object))

    @property
    def _probe(self) -> bytes:
        return probe.binary(str(self._inspected["Architecture"]))

    def tree(self) -> AbstractContextManager[Tree]:
        return served_tree(self._client, self._run.image, self._probe)

    @contextmanager
    def _copies(self, mounts: MountSnapshot) -> Iterator[Mapping[str, str]]:
        with copied_volumes(self._client, self._run.image, mounts.source, mounts.destinations) as (
            _,
            volumes,
        ):
            yield volumes

    def _trace(self, run: Run, setup: RunSetup, stopping: StopPolicy) -> RunResult:
        def traced(kind: Probe) -> RunResult:
            return driver.trace(
                self._client,
                run,
                tree=setup.tree,
                probe=self._probe,
                steps=setup.steps,
                console=setup.console,
                kind=kind,
                changes=setup.changes,
                stopping=stopping,
            )

        return first_working(choose(self._kind, facts(self._client)), traced, setup.console.progress)

    def running(self, command: tuple[str, ...]) -> DockerTarget:
        return DockerTarget(self._client, replace(self._run, command=command), self._object, self._kind)

    def adding(self, variable: str, words: str) -> DockerTarget:
        return DockerTarget(self._client, adding(self._run, variable, words), self._object, self._kind)

    def snapshot(self) -> AbstractContextManager[MountSnapshot]:
        return mount_snapshot(self._client, self._run)

    def changes(self, base: str) -> tuple[str, ...]:
        if self._object.container:
            return changes(self._client, self._object.container)
        if not base:
            raise UsageError(
                f"{self.name} is an image, so --keep-changes needs to know what it was built on.",
                "Name that image with --base IMAGE.",
            )
        below = inspect_image(self._client, base)["RootFS"].get("Layers") or []
        with io.BufferedReader(_Chunks(save(self._client, self._run.image))) as saved:
            return tuple(changed_paths(saved, below))

    def directories(self, tree: Tree) -> tuple[str, ...]:
        base = self._run.base.get("Config") or self._run.config
        return (self._run.options.workdir or base.get("WorkingDir") or "/", self._who(tree).home)

    def run_line(self, name: str) -> tuple[str, ...]:
        """Return the ``docker run`` command, or nothing for a service of a Compose project."""
        if self._run.base.get("Networks"):
            return ()  # Compose starts it
        return super().run_line(name)

    @contextmanager
    def rebuilt(self, image: Image, count: Count = ignore) -> Iterator[DockerRebuilt]:
        result: list[str] = []
        try:
            run_to_end(lambda: result.append(load(self._client, count_chunks(docker_archive(image), count))))
            config = inspect_image(self._client, result[0])["Config"]

            def on_it(run: Run) -> DockerTarget:
                new = run.on(result[0], config)
                return DockerTarget(self._client, new, EngineObject(run.target, new.image), self._kind)

            yield DockerRebuilt(self._client, self._run, image, on_it)
        finally:
            for loaded in result:
                run_to_end(partial(self._remove_nameless, loaded))

    def _remove_nameless(self, image: str) -> None:
        # Named, it stays: an image that is removed by its id loses its name otherwise.
        if not inspect_image(self._client, image)["RepoTags"]:
            remove_image(self._client, image)


def first_working(
    verdicts: Sequence[ProbeVerdict], traced: Callable[[Probe], RunResult], progress: Progress
) -> RunResult:
    """Trace with the first probe that can be started. Raise the first probe's ProbeError if none can."""
    failed: ProbeError | None = None
    for verdict in verdicts:
        progress(f"tracing with {verdict.probe.value}: {verdict.why}")
        try:
            return traced(verdict.probe)
        except ProbeError as error:
            failed = failed or error
            progress(f"{verdict.probe.value} does not work here: {error.what}")
    raise failed or AssertionError("there is a verdict")


class _Chunks(io.RawIOBase):
    """A file that reads from an iterable of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class DockerRebuilt:
    """An image that the engine has loaded and that has no name yet."""

    def __init__(
        self, client: APIClient, run: Run, image: Image, on_it: Callable[[Run], DockerTarget]
    ) -> None:
        self._client = client
        self._run = run
        self._image = image
        self._on_it = on_it
        self.target = on_it(run)

    def running(self, command: tuple[str, ...]) -> DockerTarget:
        return self._on_it(replace(self._run, command=command))

    def publish(self, destination: Name) -> tuple[tuple[str, str], ...]:
        if destination.kind != DOCKER:
            return output.write(self._image, destination)
        name_image(self._client, self.target.image, destination.place)
        return ()


class DockerEngine:
    """The Docker engine of this machine, or the one that DOCKER_HOST or the context points to."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._connected: APIClient | None = None

    @property
    def _client(self) -> APIClient:
        if self._connected is None:
            self._connected = connect(os.environ)
            remove_leftovers(self._connected)
        return self._connected

    @contextmanager
    def open(self, name: str, request: Request) -> Iterator[DockerTarget]:
        options = request.options
        place = parse(name).place
        engine_object = find(self._client, place, platform=options.platform or "", progress=self._progress)
        with prepare(self._client, engine_object, options, request.command, request.base) as run:
            yield DockerTarget(self._client, run, engine_object, request.probe)

    def labelled(self, selector: str) -> Sequence[str]:
        """Return the names of running containers with a label, KEY or KEY=VALUE. Raise EngineError."""
        with api_errors("list the containers"):
            containers = self._client.containers(filters={"label": selector, "status": "running"})
        return [str(container["Names"][0]).removeprefix("/") for container in containers]

    def attach(
        self,
        name: str,
        request: Request,
        steps: Sequence[Step],
        console: Console,
        observe: Observer | None = None,
    ) -> Trace:
        """Trace a running container, which keeps running. Raise the errors of `attach.attach`."""
        engine_object = find(self._client, parse(name).place, progress=self._progress)
        return attach(
            self._client,
            engine_object,
            kind=request.probe,
            steps=steps,
            console=console,
            observe=observe,
        )

    def ended_container(self, name: str) -> EndedContainer | None:
        """Return how a container ended, or None if the target is anything else."""
        engine_object = find(self._client, parse(name).place, progress=self._progress)
        return ended_container(self._client, engine_object.container) if engine_object.container else None

    @contextmanager
    def reopen(self, trace: Trace, name: str = "") -> Iterator[DockerTarget]:
        if not IDENTITY.fullmatch(trace.image):
            raise TraceFileError(
                f"The trace is of {trace.image!r}, which is not the digest of an image.", "Trace again."
            )
        try:
            engine_object = find(self._client, trace.image.removeprefix(CONTAINER), progress=self._progress)
        except TargetNotFound as error:
            raise TargetNotFound(
                f"The trace's target {trace.target} no longer exists.", "Trace again."
            ) from error
        if bool(engine_object.container) != trace.image.startswith(CONTAINER):
            raise TraceFileError(f"The kind of {trace.image!r} in the trace is wrong.", "Trace again.")
        recorded = Run.from_json(trace.request, trace.target, engine_object.image, {})
        original = replace(engine_object, name=trace.target)
        with prepare(self._client, original, recorded.options, recorded.command) as run:
            if not name:
                yield DockerTarget(self._client, run, original)
                return
            other = find(self._client, parse(name).place, progress=self._progress)
            if other.container:
                raise UsageError(f"{name} is a container, and only images can be verified.", "Name an image.")
            config = inspect_image(self._client, other.image)["Config"]
            yield DockerTarget(self._client, run.on(other.image, config), other)


def skinny_name(engine_object: EngineObject) -> str:
    """Return ``skinny-NAME:TAG`` for an image by name, ``skinny-`` and the short id for a container or an
    id."""
    identity = (engine_object.container or engine_object.image).removeprefix("sha256:")
    reference = normalize(engine_object.name)
    if (
        engine_object.container
        or reference is None
        or identity.startswith(engine_object.name.removeprefix("sha256:"))
    ):
        return f"skinny-{identity[:12]}:latest"
    name, _, digest = reference.partition("@")
    if digest:
        name = f"{name}:latest"
    registry, slash, path = name.partition("/")
    if slash and ("." in registry or ":" in registry or registry == "localhost"):
        return f"{registry}/skinny-{path}"
    return f"skinny-{name}"
