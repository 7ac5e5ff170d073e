"""A target's name leads to its identity, configuration, and for this machine what a container would see."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient

from tests.layer_writing import write_image
from tests.trees import MemoryTree
from tracewhale.engines.base import Request
from tracewhale.engines.embedded import sources
from tracewhale.engines.embedded.adapter import EmbeddedEngine
from tracewhale.engines.embedded.machine import this_machine
from tracewhale.engines.embedded.sources import Source, open_source
from tracewhale.engines.names import parse
from tracewhale.errors import EngineError
from tracewhale.image.archive import write_oci_layout
from tracewhale.running.console import Console
from tracewhale.running.options import RunOptions
from tracewhale.running.setup import RunSetup
from tracewhale.tracing.events import Trace

PLAIN = RunOptions()


@contextmanager
def source(name: str, *command: str, options: RunOptions = PLAIN) -> Iterator[Source]:
    with open_source(parse(name), Request(options, command), this_machine()) as found:
        yield found


def test_an_archive_is_the_image_that_docker_has(
    archive: Callable[[str], Path], image: Callable[[str], str], docker_client: DockerClient
) -> None:
    original = docker_client.images.get(image("static"))
    with source(f"docker-archive:{archive('static')}") as found:
        assert found.identity == original.id
        assert found.config["config"]["Cmd"] == original.attrs["Config"]["Cmd"]
        assert found.default_name == "skinny-static"
        assert found.size > original.attrs["Size"]


def test_a_layout_is_called_after_its_directory(tmp_path: Path) -> None:
    tree = MemoryTree("/a/b: contents")
    config = {"architecture": this_machine().architecture, "os": "linux", "config": {"Cmd": ["/a/b"]}}
    with write_image(tree.pack(list(tree.entries)), config) as image:
        write_oci_layout(image, str(tmp_path / "shop"), "v1")
        with source(f"oci:{tmp_path}/shop:v1") as found:
            assert (found.identity, found.default_name) == (image.digest, "skinny-shop")
            assert found.config["config"] == {"Cmd": ["/a/b"]}


def test_what_has_no_configuration_gets_that_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    options = RunOptions(env=("A=1", "PATH=/bin", "GONE"), user="5", workdir="/w", entrypoint="/e")
    with source(f"rootfs:{tmp_path}", "one", "two words", options=options) as found:
        assert found.config["config"] == {
            "Env": ["PATH=/bin", "A=1"],
            "User": "5",
            "WorkingDir": "/w",
            "Entrypoint": ["/e"],
            "Cmd": ["one", "two words"],
        }
        assert (found.config["os"], found.config["architecture"]) == ("linux", this_machine().architecture)
        assert found.identity == f"rootfs:{tmp_path}"


def test_this_machine_gives_what_is_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in {"PATH": "/p", "LANG": "C.UTF-8", "TOKEN": "secret", "HOME": "/h"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with source("host", "/usr/bin/env", "x") as found:
        assert found.config["config"] == {
            "Env": ["PATH=/p", "LANG=C.UTF-8"],
            "WorkingDir": str(tmp_path),
            "Cmd": ["/usr/bin/env", "x"],
        }
        assert found.default_name == "skinny-env"


def test_this_machines_runtime_files_are_no_images() -> None:
    with source("host", "true") as found:
        listings = found.tree.scan(["/", "/proc", "/sys", "/dev", "/run", "/etc"])
        assert {"proc", "run", "etc"} <= set(listings["/"] or ())
        assert [listings[path] for path in ("/proc", "/sys", "/dev", "/run")] == [{}, {}, {}, {}]
        assert "passwd" in (listings["/etc"] or ())


def run(target: str, *command: str) -> Trace:
    engine = EmbeddedEngine(lambda text: None)
    with engine.open(target, Request(PLAIN, command)) as found, found.tree() as tree:
        return found.trace(RunSetup(tree, (), Console())).checked()


@pytest.mark.usefixtures("probe")
def test_this_machine_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    script = (
        f"rm {tmp_path}/kept; echo new > {tmp_path}/new; echo x > /new; cat {tmp_path}/new; ls {tmp_path}"
    )
    done = run("host", "/bin/sh", "-c", script)
    assert done.outcome is not None
    assert (done.outcome.stdout, done.outcome.stderr) == (b"new\nnew\n", b"")
    assert os.listdir(tmp_path) == ["kept"]
    assert not os.path.exists("/new")


@pytest.mark.usefixtures("probe")
def test_this_machine_is_seen_as_a_container_would_be(temporary: Path) -> None:
    script = "echo /run/* /dev/shm/*; id -u; hostname; ls -d /tmp/tracewhale-* /var/tmp/tracewhale-*"
    done = run("host", "/bin/sh", "-c", script)
    assert done.outcome is not None
    assert done.outcome.stdout.decode().splitlines() == ["/run/* /dev/shm/*", "0", os.uname().nodename]


@pytest.mark.usefixtures("probe")
def test_files_that_no_place_can_be_made_of(
    monkeypatch: pytest.MonkeyPatch, temporary: Path, tmp_path: Path
) -> None:
    """Where an overlay is refused: a directory is copied, this machine is not."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root/file").write_text("x")
    monkeypatch.setattr(sources, "UNSEEN", str(temporary))
    for name, ways in ((f"rootfs:{tmp_path}/root", 3), ("host", 1), ("rootfs:/", 2)):
        with source(name, "true") as found, closing(found.places(0)) as places:
            seen: list[str] = []
            with pytest.raises(EngineError, match="mounts no overlay"):
                seen.extend(place.root[0] for place in places)
            assert len(seen) == ways
            assert ("--bind" in seen) == (ways == 3)


def test_an_ordinary_users_copy_is_theirs(temporary: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "of-root").write_text("x")
    os.chown(root, 7, 7)
    with source(f"rootfs:{root}") as found:
        found.machine = replace(found.machine, user=True)
        found.way = 2
        with closing(found.places(7)) as places:
            copy = next(places).root[2]
            assert os.stat(f"{copy}/of-root").st_mode & 0o777 == 0o444
            assert os.stat(copy).st_mode & 0o777 == root.stat().st_mode & 0o777
        assert not os.path.exists(copy)
