"""Runs of images on the engine, in a line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient

from tests.engines.runner import EngineRunner
from tracewhale.engines.docker.containers import served_tree
from tracewhale.engines.docker.driver import trace
from tracewhale.engines.docker.engine import connect, find
from tracewhale.engines.docker.target import prepare
from tracewhale.engines.probes import Probe
from tracewhale.running.console import Console, Handle, InputReader
from tracewhale.running.options import parse_options
from tracewhale.tracing.events import Step, Trace


@pytest.fixture(scope="session")
def api(probe: Path) -> Iterator[APIClient]:
    """A client as the program has it."""
    with closing(connect()) as client:
        yield client


@pytest.fixture(scope="session")
def probe_bytes(probe: Path) -> bytes:
    return probe.read_bytes()


@dataclass
class Runner(EngineRunner):
    """Runs on a Docker engine."""

    api: APIClient
    probe: bytes
    image: Callable[[str], str]
    kind: Probe = Probe.SECCOMP

    def __call__(
        self,
        target: str,
        *command: str,
        steps: Sequence[Step] = (),
        handle: Handle | None = None,
        stdin: InputReader | None = None,
        recorded: bytes = b"",
        size: tuple[int, int] | None = None,
        config: dict[str, Any] | None = None,
        **options: Any,
    ) -> Trace:
        name = self.image(target) if target.isalpha() else target
        console = Console(self.stdout.extend, self.stderr.extend, stdin, size=lambda: size)
        parsed = parse_options(environ={}, **options)
        with (
            prepare(self.api, find(self.api, name), parsed, command) as run,
            served_tree(self.api, run.image, self.probe) as tree,
        ):
            asked = replace(run, input=recorded, config={**run.config, **(config or {})})
            return trace(
                self.api,
                asked,
                tree=tree,
                probe=self.probe,
                steps=steps,
                console=console,
                handle=handle,
                kind=self.kind,
            ).checked()


@pytest.fixture
def runner(api: APIClient, probe_bytes: bytes, image: Callable[[str], str]) -> Runner:
    return Runner(api, probe_bytes, image)
