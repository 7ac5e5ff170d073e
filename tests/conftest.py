"""What tests share: the engine, the images, and the proof that nothing is left.

A test that needs an engine fails without one: nothing here skips.
"""

from __future__ import annotations

import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker import DockerClient
from docker.errors import DockerException, ImageNotFound

from probes.build import OUTPUT, BuildError, build
from tests.images.make import SECONDS, ensure
from tests.presence import presence

GONE_SECONDS = 10
"""How long something may take to vanish after the call that removed it has returned."""


@pytest.fixture(scope="session")
def probe() -> Path:
    """The probe for this machine's architecture, compiled from the sources as they are now."""
    try:
        build()
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)
    return OUTPUT / f"probe-{platform.machine()}"


@pytest.fixture(scope="session")
def docker_client(probe: Path) -> Iterator[DockerClient]:
    """The engine that DOCKER_HOST or the default socket leads to; the probe is there too."""
    try:
        client = docker.from_env(timeout=SECONDS)
        client.ping()
    except DockerException as error:
        pytest.fail(f"no Docker engine answers, and tests/run starts one: {error}", pytrace=False)
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(docker_client: DockerClient) -> Callable[[str], str]:
    """``image("curl")`` is the reference of a sample image (tests/images), made on first use."""
    return lambda name: ensure(docker_client, name)


@pytest.fixture
def new_tag(docker_client: DockerClient) -> Iterator[Callable[[], str]]:
    """``new_tag()`` is a reference that nobody else uses; the image that gets it is removed at the end."""
    given: list[str] = []

    def give() -> str:
        given.append(f"twtest-made/{secrets.token_hex(6)}:slim")
        return given[-1]

    yield give
    for reference in given:
        try:
            docker_client.images.remove(reference, force=True)
        except ImageNotFound:
            continue


@pytest.fixture
def leaves_nothing(
    docker_client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Fails a test after which a container, volume, network, dangling image or temporary file is left.

    Gives the directory that is the temporary one during the test, for child processes too.
    """
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = presence(docker_client, directory)
    yield directory
    deadline = time.monotonic() + GONE_SECONDS
    while left := presence(docker_client, directory).since(before):
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {left}", pytrace=False)
        time.sleep(0.2)
