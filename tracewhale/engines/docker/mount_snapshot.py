"""Copies of a run's writable mounts, in volumes of a container that never starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from docker import APIClient

from tracewhale.engines.docker.container_spec import CreatePayload, untraced_spec
from tracewhale.engines.docker.containers import container, copied_volumes, token
from tracewhale.engines.docker.preflight import is_directory
from tracewhale.running.run import Run
from tracewhale.running.snapshot import (
    NO_SNAPSHOT,
    MountSnapshot,
    copy_failure_note,
    too_large,
    writable_mounts,
)


@contextmanager
def mount_snapshot(client: APIClient, run: Run) -> Iterator[MountSnapshot]:
    """Yield copies of the mounts that a run may write to, and a note on each that is too large or no
    directory."""
    sources = writable_mounts(run.options)
    if not sources:
        yield NO_SNAPSHOT
        return
    plain = untraced_spec(run)
    host = {name: plain.host[name] for name in ("Binds", "Mounts") if plain.host.get(name)}
    payload = CreatePayload({"Image": run.image, "Entrypoint": [], "Cmd": ["-"]}, host, ())
    with container(client, payload, token()) as original:
        wanted, notes = [], []
        for destination, source in sources.items():
            if not is_directory(client, original, destination):
                notes.append(copy_failure_note(destination, "it is not a directory"))
            elif os.path.isabs(source) and too_large(source):
                notes.append(copy_failure_note(destination, "it is too large to be copied"))
            else:
                wanted.append(destination)
        with copied_volumes(client, run.image, original, wanted) as (holder, _):
            yield MountSnapshot(holder, tuple(wanted), tuple(notes))
