"""The setup of one traced run: the steps that drive it, and the user's side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracewhale.rootfs.tree import Tree
from tracewhale.running.console import Console
from tracewhale.running.snapshot import NO_SNAPSHOT, MountSnapshot
from tracewhale.tracing.events import Step, Trace


@dataclass(frozen=True, slots=True)
class RunSetup:
    """The setup of a run: ``tree`` has the target's files, ``steps`` drive it, in order.

    The command gets the input of the run ``repeating``, if that is given. ``changes`` are paths of a change
    layer, which the trace includes. ``mounts`` are copies that replace the user's mounts.
    """

    tree: Tree
    steps: Sequence[Step]
    console: Console
    repeating: Trace | None = None
    changes: tuple[str, ...] = ()
    mounts: MountSnapshot = NO_SNAPSHOT
