"""What a container's command wrote, read from the engine's own directories where they are on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from tracewhale.engines.docker.container_spec import PROBE_DIRECTORY
from tracewhale.errors import TargetNotFound
from tracewhale.rootfs.tree import Tree
from tracewhale.running.snapshot import too_large
from tracewhale.running.written import TooMuch, Writings
from tracewhale.tracing.events import Outcome


def with_written(
    outcome: Outcome, state: Mapping[str, Any], image: Tree, outside: Collection[str]
) -> Outcome:
    """Return the outcome of a container that has ended with what it wrote; without where it cannot be read.

    ``state`` is what ``docker inspect`` said of the container; ``outside`` are paths on which something is
    mounted. A mount that is too large to be copied is left out.
    """
    driver = state.get("GraphDriver") or {}
    upper = (driver.get("Data") or {}).get("UpperDir")
    if driver.get("Name") != "overlay2" or not upper:
        return outcome
    mounts = [each for each in state.get("Mounts") or () if each["Type"] in ("bind", "volume")]
    writings = Writings(outcome)
    try:
        writings.add_layer(upper, image, {*outside, *(each["Destination"] for each in mounts)})
        for each in mounts:
            own = each["Destination"] == PROBE_DIRECTORY
            if each.get("RW") and not own and not too_large(each["Source"]):
                writings.add_mount(each["Source"], each["Destination"])
    except (TooMuch, TargetNotFound):
        return outcome
    return replace(outcome, written=writings.files)
