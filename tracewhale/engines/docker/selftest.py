"""Each probe tried for real: on an image of our own that holds nothing but the probe's binary."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from docker import APIClient

from tracewhale.engines.docker import driver
from tracewhale.engines.docker.containers import served_tree, token
from tracewhale.engines.docker.engine import api_errors, remove_image
from tracewhale.engines.docker.uninterrupted import whole
from tracewhale.engines.probes import Probe
from tracewhale.errors import ProbeError
from tracewhale.running.run import Run

PROGRAM = "/trial"


@contextmanager
def trial_image(client: APIClient, binary: bytes) -> Iterator[str]:
    """Yield an image's identity; it goes at the end. Raises EngineError."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(PROGRAM.lstrip("/"))
        member.size, member.mode = len(binary), 0o755
        archive.addfile(member, io.BytesIO(binary))
    made: list[str] = []
    try:
        with api_errors("make an image for a trial"):
            whole(lambda: made.append(_import(client, packed.getvalue())))
        yield made[0]
    finally:
        for image in made:
            with api_errors("remove the trial's image"):
                whole(partial(remove_image, client, image))


def _import(client: APIClient, packed: bytes) -> str:
    name = f"tracewhale-trial-{token()}"
    api = cast(Any, client)
    api.import_image_from_data(packed, repository=name, tag="latest")
    return str(api.inspect_image(name)["Id"])


def attempt(client: APIClient, image: str, binary: bytes, kind: Probe) -> None:
    """Trace a command of the trial's image. Raises what a trace does, ProbeError when it saw nothing."""
    run = Run("trial", image, {}, command=(PROGRAM,))
    with served_tree(client, image, binary) as tree:
        trace = driver.trace(client, run, tree=tree, probe=binary, kind=kind).checked()
    if not any(event.path == PROGRAM for event in trace.events):
        raise ProbeError(f"The {kind.value} probe ran and saw nothing.", "Please report it with your kernel.")
