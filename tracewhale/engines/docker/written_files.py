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
    mounts = [mount for mount in state.get("Mounts") or () if mount["Type"] in ("bind", "volume")]
    writings = Writings(outcome)
    try:
        writings.add_layer(upper, image, {*outside, *(mount["Destination"] for mount in mounts)})
        writable = [mount for mount in mounts if mount.get("RW") and mount["Destination"] != PROBE_DIRECTORY]
        writings.add_mounts({mount["Destination"]: mount["Source"] for mount in writable})
    except (TooMuch, TargetNotFound):
        return outcome
    return replace(outcome, written=writings.files)
