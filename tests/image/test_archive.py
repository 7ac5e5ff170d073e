"""Archives and layouts as files: whole or not there, added to what is there, and the same every time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layer_writing import write_image
from tests.trees import MemoryTree
from tracewhale.errors import ImageContentError, NoSpace, UsageError
from tracewhale.image import Image, Overrides
from tracewhale.image.archive import docker_archive, oci_archive, write_archive, write_oci_layout
from tracewhale.rootfs.archive import REFERENCE

ORIGINAL = {"architecture": "arm64", "variant": "v8", "os": "linux", "created": "2020-01-01T00:00:00Z"}


@pytest.fixture
def image() -> Iterator[Image]:
    with write_image(MemoryTree("/a: contents").pack(["/a"]), ORIGINAL, environ={}) as image:
        yield image


@pytest.fixture
def other() -> Iterator[Image]:
    overrides = Overrides(labels={"b": "c"})
    with write_image(MemoryTree("/b: other").pack(["/b"]), ORIGINAL, overrides=overrides) as image:
        yield image


def index(layout: Path) -> list[tuple[str, str]]:
    """Tags and digests of a layout's index."""
    manifests = json.loads((layout / "index.json").read_bytes())["manifests"]
    return [(each.get("annotations", {}).get(REFERENCE, ""), each["digest"]) for each in manifests]


def test_a_docker_archive_holds_what_its_manifest_says(image: Image) -> None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(docker_archive(image, ["a:1", "b:2"])))) as tar:
        contents = {info.name: read(tar, info) for info in tar}
        assert {(i.mtime, i.uid, i.gid, i.mode, i.uname) for i in tar} == {(0, 0, 0, 0o644, "")}
    (entry,) = json.loads(contents["manifest.json"])
    assert entry["RepoTags"] == ["a:1", "b:2"]
    assert contents[entry["Config"]] == image.config
    assert hashlib.sha256(image.config).hexdigest() == image.digest.partition(":")[2]
    (layer,) = entry["Layers"]
    (diff_id,) = json.loads(image.config)["rootfs"]["diff_ids"]
    assert f"sha256:{hashlib.sha256(contents[layer]).hexdigest()}" == diff_id


def read(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    assert file is not None
    return file.read()


def test_an_image_without_a_name(image: Image) -> None:
    assert b'"RepoTags":null' in b"".join(docker_archive(image))


def test_archives_can_be_made_again_and_are_the_same(image: Image) -> None:
    assert b"".join(docker_archive(image)) == b"".join(docker_archive(image))
    assert b"".join(oci_archive(image, "t")) == b"".join(oci_archive(image, "t"))


def test_every_blob_is_what_its_name_says(image: Image, tmp_path: Path) -> None:
    write_oci_layout(image, str(tmp_path), "v1", {"org.opencontainers.image.base.name": "x"})
    for name in os.listdir(tmp_path / "blobs/sha256"):
        assert hashlib.sha256((tmp_path / "blobs/sha256" / name).read_bytes()).hexdigest() == name
    assert json.loads((tmp_path / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    (descriptor,) = json.loads((tmp_path / "index.json").read_bytes())["manifests"]
    assert descriptor["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
    manifest = (tmp_path / "blobs/sha256" / descriptor["digest"].partition(":")[2]).read_bytes()
    assert len(manifest) == descriptor["size"]
    assert json.loads(manifest)["annotations"] == {"org.opencontainers.image.base.name": "x"}


def test_a_layout_takes_more_images(image: Image, other: Image, tmp_path: Path) -> None:
    layout = tmp_path / "made/here"
    write_oci_layout(image, str(layout), "v1")
    ((_, first),) = index(layout)
    write_oci_layout(other, str(layout), "v2")
    (_, (_, second)) = index(layout)
    assert index(layout) == [("v1", first), ("v2", second)]
    write_oci_layout(other, str(layout), "v1")
    assert index(layout) == [("v2", second), ("v1", second)]
    write_oci_layout(other, str(layout), "v1")
    assert index(layout) == [("v2", second), ("v1", second)]


def test_images_without_a_tag_stay_beside_each_other(image: Image, other: Image, tmp_path: Path) -> None:
    for each in (image, other, image):
        write_oci_layout(each, str(tmp_path))
    assert [tag for tag, _ in index(tmp_path)] == ["", ""]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_what_is_written_follows_the_umask(image: Image, tmp_path: Path, umask: int) -> None:
    previous = os.umask(umask)
    try:
        write_archive(docker_archive(image), str(tmp_path / "a.tar"))
    finally:
        os.umask(previous)
    assert (tmp_path / "a.tar").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_directory_with_something_else_is_left_alone(image: Image, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(UsageError, match="holds files"):
        write_oci_layout(image, str(tmp_path))
    assert os.listdir(tmp_path) == ["mine"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"manifests": 1}', '{"manifests": [1]}', "[" * 100_000])
def test_an_index_that_is_none_is_left_alone(image: Image, tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(ImageContentError, match=r"index\.json"):
        write_oci_layout(image, str(tmp_path))
    assert os.listdir(tmp_path) == ["index.json"]
    assert (tmp_path / "index.json").read_text() == text


@pytest.mark.parametrize("path", ["file", "file/layout"])
def test_a_layout_in_the_place_of_a_file(image: Image, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError):
        write_oci_layout(image, str(tmp_path / path))
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("path", ["none/a.tar", "directory"])
def test_an_archive_where_it_cannot_be(image: Image, tmp_path: Path, path: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_archive(docker_archive(image), str(tmp_path / path))
    assert os.listdir(tmp_path) == ["directory"]


def test_an_archive_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_text("the old one")

    def chunks() -> Iterator[bytes]:
        yield b"the new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_archive(chunks(), str(tmp_path / "a.tar"))
    assert os.listdir(tmp_path) == ["a.tar"]
    assert (tmp_path / "a.tar").read_text() == "the old one"


def test_no_space(image: Image, tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True, timeout=20)
    try:
        chunks = iter([bytes(32 << 10)] * 3)
        with pytest.raises(NoSpace, match=str(tmp_path)):
            write_archive(chunks, str(tmp_path / "a.tar"))
        assert os.listdir(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True, timeout=20)


def test_a_pipe_is_written_to_and_not_replaced(image: Image, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        write_archive(docker_archive(image), str(tmp_path / "pipe"))
        assert reader.stdout is not None
        assert reader.stdout.read() == b"".join(docker_archive(image))
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_is_written_through_and_not_replaced(image: Image, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write_archive(docker_archive(image), str(tmp_path / "link"))
    assert (tmp_path / "file").read_bytes() == b"".join(docker_archive(image))
    assert (tmp_path / "link").is_symlink()
