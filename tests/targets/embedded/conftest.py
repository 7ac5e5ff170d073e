"""Runs of sample images' files in a sandbox, in a line each, with no engine."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from tracewhale.targets.archive import open_docker_archive
from tracewhale.targets.base import Request
from tracewhale.targets.console import Console, Handle, Reader
from tracewhale.targets.embedded import driver
from tracewhale.targets.embedded.machine import this_machine
from tracewhale.targets.embedded.session import Refused
from tracewhale.targets.embedded.sources import opened
from tracewhale.targets.layers import open_layers
from tracewhale.targets.names import ROOTFS, Name
from tracewhale.targets.options import parse_options
from tracewhale.targets.run import Run
from tracewhale.tracing.events import Step, Trace

GONE_SECONDS = 10
"""How long a process may take to end after what killed it has returned."""

Archive = Callable[[str], Path]
Unpacked = Callable[[str], tuple[str, Mapping[str, Any]]]


@pytest.fixture(scope="session")
def archive(
    docker_client: DockerClient, image: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Archive:
    """``archive("base")`` is the file that ``docker save`` writes of a sample image."""
    directory = tmp_path_factory.mktemp("archives")

    def save(name: str) -> Path:
        path = directory / f"{name}.tar"
        if not path.exists():
            with path.open("wb") as file:
                file.writelines(docker_client.images.get(image(name)).save(named=True))
        return path

    return save


@pytest.fixture(scope="session")
def unpacked(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
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
    """What is in a directory, mounted in it, or running with it."""
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


@dataclass
class Runner:
    """``runner("base", "echo", "x", user="1")`` traces a command in an image, and keeps what it printed."""

    unpacked: Unpacked
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    def __call__(
        self,
        target: str,
        *command: str,
        steps: Sequence[Step] = (),
        handle: Handle | None = None,
        stdin: Reader | None = None,
        recorded: bytes = b"",
        size: tuple[int, int] | None = None,
        config: dict[str, Any] | None = None,
        first_way: int = 0,
        **options: Any,
    ) -> Trace:
        directory, found = self.unpacked(target) if target.isalpha() else (target, {})
        console = Console(self.stdout.extend, self.stderr.extend, stdin, size=lambda: size)
        parsed = parse_options(environ={}, **options)
        run = Run(target, "image", {**found, **(config or {})}, parsed, command, input=recorded)
        with ExitStack() as held:
            source = held.enter_context(opened(Name(ROOTFS, directory), Request(), this_machine()))
            source.way = first_way
            for place in source.places(0):
                try:
                    return driver.trace(
                        run,
                        source.machine,
                        place,
                        tree=source.tree,
                        steps=steps,
                        console=console,
                        handle=handle or Handle(),
                        progress=lambda text: None,
                    )
                except Refused:
                    continue
        raise AssertionError("places end with an error")


@pytest.fixture
def runner(probe: Path, unpacked: Unpacked, temporary: Path) -> Runner:
    return Runner(unpacked)
