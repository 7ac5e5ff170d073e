"""Runs of sample images' files in a sandbox, in a line each, with no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines.runner import EngineRunner
from tracewhale.engines.base import Request
from tracewhale.engines.embedded import driver
from tracewhale.engines.embedded.machine import this_machine
from tracewhale.engines.embedded.sandbox_session import OverlayRefused
from tracewhale.engines.embedded.sources import open_source
from tracewhale.engines.names import ROOTFS, Name
from tracewhale.running.console import Console, Handle, InputReader
from tracewhale.running.options import parse_options
from tracewhale.running.run import Run
from tracewhale.tracing.events import Step, Trace

Unpacked = Callable[[str], tuple[str, Mapping[str, Any]]]


@dataclass
class Runner(EngineRunner):
    """Runs on the embedded engine."""

    unpacked: Unpacked

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
        first_way: int = 0,
        **options: Any,
    ) -> Trace:
        directory, found = self.unpacked(target) if target.isalpha() else (target, {})
        console = Console(self.stdout.extend, self.stderr.extend, stdin, size=lambda: size)
        parsed = parse_options(environ={}, **options)
        run = Run(target, "image", {**found, **(config or {})}, parsed, command, input=recorded)
        with ExitStack() as held:
            source = held.enter_context(open_source(Name(ROOTFS, directory), Request(), this_machine()))
            source.way = first_way
            for place in held.enter_context(closing(source.places(0))):
                with suppress(OverlayRefused):
                    return driver.trace(
                        run,
                        source.machine,
                        place,
                        tree=source.tree,
                        steps=steps,
                        console=console,
                        handle=handle or Handle(),
                        progress=lambda text: None,
                    ).checked()
        raise AssertionError("places end with an error")


@pytest.fixture
def runner(probe: Path, unpacked: Unpacked, temporary: Path) -> Runner:
    return Runner(unpacked)
