"""Runs of sample images' files in a sandbox, in a line each, with no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines.runner import EngineRunner, RunRequest
from tracewhale.engines.base import Request
from tracewhale.engines.embedded import driver
from tracewhale.engines.embedded.machine import this_machine
from tracewhale.engines.embedded.sandbox_session import OverlayRefused
from tracewhale.engines.embedded.sources import open_source
from tracewhale.engines.names import ROOTFS, Name
from tracewhale.running.console import Console
from tracewhale.running.run import Run
from tracewhale.tracing.events import Trace

Unpacked = Callable[[str], tuple[str, Mapping[str, Any]]]


@dataclass
class Runner(EngineRunner):
    """Runs on the embedded engine."""

    unpacked: Unpacked

    first_way: int = 0
    """The first of the kinds of root that are tried."""

    def trace(self, target: str, request: RunRequest, console: Console) -> Trace:
        directory, config = self.unpacked(target) if target.isalpha() else (target, {})
        asked = {**config, **request.config}
        run = Run(target, "image", asked, request.options, request.command, input=request.recorded)
        with ExitStack() as held:
            source = held.enter_context(open_source(Name(ROOTFS, directory), Request(), this_machine()))
            source.way = self.first_way
            for place in held.enter_context(closing(source.places(0))):
                with suppress(OverlayRefused):
                    return driver.trace(
                        run, source.machine, place, tree=source.tree, steps=request.steps, console=console
                    ).checked()
        raise AssertionError("places end with an error")


@pytest.fixture
def runner(probe: Path, unpacked: Unpacked, temporary: Path) -> Runner:
    return Runner(unpacked)
