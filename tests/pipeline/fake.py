"""An engine in memory: targets whose runs are written down, and images that go nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from tests.packages.images import Image as Files
from tracewhale.engines.base import Request
from tracewhale.engines.names import DOCKER, Name
from tracewhale.image import Image
from tracewhale.rootfs.counted_tree import Count, ignore
from tracewhale.rootfs.tree import Tree
from tracewhale.running.console import Console
from tracewhale.running.result import RunResult
from tracewhale.running.run import Run
from tracewhale.running.setup import RunSetup
from tracewhale.running.snapshot import MountSnapshot
from tracewhale.running.startup import Works, run_line, startup
from tracewhale.tracing.events import Event, Observer, Outcome, Step, Trace

TREE = """
    /bin/tool: tool
    /etc/tool.conf: configuration
    /etc/other.conf: never asked for
"""
ASKED = frozenset({Event("/bin/tool", "exec", "/bin/tool", True)})


def result(status: int = 0, output: bytes = b"done\n", *, stopped: bool = False, **more: Any) -> RunResult:
    """A run that asked for the tool and ended so."""
    outcome = Outcome(status, stopped=stopped, stdout=output, failed=(), written=())
    return RunResult(Trace("tool:1", "sha256:1", "seccomp", {}, ASKED, outcome=outcome, **more))


@dataclass
class FakeTarget:
    """A target whose runs give the ``results`` in their order, the last one again and again."""

    results: list[RunResult]
    new: list[RunResult]
    published: list[str] = field(default_factory=list)
    mounts: list[MountSnapshot] = field(default_factory=list)
    built: list[FakeTarget] = field(default_factory=list)
    runs: list[tuple[Step, ...]] = field(default_factory=list)
    files: Files = field(default_factory=lambda: Files(TREE))
    name: str = "tool:1"
    image: str = "sha256:1"
    size: int = 1000
    config: Mapping[str, Any] = field(default_factory=lambda: {"config": {"Cmd": ["/bin/tool"]}})
    default_destination: Name = Name(DOCKER, "skinny-tool:1")
    notes: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    container: str = ""
    variables: tuple[str, ...] = ()

    def tree(self) -> AbstractContextManager[Tree]:
        return nullcontext(self.files.tree)

    def trace(self, setup: RunSetup) -> RunResult:
        self.mounts.append(setup.mounts)
        self.runs.append(tuple(setup.steps))
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    def running(self, command: tuple[str, ...]) -> FakeTarget:
        return replace(self, command=command)

    def adding(self, variable: str, words: str) -> FakeTarget:
        return replace(self, variables=(*self.variables, f"{variable}={words}"))

    def snapshot(self) -> AbstractContextManager[MountSnapshot]:
        return nullcontext(MountSnapshot("copy", ("/out",), ("a note",)))

    def untraced(self, changes: tuple[str, ...] = ()) -> Trace:
        return Trace(self.name, self.image, "none", {}, frozenset(), changes=changes)

    def changes(self, base: str) -> tuple[str, ...]:
        return ("/etc/other.conf",)

    def directories(self, tree: Tree) -> tuple[str, ...]:
        return ("/",)

    @property
    def run(self) -> Run:
        return Run(
            self.name, self.image, self.config["config"], command=self.command, container=self.container
        )

    def startup(self, works: Works) -> tuple[Mapping[str, Any], str]:
        return startup(self.run, works)

    def run_line(self, name: str) -> tuple[str, ...]:
        return run_line(self.run, self.config["config"], name)

    @contextmanager
    def rebuilt(self, image: Image, count: Count = ignore) -> Iterator[FakeRebuilt]:
        count(len(image.config))
        config = json.loads(image.config)
        run = self.run.on(image.digest, config["config"])
        new = FakeTarget(
            self.new,
            self.new,
            image=image.digest,
            size=10,
            config=config,
            command=run.command,
            container=self.container,
        )
        self.built.append(new)
        yield FakeRebuilt(new, self.published)


@dataclass
class FakeRebuilt:
    """A new image that writes down under which name it was published."""

    target: FakeTarget
    published: list[str]

    def running(self, command: tuple[str, ...]) -> FakeTarget:
        return self.target.running(command)

    def publish(self, destination: Name) -> tuple[tuple[str, str], ...]:
        self.published.append(str(destination))
        return ()


@dataclass
class FakeEngine:
    """An engine that has one target."""

    target: FakeTarget

    @contextmanager
    def open(self, name: str, request: Request) -> Iterator[FakeTarget]:
        yield self.target

    @contextmanager
    def reopen(self, trace: Trace, name: str = "") -> Iterator[FakeTarget]:
        yield self.target

    def attach(
        self,
        name: str,
        request: Request,
        steps: Sequence[Step],
        console: Console,
        observe: Observer | None = None,
    ) -> Trace:
        return self.target.results[0].trace

    def ended_container(self, name: str) -> None:
        return None


def engine(*results: RunResult, new: Sequence[RunResult] = ()) -> FakeEngine:
    """An engine whose target runs as ``results`` say, and new images as ``new`` does, or alike."""
    return FakeEngine(FakeTarget(list(results), list(new or results)))
