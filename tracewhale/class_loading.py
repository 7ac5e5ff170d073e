"""Runs a command once more so that its JVM lists the classes that it loads.

The option for this changes what the program prints, so it is a run of our own, which nobody compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tracewhale.engines.base import Target
from tracewhale.errors import Interrupted, TraceWhaleError
from tracewhale.java.loaded import OPTION, VARIABLE, loaded_classes
from tracewhale.java.model import LibraryUnit
from tracewhale.java.shrink import LIBRARY
from tracewhale.plan.shrinking import JAVA
from tracewhale.running.console import Console
from tracewhale.running.setup import RunSetup
from tracewhale.stages import Making, OtherRun, repeated
from tracewhale.tracing.events import Trace


def with_loaded_classes(making: Making, trace: Trace, others: Iterable[OtherRun]) -> Making:
    """Return the choices with the classes that the traced runs load, if less than a module may be left out.

    A run that fails with the option adds the classes that it listed before; one that cannot be run adds none.
    """
    finer = making.options.shrink.get(JAVA, LibraryUnit.MODULES.value) != LibraryUnit.MODULES.value
    loaded: frozenset[str] = frozenset()
    runs = ((making.target.running(other.command), other.trace) for other in others)
    for target, recorded in ((making.target, trace), *runs) if finer else ():
        if any(event.path.endswith(LIBRARY) for event in recorded.events):
            loaded |= _loaded(making, target, recorded)
    return replace(making, options=replace(making.options, loaded=loaded)) if loaded else making


def _loaded(making: Making, target: Target, trace: Trace) -> frozenset[str]:
    context = making.context
    listing = target.adding(VARIABLE, OPTION)
    stage = context.stage("class list", "running the command again, to list the classes that it loads")
    with context.surroundings(), listing.tree() as tree, stage:
        console = Console(progress=context.progress)
        try:
            setup = RunSetup(tree, repeated(trace), console, trace, mounts=making.mounts)
            result = listing.trace(setup)
        except Interrupted:
            raise
        except TraceWhaleError:
            return frozenset()
    outcome = result.trace.outcome
    return loaded_classes(outcome.stderr) if outcome is not None else frozenset()
