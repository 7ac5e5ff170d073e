"""Make a runnable image of a target: an image as it is, a container as a temporary image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from docker import APIClient

from tracewhale.engines.docker.containers import copied_volumes
from tracewhale.engines.docker.engine import (
    EngineObject,
    api_errors,
    image_config,
    remove_image,
)
from tracewhale.engines.docker.interrupts import run_to_end
from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run

CHANGED, ADDED = 0, 1
"""``Kind`` in the engine's answer to /containers/ID/changes; 2 is a deletion."""


def inspect_container(client: APIClient, identifier: str) -> dict[str, Any]:
    """Return the result of ``docker inspect`` for a container."""
    with api_errors(f"inspect the container {identifier}"):
        return cast("dict[str, Any]", cast(Any, client).inspect_container(identifier))


@contextmanager
def prepare(
    client: APIClient,
    engine_object: EngineObject,
    options: RunOptions,
    command: Sequence[str],
    spec: Mapping[str, Any] = {},
) -> Iterator[Run]:
    """Yield the run of a target. For a container it has an image of its present state and a copy of its
    volumes, which are removed at the end. ``spec`` is the ``base`` of an image's run.

    The container itself is neither paused nor changed. Raise EngineError, NoSpace.
    """
    words = tuple(command)
    if not engine_object.container:
        yield Run(
            engine_object.name,
            engine_object.image,
            image_config(client, engine_object.image),
            options,
            words,
            base=spec,
        )
        return
    state = inspect_container(client, engine_object.container)
    base = {key: state.get(key) for key in ("Config", "HostConfig", "Mounts")}
    result: list[str] = []
    try:
        run_to_end(lambda: result.append(_commit(client, engine_object.container)))
        image = result[0]
        volumes = [mount["Destination"] for mount in state["Mounts"] if mount["Type"] == "volume"]
        with copied_volumes(client, image, engine_object.container, volumes) as (holder, _):
            config = image_config(client, image)
            yield Run(
                engine_object.name,
                image,
                config,
                options,
                words,
                engine_object.container,
                base,
                volumes_from=holder,
            )
    finally:
        for image in result:
            with api_errors("remove the container's temporary image"):
                run_to_end(partial(remove_image, client, image))


def _commit(client: APIClient, identifier: str) -> str:
    with api_errors("make an image of the container as it is"):
        # Not paused: pausing is a change that its clients would notice.
        answer = cast(Any, client).commit(identifier, pause=False)
        return str(answer["Id"])


def changes(client: APIClient, identifier: str) -> tuple[str, ...]:
    """Return paths that ``docker diff`` lists as added or changed, sorted: the container's change layer."""
    with api_errors("list the container's changes"):
        listed = cast("list[dict[str, Any]] | None", cast(Any, client).diff(identifier))
    return tuple(sorted(change["Path"] for change in listed or () if change["Kind"] in (CHANGED, ADDED)))


def save(client: APIClient, image: str) -> Iterator[bytes]:
    """Yield the image as ``docker save`` writes it, in chunks."""
    with api_errors(f"save the image {image}"):
        yield from client.get_image(image)
