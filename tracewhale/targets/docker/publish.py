"""A new image in the engine, under its name."""

from __future__ import annotations

from typing import Any

from docker import APIClient

from tracewhale.errors import TargetNotFound
from tracewhale.image import Image
from tracewhale.image.archive import docker_archive
from tracewhale.targets.docker.engine import connect, inspect_image, load, remove_image, tag


def publish(image: Image, name: str) -> None:
    """Load an image into the engine and name it. Raises EngineError, NoSpace, InvalidTag."""
    client = connect()
    name_image(client, load(client, docker_archive(image)), name)


def name_image(client: APIClient, image: str, name: str) -> None:
    """Give an image its name; one that had that name before, and has no other, is removed."""
    before = named(client, name)
    tag(client, image, name)
    if before is not None and before["Id"] != image and before["RepoTags"] == [name]:
        remove_image(client, before["Id"])


def named(client: APIClient, name: str) -> dict[str, Any] | None:
    """What the engine says of the image of that name, if there is one."""
    try:
        return inspect_image(client, name)
    except TargetNotFound:
        return None
