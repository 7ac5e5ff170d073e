"""Runs of images in any engine, in a line each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracewhale.running.console import Console, Handle, InputReader
from tracewhale.running.options import RunOptions, parse_options
from tracewhale.tracing.events import Step, Trace


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run: ``recorded`` is its input without ``-i``, ``config`` changes the image's ``Config``."""

    options: RunOptions
    command: tuple[str, ...]
    steps: Sequence[Step]
    recorded: bytes
    config: Mapping[str, Any]


@dataclass(kw_only=True)
class EngineRunner(ABC):
    """``runner("base", "echo", "x", user="1")`` traces a command in an image, and keeps what it printed."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    def __call__(
        self,
        target: str,
        *command: str,
        steps: Sequence[Step] = (),
        handle: Handle | None = None,
        stdin: InputReader | None = None,
        recorded: bytes = b"",
        size: tuple[int, int] | None = None,
        config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Trace:
        """Return the trace; ``options`` are those of ``docker run`` by their names in Python."""
        console = Console(
            self.stdout.extend, self.stderr.extend, stdin, size=lambda: size, handle=handle or Handle()
        )
        parsed = parse_options(environ={}, **options)
        return self.trace(target, RunRequest(parsed, command, steps, recorded, config or {}), console)

    @abstractmethod
    def trace(self, target: str, request: RunRequest, console: Console) -> Trace:
        """Return the trace of a run in a sample image, or in a target by its name in the engine."""
