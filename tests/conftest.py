"""Fixtures that tests share: the engine, the images, and the proof that nothing is left.

A test that needs an engine fails without one: nothing here skips.
"""

from __future__ import annotations

import os
import platform
import secrets
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
from docker import DockerClient
from docker.errors import DockerException, ImageNotFound

from probes.build import OUTPUT, BuildError, build
from tests.images.make import SECONDS, ensure
from tests.presence import presence
from tracewhale.rootfs.archive import open_docker_archive
from tracewhale.rootfs.layers import open_layers

GONE_SECONDS = 10
"""How long something may take to vanish after the call that removed it has returned."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part",
        choices=("machine", "rest"),
        help="Run the tests that use an engine or a probe, or the others. Both may run at the same time.",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select a part of the tests.

    A test that uses an engine or a probe looks for what it left in the engine, in the processes and in the
    mounts of the machine, where it would find what another test has there just then. So one process runs all
    of these. Nothing uses either without the compiled probe.
    """
    part = config.getoption("--part")
    if part is None:
        return
    selected: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        uses_probe = "probe" in getattr(item, "fixturenames", ())
        (selected if uses_probe is (part == "machine") else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = selected


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that passed tests recorded with ``record_property``, each the sum over its tests."""
    figures: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        for name, count in report.user_properties:
            figures[name] += int(count)
    for name, count in figures.items():
        terminalreporter.line(f"{name}: {count}")


ENDING: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGTERM: signal.SIG_DFL,
}


@pytest.fixture(autouse=True)
def signals_of_a_terminal() -> None:
    """Signals as a terminal's user has them, for the test and what it starts.

    A run in the background inherits that they are ignored, and a command line that has failed ignores them
    to the end of its process, which is ours where a test calls it.
    """
    for number, handler in ENDING.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of their own, so that what the tests find is not what their user has.

    Zig keeps its own: it would compile the C library again in each session.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZIG_GLOBAL_CACHE_DIR", os.environ.get("ZIG_GLOBAL_CACHE_DIR", f"{caches}/zig"))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def probe() -> Path:
    """The probe for this machine's architecture, compiled from the sources as they are now."""
    try:
        build()
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)
    return OUTPUT / f"probe-{platform.machine()}"


@pytest.fixture(scope="session")
def images_client(probe: Path) -> Iterator[DockerClient]:
    """The engine that DOCKER_HOST or the default socket leads to, to take images from."""
    try:
        client = docker.from_env(timeout=SECONDS)
        client.ping()
    except DockerException as error:
        pytest.fail(f"no Docker engine answers, and tests/run starts one: {error}", pytrace=False)
    yield client
    client.close()


@pytest.fixture(scope="session")
def docker_client(images_client: DockerClient) -> DockerClient:
    """The engine, to run containers in; the probe is there too."""
    return images_client


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


@pytest.fixture(scope="session")
def archive(images_client: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``archive("base")`` is the file that ``docker save`` writes of a sample image."""
    directory = tmp_path_factory.mktemp("archives")

    def save(name: str) -> Path:
        path = directory / f"{name}.tar"
        if not path.exists():
            with path.open("wb") as file:
                file.writelines(images_client.images.get(ensure(images_client, name)).save(named=True))
        return path

    return save


@pytest.fixture(scope="session")
def unpacked(
    archive: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[str, Mapping[str, Any]]]:
    """``unpacked("base")`` is a directory with a sample image's files, and its ``Config``."""
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def unpack(name: str) -> tuple[str, Mapping[str, Any]]:
        if name not in found:
            directory = str(tmp_path_factory.mktemp("unpacked") / name)
            with open_docker_archive(str(archive(name))) as image, open_layers(image) as tree:
                tree.unpack_to(directory)
                found[name] = (directory, image.config["config"])
        return found[name]

    return unpack


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary directory during a test, which fails when a file, mount or process is left of it."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    directory.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield directory
    deadline = time.monotonic() + GONE_SECONDS
    while left := left_of(directory):
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {left}", pytrace=False)
        time.sleep(0.1)


def left_of(directory: Path) -> list[str]:
    """Return what is in a directory, mounted in it, or running with it."""
    left = os.listdir(directory)
    left += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(directory) in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:  # gone
            continue
        if os.fsencode(directory) in words:
            left.append(words.decode(errors="replace").replace("\0", " "))
    return left
