"""A real test of each probe, on an image that holds nothing but the probe's binary."""

from __future__ import annotations

from docker import APIClient

from tracewhale.engines.docker import driver
from tracewhale.engines.docker.agent_container import PROGRAM
from tracewhale.engines.docker.containers import served_tree
from tracewhale.engines.probes import Probe
from tracewhale.errors import ProbeError
from tracewhale.running.run import Run


def attempt(client: APIClient, image: str, binary: bytes, kind: Probe) -> None:
    """Trace a command of the test image. Raise the errors of a trace, and ProbeError if the probe saw
    nothing."""
    run = Run("trial", image, {}, command=(PROGRAM,))
    with served_tree(client, image, binary) as tree:
        trace = driver.trace(client, run, tree=tree, probe=binary, kind=kind).checked()
    if not any(event.path == PROGRAM for event in trace.events):
        raise ProbeError(f"The {kind.value} probe ran and saw nothing.", "Please report it with your kernel.")
