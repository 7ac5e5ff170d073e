"""The torture tree in every form of an image, as Docker, Podman, skopeo and umoci read it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient

from tests.image.torture import as_text, everything, grow, lines
from tests.layer_writing import write_image
from tracewhale.engines.docker.containers import served_tree
from tracewhale.image.archive import docker_archive, oci_archive, write_archive, write_oci_layout
from tracewhale.rootfs.archive import open_docker_archive, open_oci
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.layers import open_layers

CONFIG = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]}}
SECONDS = 120


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the original and, made of it, docker.tar, oci.tar and layout; all are v1."""
    directory = tmp_path_factory.mktemp("made")
    (directory / "original").mkdir()
    grow(directory / "original")
    with (
        DirectoryTree(str(directory / "original")) as tree,
        write_image(tree.pack(["/", *everything(tree)]), CONFIG) as image,
    ):
        write_archive(docker_archive(image, ["example.com/torture:v1"]), str(directory / "docker.tar"))
        write_archive(oci_archive(image, "v1"), str(directory / "oci.tar"))
        write_oci_layout(image, str(directory / "layout"), "v1")
    return directory


def run(*command: str | Path) -> str:
    """A command's output; what it says is shown when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def text_of(root: Path | str) -> str:
    with DirectoryTree(str(root)) as tree:
        return as_text(tree)


def clamped(text: str) -> str:
    """As Docker and Podman have it, for whom a time before 1970 is 1970 (moby, pkg/system/chtimes.go)."""
    return re.sub(r"(before-1970' file 0644 0:0) -\d+", r"\1 0", text)


def test_we_read_every_form_of_it(made: Path) -> None:
    for opened in (
        open_docker_archive(str(made / "docker.tar")),
        open_oci(str(made / "layout"), "v1"),
        open_oci(str(made / "oci.tar")),
    ):
        with opened as stored, open_layers(stored) as tree:
            assert as_text(tree) == text_of(made / "original")


def test_umoci_unpacks_an_equal_tree(made: Path, tmp_path: Path) -> None:
    run("umoci", "unpack", "--image", f"{made}/layout:v1", tmp_path / "bundle")
    assert text_of(tmp_path / "bundle/rootfs") == text_of(made / "original")


@pytest.mark.parametrize(
    "form", ["docker-archive:{}/docker.tar", "oci-archive:{}/oci.tar:v1", "oci:{}/layout:v1"]
)
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_skopeo_copies_it_and_we_read_the_copy(
    made: Path, tmp_path: Path, form: str, compression: str
) -> None:
    copied = tmp_path / "copy"
    run("skopeo", "copy", "--dest-compress-format", compression, form.format(made), f"dir:{copied}")
    run("skopeo", "copy", f"dir:{copied}", f"oci:{tmp_path}/layout:copied")
    with open_oci(str(tmp_path / "layout"), "copied") as stored, open_layers(stored) as tree:
        assert stored.layers[0].digest != stored.layers[0].diff_id, "it is compressed"
        assert as_text(tree) == text_of(made / "original")


def test_podman_loads_it(made: Path) -> None:
    # Podman wants a path of at most 50 characters, which pytest's are not.
    with tempfile.TemporaryDirectory(prefix="tw", dir="/tmp") as store:
        podman = ("podman", "--root", f"{store}/r", "--runroot", f"{store}/n", "--storage-driver", "vfs")
        run(*podman, "load", "--input", made / "docker.tar")
        mounted = run(*podman, "image", "mount", "example.com/torture:v1").strip()
        found = text_of(mounted)
        run(*podman, "image", "unmount", "--all")
        run(*podman, "rmi", "--all", "--force")
    # Its vfs driver makes files in the root directory and with that changes its time.
    assert found.splitlines()[1:] == clamped(text_of(made / "original")).splitlines()[1:]


def test_docker_loads_it(
    made: Path, docker_client: DockerClient, probe: Path, new_tag: Callable[[], str]
) -> None:
    tag = new_tag()
    (loaded,) = docker_client.images.load((made / "docker.tar").read_bytes())
    loaded.tag(tag)
    docker_client.images.remove("example.com/torture:v1")
    with DirectoryTree(str(made / "original")) as original:
        paths = everything(original)
        expected = "\n".join(lines(original.pack(paths)))
    with served_tree(docker_client.api, tag, probe.read_bytes()) as tree:
        found = "\n".join(lines(tree.pack(paths)))
    assert found == clamped(expected)


def test_docker_saves_it_and_we_read_that(
    made: Path, docker_client: DockerClient, tmp_path: Path, new_tag: Callable[[], str]
) -> None:
    tag = new_tag()
    (loaded,) = docker_client.images.load((made / "docker.tar").read_bytes())
    loaded.tag(tag)
    docker_client.images.remove("example.com/torture:v1")
    with open(tmp_path / "saved.tar", "wb") as file:
        file.writelines(docker_client.images.get(tag).save(named=tag))
    with open_docker_archive(str(tmp_path / "saved.tar"), tag) as stored, open_layers(stored) as tree:
        assert stored.digest == loaded.id
        assert as_text(tree) == text_of(made / "original")
