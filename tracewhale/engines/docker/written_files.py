"""Files that a container's command wrote, read from the engine's own directories if they are on
this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from tracewhale.engines.docker.container_spec import PROBE_DIRECTORY
from tracewhale.errors import TargetNotFound
from tracewhale.rootfs.tree import Tree
from tracewhale.running.written_files import TooMuch, Writings
from tracewhale.tracing.events import Outcome


def with_written(
    outcome: Outcome, state: Mapping[str, Any], image: Tree, outside: Collection[str]
) -> Outcome:
    """Return the outcome of an ended container with the files that it wrote; without them if they cannot be
    read.

    ``state`` is the container's result of ``docker inspect``; ``outside`` are the paths of mounts. A mount
    that is too large to copy is left out.
    """
    driver = state.get("GraphDriver") or {}
    upper = (driver.get("Data") or {}).get("UpperDir")
    if driver.get("Name") != "overlay2" or not upper:
        return outcome
    mounts = [each for each in state.get("Mounts") or () if each["Type"] in ("bind", "volume")]
    writings = Writings(outcome)
    try:
        writings.add_layer(upper, image, {*outside, *(each["Destination"] for each in mounts)})
        writable = [each for each in mounts if each.get("RW") and each["Destination"] != PROBE_DIRECTORY]
        writings.add_mounts({each["Destination"]: each["Source"] for each in writable})
    except (TooMuch, TargetNotFound):
        return outcome
    return replace(outcome, written=writings.files)
