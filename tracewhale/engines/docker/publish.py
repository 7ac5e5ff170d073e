"""A new image in the engine, under its name."""

from __future__ import annotations

from typing import Any, cast

from docker import APIClient

from tracewhale.engines.docker.engine import api_errors, connect, inspect_image, load, remove_image, tag
from tracewhale.errors import TargetNotFound
from tracewhale.image import Image
from tracewhale.image.archive import docker_archive

CREATED_BY = "tracewhale"
"""The text in each line of the history of an image made here, and of no image made from one."""


def publish(image: Image, name: str) -> None:
    """Load an image into the engine and name it. Raise EngineError, NoSpace, InvalidTag."""
    client = connect()
    name_image(client, load(client, docker_archive(image)), name)


def name_image(client: APIClient, image: str, name: str) -> None:
    """Give an image its name; remove an image of our own that had it before and has no other name.

    Any other image only loses the name, as with ``docker tag``: perhaps nobody can make it again.
    """
    before = find_image(client, name)
    tag(client, image, name)
    if before is None or before["Id"] == image or before["RepoTags"] != [name]:
        return
    with api_errors(f"look at the image that was {name}"):
        history = cast("list[dict[str, Any]]", cast(Any, client).history(before["Id"]))
    made_by = {line["CreatedBy"] for line in history}
    if made_by == {CREATED_BY}:
        remove_image(client, before["Id"])


def find_image(client: APIClient, name: str) -> dict[str, Any] | None:
    """Return the engine's facts about the image of that name, or None."""
    try:
        return inspect_image(client, name)
    except TargetNotFound:
        return None
