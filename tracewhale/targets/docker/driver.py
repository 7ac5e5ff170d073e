"""Run a command in a traced container, drive it, and tell all that it asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docker import APIClient

from tracewhale.targets.docker.console import NO_CONSOLE, Console, Handle
from tracewhale.targets.docker.run import Run
from tracewhale.tracing.events import Step, Trace
from tracewhale.tree import Tree


def trace(
    client: APIClient,
    run: Run,
    *,
    tree: Tree,
    probe: bytes,
    steps: Sequence[Step] = (),
    console: Console = NO_CONSOLE,
    handle: Handle | None = None,
    progress: Callable[[str], None] = lambda line: None,
    environment: dict[str, str] | None = None,
) -> Trace:
    """Run ``run`` under the probe and return what it asked for, how it ended and what it printed.

    ``tree`` is the file system of ``run.image`` (for its user data base); ``probe`` the probe's binary for
    that image's architecture; ``steps`` drive the target, in order, of kind ``workload``, ``exec`` or
    ``for`` (others are ignored: the image's health check always runs, last). ``environment`` is added to
    that of a workload. With no steps the run ends when the command does.

    Raises CommandNotFound, CommandKilled, WorkloadFailed, TraceLost, ProbeError, Interrupted, EngineError;
    whatever happens, no container or volume is left.
    """
    raise NotImplementedError
