"""Images in files: found by name, tag, digest and platform."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.image.tars import (
    Item,
    config_of,
    descriptor,
    directory,
    docker_archive,
    gzipped,
    manifest_of,
    sha256,
    symlink,
    tar,
    write_layout,
    zstd,
)
from tracewhale.errors import PlatformMismatch, TargetNotFound
from tracewhale.rootfs.archive import INDEX_TYPE, REFERENCE, open_docker_archive, open_oci
from tracewhale.rootfs.layers import open_layers

ONE = tar(Item("one", b"1"))
TWO = tar(Item("two", b"22"))


def write(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "archive.tar").write_bytes(data)
    return str(tmp_path / "archive.tar")


def tagged(data: bytes, tag: str) -> Any:
    return descriptor(data, annotations={REFERENCE: tag})


@pytest.mark.parametrize("compress", [bytes, gzipped, zstd])
def test_what_docker_save_writes(tmp_path: Path, compress: Any) -> None:
    config = config_of([ONE, TWO], variant="v8")
    with open_docker_archive(write(tmp_path, compress(docker_archive(ONE, TWO)))) as image:
        assert image.names == ("image:latest",)
        assert image.digest == f"sha256:{sha256(config_of([ONE, TWO]))}"
        assert image.config["config"] == json.loads(config)["config"]
        assert [layer.diff_id for layer in image.layers] == [
            f"sha256:{sha256(layer)}" for layer in (ONE, TWO)
        ]
        assert image.size == len(ONE) + len(TWO)
        with open_layers(image) as tree:
            assert tree.paths() == ["/", "/one", "/two"]


def since_docker_25(*layers: bytes) -> bytes:
    """An OCI layout with Docker's manifest.json beside its index."""
    config = config_of(layers)
    manifest = manifest_of(config, *layers)
    blobs = {sha256(data): data for data in (config, manifest, *layers)}
    described = {
        "Config": f"blobs/sha256/{sha256(config)}",
        "RepoTags": ["image:latest"],
        "Layers": [f"blobs/sha256/{sha256(layer)}" for layer in layers],
        "LayerSources": {},
    }
    return tar(
        directory("blobs/"),
        directory("blobs/sha256/"),
        *(Item(f"blobs/sha256/{name}", data) for name, data in blobs.items()),
        Item("index.json", json.dumps({"manifests": [tagged(manifest, "latest")]}).encode()),
        Item("manifest.json", json.dumps([described]).encode()),
        Item("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
    )


def test_what_docker_save_writes_since_docker_25(tmp_path: Path) -> None:
    path = write(tmp_path, since_docker_25(ONE, TWO))
    with open_docker_archive(path) as docker, open_oci(path, "latest") as oci:
        assert docker.digest == oci.digest
        assert docker.layers[0].digest == docker.layers[0].diff_id
        for image in (docker, oci):
            with open_layers(image) as tree:
                assert tree.paths() == ["/", "/one", "/two"]


def test_a_layer_that_two_images_share_is_a_link_in_the_archive(tmp_path: Path) -> None:
    config = config_of([ONE, ONE])
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": ["a/layer.tar", "b/layer.tar"]}]
    data = tar(
        Item("a/layer.tar", ONE),
        symlink("b/layer.tar", "../a/layer.tar"),
        Item("c.json", config),
        Item("manifest.json", json.dumps(manifest).encode()),
    )
    with open_docker_archive(write(tmp_path, data)) as image, open_layers(image) as tree:
        assert image.names == ()
        assert tree.paths() == ["/", "/one"]


def two_images(tmp_path: Path) -> str:
    configs = [config_of([layer]) for layer in (ONE, TWO)]
    names = [["one:latest", "example.com:5000/one:v1"], ["two:latest", "two:v2"]]
    manifest = [
        {"Config": f"{sha256(config)}.json", "RepoTags": tags, "Layers": [layer]}
        for config, tags, layer in zip(configs, names, ("1.tar", "2.tar"), strict=True)
    ]
    items = [Item(f"{sha256(config)}.json", config) for config in configs]
    items += [Item("1.tar", ONE), Item("2.tar", TWO), Item("manifest.json", json.dumps(manifest).encode())]
    return write(tmp_path, tar(*items))


@pytest.mark.parametrize(
    ("reference", "path"),
    [("one:latest", "/one"), ("one", "/one"), ("example.com:5000/one:v1", "/one"), ("two:v2", "/two")],
)
def test_one_of_several_images_by_its_name(tmp_path: Path, reference: str, path: str) -> None:
    with open_docker_archive(two_images(tmp_path), reference) as image, open_layers(image) as tree:
        assert tree.paths() == ["/", path]


@pytest.mark.parametrize(
    ("reference", "what"), [("", "holds 2 images"), ("three", "no image called 'three'")]
)
def test_a_name_is_needed_and_must_be_right(tmp_path: Path, reference: str, what: str) -> None:
    with (
        pytest.raises(TargetNotFound, match=what) as raised,
        open_docker_archive(two_images(tmp_path), reference),
    ):
        pass
    assert "example.com:5000/one:v1, one:latest, two:latest, two:v2" in raised.value.hint


def test_images_of_a_layout_by_their_tags(tmp_path: Path) -> None:
    configs = [config_of([layer]) for layer in (ONE, TWO)]
    manifests = [manifest_of(config, layer) for config, layer in zip(configs, (ONE, TWO), strict=True)]
    index = {"manifests": [tagged(manifests[0], "v1"), tagged(manifests[1], "v2")]}
    write_layout(tmp_path / "layout", index, *configs, *manifests, ONE, TWO)
    with open_oci(str(tmp_path / "layout"), "v2") as image, open_layers(image) as tree:
        assert image.names == ("v2",)
        assert tree.paths() == ["/", "/two"]
    for tag in ("", "v3"):
        with pytest.raises(TargetNotFound) as raised, open_oci(str(tmp_path / "layout"), tag):
            pass
        assert "v1, v2" in raised.value.hint


def multi_platform(tmp_path: Path) -> str:
    """An index of an index of manifests, with an attestation as buildx writes it."""
    platforms = [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm", "variant": "v7"},
        {"os": "unknown", "architecture": "unknown"},
    ]
    configs = [config_of([ONE], number=number) for number in range(3)]
    manifests = [manifest_of(config, ONE) for config in configs]
    inner = json.dumps(
        {
            "mediaType": INDEX_TYPE,
            "manifests": [
                descriptor(manifest, platform=platform)
                for manifest, platform in zip(manifests, platforms, strict=True)
            ],
        }
    ).encode()
    index = {"manifests": [descriptor(inner, INDEX_TYPE, annotations={REFERENCE: "v1"})]}
    write_layout(tmp_path / "layout", index, inner, *configs, *manifests, ONE)
    return str(tmp_path / "layout")


@pytest.mark.parametrize(
    ("platform", "number"),
    [("linux/amd64", 0), ("x86_64", 0), ("linux/arm/v7", 1), ("linux/arm", 1), ("arm", 1)],
)
def test_an_image_for_each_platform(tmp_path: Path, platform: str, number: int) -> None:
    with open_oci(multi_platform(tmp_path), "v1", platform) as image:
        assert image.config["number"] == number


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 0), ("armv7l", 1), ("aarch64", 1)])
def test_the_platform_is_what_this_machine_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, number: int
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    with open_oci(multi_platform(tmp_path)) as image:
        assert image.config["number"] == number


def test_an_index_of_several_platforms_that_is_the_layouts_own(tmp_path: Path) -> None:
    configs = [config_of([ONE], number=number) for number in range(2)]
    manifests = [manifest_of(config, ONE) for config in configs]
    index = {
        "manifests": [
            {**tagged(manifest, "v1"), "platform": {"os": "linux", "architecture": architecture}}
            for manifest, architecture in zip(manifests, ("arm64", "amd64"), strict=True)
        ]
    }
    write_layout(tmp_path / "layout", index, *configs, *manifests, ONE)
    for tag in ("", "v1"):
        with open_oci(str(tmp_path / "layout"), tag, "linux/amd64") as image:
            assert image.config["number"] == 1


def test_several_names_of_one_image_are_no_choice(tmp_path: Path) -> None:
    config = config_of([ONE])
    manifest = manifest_of(config, ONE)
    index = {"manifests": [tagged(manifest, "v1"), tagged(manifest, "latest")]}
    write_layout(tmp_path / "layout", index, config, manifest, ONE)
    with open_oci(str(tmp_path / "layout")) as image:
        assert image.config["rootfs"]["diff_ids"]


def test_an_image_without_a_name_is_told_by_its_digest(tmp_path: Path) -> None:
    configs = [config_of([layer]) for layer in (ONE, TWO)]
    manifests = [manifest_of(config, layer) for config, layer in zip(configs, (ONE, TWO), strict=True)]
    index = {"manifests": [tagged(manifests[0], "v1"), descriptor(manifests[1])]}
    write_layout(tmp_path / "layout", index, *configs, *manifests, ONE, TWO)
    digest = f"sha256:{sha256(manifests[1])}"
    with pytest.raises(TargetNotFound) as raised, open_oci(str(tmp_path / "layout")):
        pass
    assert f"after a colon: {digest}, v1" in raised.value.hint
    with open_oci(str(tmp_path / "layout"), digest) as image, open_layers(image) as tree:
        assert tree.paths() == ["/", "/two"]


def test_an_image_of_an_archive_by_its_id(tmp_path: Path) -> None:
    path = two_images(tmp_path)
    with open_docker_archive(path, "two") as image:
        digest = image.digest
    with open_docker_archive(path, digest) as image, open_layers(image) as tree:
        assert tree.paths() == ["/", "/two"]


@pytest.mark.parametrize("platform", ["linux/s390x", "linux/am", "windows/amd64"])
def test_an_image_that_is_for_other_platforms(tmp_path: Path, platform: str) -> None:
    with (
        pytest.raises(PlatformMismatch, match=platform) as raised,
        open_oci(multi_platform(tmp_path), "", platform),
    ):
        pass
    assert "linux/amd64, linux/arm/v7" in raised.value.hint


def test_what_is_not_there(tmp_path: Path) -> None:
    for opening in (open_docker_archive, open_oci):
        with pytest.raises(TargetNotFound, match="cannot be read"), opening(str(tmp_path / "none")):
            pass
    os.mkfifo(tmp_path / "fifo")
    descriptor = os.open(tmp_path / "fifo", os.O_RDWR)
    with (
        pytest.raises(TargetNotFound, match="not a regular file"),
        open_docker_archive(str(tmp_path / "fifo")),
    ):
        pass
    os.close(descriptor)
    with pytest.raises(TargetNotFound), open_docker_archive(str(tmp_path)):
        pass
