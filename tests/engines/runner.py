"""Runs of images in any engine, in a line each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tracewhale.running.console import Handle, InputReader
from tracewhale.tracing.events import Step, Trace


@dataclass(kw_only=True)
class EngineRunner(ABC):
    """``runner("base", "echo", "x", user="1")`` traces a command in an image, and keeps what it printed."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    @abstractmethod
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
        """Return the trace; ``options`` are those of ``docker run`` by their names in Python."""
