"""The sample images run, are not made twice, and what a test leaves behind is seen."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker import DockerClient

from tests.presence import Presence, presence

Image = Callable[[str], str]


def output(client: DockerClient, reference: str, *command: str) -> str:
    printed: bytes = client.containers.run(reference, list(command) or None, remove=True)
    return printed.decode()


@pytest.mark.parametrize("name", ["static", "musl"])
def test_images_without_a_shell_run(docker_client: DockerClient, image: Image, name: str) -> None:
    assert output(docker_client, image(name)) == "hello whale\n"


def test_a_command_is_given_to_the_entrypoint(docker_client: DockerClient, image: Image) -> None:
    assert "ID=debian" in output(docker_client, image("curl"), "-s", "file:///etc/os-release")


def test_an_unchanged_image_is_not_made_again(docker_client: DockerClient, image: Image) -> None:
    first = docker_client.images.get(image("static")).id
    assert docker_client.images.get(image("static")).id == first


def test_what_is_left_behind_is_seen(docker_client: DockerClient, image: Image, tmp_path: Path) -> None:
    before = presence(docker_client, tmp_path)
    with left_behind(docker_client, image("static"), tmp_path) as name:
        new = presence(docker_client, tmp_path).since(before)
        assert new["files"] == ["left"]
        assert any(name in line for line in new["containers"])
        assert name in new["volumes"]
        assert any(name in line for line in new["networks"])
        assert new["dangling_images"]


@contextmanager
def left_behind(client: DockerClient, reference: str, directory: Path) -> Iterator[str]:
    name = f"twtest-{directory.name}"
    volume = client.volumes.create(name)
    network = client.networks.create(name)
    container = client.containers.create(reference, name=name)
    dangling = str(container.commit().id)
    (directory / "left").touch()
    try:
        yield name
    finally:
        container.remove(force=True)
        network.remove()
        volume.remove()
        client.images.remove(dangling)


def test_temporary_files_go_where_they_are_counted(leaves_nothing: Path) -> None:
    assert tempfile.gettempdir() == str(leaves_nothing)


def test_presence_tells_only_what_is_new() -> None:
    nothing: frozenset[str] = frozenset()
    before = Presence(frozenset({"a"}), nothing, nothing, nothing, nothing)
    now = Presence(frozenset({"a", "b"}), nothing, nothing, nothing, frozenset({"f"}))
    assert now.since(before) == {"containers": ["b"], "files": ["f"]}
    assert before.since(now) == {}
