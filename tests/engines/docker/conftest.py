"""Runs of images on the engine, in a line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from docker import APIClient

from tests.engines.runner import EngineRunner, RunRequest
from tracewhale.engines.docker.containers import served_tree
from tracewhale.engines.docker.driver import trace
from tracewhale.engines.docker.engine import connect, find
from tracewhale.engines.docker.target import prepare
from tracewhale.engines.probes import Probe
from tracewhale.running.console import Console
from tracewhale.tracing.events import Trace


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

    def trace(self, target: str, request: RunRequest, console: Console) -> Trace:
        name = self.image(target) if target.isalpha() else target
        with (
            prepare(self.api, find(self.api, name), request.options, request.command) as run,
            served_tree(self.api, run.image, self.probe) as tree,
        ):
            asked = replace(run, input=request.recorded, config={**run.config, **request.config})
            return trace(
                self.api,
                asked,
                tree=tree,
                probe=self.probe,
                steps=request.steps,
                console=console,
                kind=self.kind,
            ).checked()


@pytest.fixture
def runner(api: APIClient, probe_bytes: bytes, image: Callable[[str], str]) -> Runner:
    return Runner(api, probe_bytes, image)
