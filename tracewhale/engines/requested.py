"""The parts of a target that are the same in every engine: those that follow from its requested run."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from tracewhale.rootfs.tree import Tree
from tracewhale.running.identity import Identity, identity, read_user_database
from tracewhale.running.result import RunResult
from tracewhale.running.run import Run, user_of
from tracewhale.running.setup import RunSetup
from tracewhale.running.snapshot import MountSnapshot, remount
from tracewhale.running.startup import Works, run_line, startup
from tracewhale.running.stopping import StopPolicy, stop_policy
from tracewhale.tracing.events import Trace


class RequestedTarget(ABC):
    """A target with the run that is requested of it; an engine implements how the run is made.

    ``image`` is its identity, ``size`` in bytes, ``config`` the image configuration, ``notes`` say how the
    target was found (see ``Target``).
    """

    def __init__(
        self, run: Run, image: str, size: int, config: Mapping[str, Any], notes: tuple[str, ...] = ()
    ) -> None:
        self._run = run
        self.name = run.target
        self.image, self.size, self.config, self.notes = image, size, config, notes

    def trace(self, setup: RunSetup) -> RunResult:
        """Run the command under the probe (see ``Target.trace``)."""
        with self._copies(setup.mounts) as copies:
            run = replace(self._run, options=remount(self._run.options, copies))
            if setup.repeating is not None:
                recorded = Run.from_json(setup.repeating.request, run.target, run.image, run.config)
                run = replace(run, input=recorded.input)
            return self._trace(run, setup, stop_policy(run, setup.repeating))

    @abstractmethod
    def _copies(self, mounts: MountSnapshot) -> AbstractContextManager[Mapping[str, str]]:
        """Hold new copies of the mounts of a snapshot: their sources by the path in the container."""

    @abstractmethod
    def _trace(self, run: Run, setup: RunSetup, stopping: StopPolicy) -> RunResult:
        """Run exactly this under the probe."""

    def untraced(self, changes: tuple[str, ...] = ()) -> Trace:
        """Return a trace without a run, with the request."""
        return Trace(self.name, self.image, "none", self._run.to_json(), frozenset(), changes=changes)

    def startup(self, works: Works) -> tuple[Mapping[str, Any], str]:
        """Return the differences of the new image's ``config`` object, and a note on them."""
        return startup(self._run, works)

    def run_line(self, name: str) -> tuple[str, ...]:
        """Return the ``docker run`` command that runs the image of that name as it was traced."""
        return run_line(self._run, self.config.get("config") or {}, name, os.environ)

    def _who(self, tree: Tree) -> Identity:
        """Return the identity that the command runs with."""
        return identity(user_of(self._run), *read_user_database(tree))
