"""A name that another image had: only what we made ourselves is removed."""

from __future__ import annotations

import io
from collections.abc import Callable

from docker import APIClient, DockerClient

from tests.layer_writing import write_image
from tests.trees import MemoryTree
from tracewhale.engines.docker.engine import load
from tracewhale.engines.docker.publish import name_image
from tracewhale.image.archive import docker_archive


def made(api: APIClient, content: str) -> str:
    """An image of our making, with no name."""
    files = MemoryTree(f"/x: {content}")
    with write_image(files.pack(list(files.entries)), {"architecture": "amd64", "os": "linux"}) as image:
        return load(api, docker_archive(image))


def derived(docker_client: DockerClient, base: str) -> str:
    """A user's image, made from another."""
    recipe = io.BytesIO(f"FROM {base}\nLABEL precious=yes\n".encode())
    return str(docker_client.images.build(fileobj=recipe, rm=True)[0].id)


def known(api: APIClient) -> set[str]:
    return {str(each["Id"]) for each in api.images(all=True)}


def test_our_own_goes_and_anybody_elses_stays(
    api: APIClient, docker_client: DockerClient, image: Callable[[str], str], new_tag: Callable[[], str]
) -> None:
    for base, stays in (("", False), (image("static"), True), (made(api, "base"), True)):
        before = derived(docker_client, base) if base else made(api, "before")
        name = new_tag()
        name_image(api, before, name)
        after = made(api, "after")
        name_image(api, after, name)
        assert (before in known(api)) is stays, base
        assert docker_client.images.get(name).id == after
        if stays:
            docker_client.images.remove(before)
