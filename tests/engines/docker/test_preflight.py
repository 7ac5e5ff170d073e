"""Images that an engine would wait for, for ever: refused before anything of theirs is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from docker import APIClient, DockerClient

from tests.layer_writing import write_image
from tests.trees import MemoryTree
from tracewhale.engines.docker.container_spec import CreatePayload
from tracewhale.engines.docker.containers import container
from tracewhale.engines.docker.preflight import check_startable
from tracewhale.errors import ImageContentError
from tracewhale.image.archive import docker_archive
from tracewhale.rootfs.tree import Kind

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture
def created(docker_client: DockerClient) -> Iterator[Callable[[str, Kind], None]]:
    """Load an image of these files, ``/fifo`` of the kind given, and look at a container of it."""
    made: list[str] = []

    def look(tree: str, kind: Kind) -> None:
        files = MemoryTree(tree)
        for path, entry in files.entries.items():
            if path.endswith("/fifo"):
                files.entries[path] = replace(entry, kind=kind, size=0)
        config = {"architecture": "amd64", "os": "linux"}
        with write_image(files.pack(list(files.entries)), config) as image:
            made.append(str(docker_client.images.load(b"".join(docker_archive(image)))[0].id))
        client: APIClient = docker_client.api
        payload = CreatePayload(config={"Image": made[-1], "Cmd": ["/x"]}, host={}, argv=("/x",))
        with container(client, payload, "twtest") as identifier:
            check_startable(client, identifier)

    yield look
    for identity in made:
        docker_client.images.remove(identity, force=True)


@pytest.mark.parametrize(
    "tree",
    [
        "/etc/passwd -> /proc/self/fd/0",
        "/etc/group -> ../../../../dev/stdin",
        "/etc/passwd -> /a\n/a -> etc/fifo\n/etc/fifo: x",
        "/etc/group/x: a directory",
    ],
)
def test_a_user_data_base_that_is_none(created: Callable[[str, Kind], None], tree: str) -> None:
    with pytest.raises(ImageContentError, match=r"/etc/(passwd|group) is no file"):
        created(f"/x: x\n{tree}", Kind.FIFO)


def test_a_loop(created: Callable[[str, Kind], None]) -> None:
    with pytest.raises(ImageContentError, match="a loop of symbolic links"):
        created("/x: x\n/etc/passwd -> group\n/etc/group -> passwd", Kind.FILE)


@pytest.mark.parametrize(
    "tree",
    [
        "/etc/passwd: root:x:0:0::/:",
        "/etc/passwd -> ../usr/lib/passwd\n/usr/lib/passwd: x",
        "/etc/group -> /nowhere",
        "/usr/etc/passwd: x\n/etc -> usr/etc",
    ],
)
def test_one_that_may_be(created: Callable[[str, Kind], None], tree: str) -> None:
    created(f"/x: x\n{tree}", Kind.FIFO)
