"""Images in files that are refused: malformed or hostile archives and layouts."""

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
    docker_archive,
    gzipped,
    manifest_of,
    sha256,
    symlink,
    tar,
    write_layout,
    zstd,
)
from tests.rootfs.test_archive import ONE, TWO, write
from tracewhale.errors import EmptyImage, ImageContentError, TargetNotFound, TraceWhaleError
from tracewhale.rootfs.archive import INDEX_TYPE, open_docker_archive, open_oci
from tracewhale.rootfs.layers import open_layers

CONFIG = config_of([ONE])
GOOD = {"Config": f"{sha256(CONFIG)}.json", "RepoTags": ["a:b"], "Layers": ["l.tar"]}


def docker_with(manifest: Any, config: bytes = CONFIG, *more: Item) -> bytes:
    """An archive with this manifest.json, as bytes or a value."""
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    items = [Item("manifest.json", text), Item(f"{sha256(CONFIG)}.json", config), Item("l.tar", ONE)]
    return tar(*items, *more)


SPARSE = Item("s", b"x", pax={"GNU.sparse.map": "5,1", "GNU.sparse.size": "9"})

MALFORMED_DOCKER: dict[str, tuple[bytes, type[TraceWhaleError]]] = {
    "nothing": (b"", ImageContentError),
    "no tar": (b"#!/bin/sh\n" * 200, ImageContentError),
    "no manifest": (tar(Item("l.tar", ONE)), ImageContentError),
    "no image in it": (docker_with([]), EmptyImage),
    "no JSON": (docker_with(b"{'"), ImageContentError),
    "JSON that is not UTF-8": (docker_with(b'["\xff"]'), ImageContentError),
    "JSON without an end to its depth": (docker_with(b"[" * 200_000), ImageContentError),
    "a number": (docker_with(7), ImageContentError),
    "an object": (docker_with(GOOD), ImageContentError),
    "a list of strings": (docker_with(["x"]), ImageContentError),
    "no members": (docker_with([{}]), ImageContentError),
    "Config is a list": (docker_with([{**GOOD, "Config": []}]), ImageContentError),
    "Config is not there": (docker_with([{**GOOD, "Config": "other.json"}]), ImageContentError),
    "Config is outside": (docker_with([{**GOOD, "Config": "/etc/passwd"}]), ImageContentError),
    "Layers is a string": (docker_with([{**GOOD, "Layers": "l.tar"}]), ImageContentError),
    "Layers has numbers": (docker_with([{**GOOD, "Layers": [1]}]), ImageContentError),
    "a layer is outside": (docker_with([{**GOOD, "Layers": ["../../etc/passwd"]}]), ImageContentError),
    "a layer is not there": (docker_with([{**GOOD, "Layers": ["m.tar"]}]), ImageContentError),
    "a layer too many": (docker_with([{**GOOD, "Layers": ["l.tar", "l.tar"]}]), ImageContentError),
    "a layer too few": (docker_with([{**GOOD, "Layers": []}]), ImageContentError),
    "RepoTags is an object": (docker_with([{**GOOD, "RepoTags": {}}]), ImageContentError),
    "another configuration": (docker_with([GOOD], config_of([ONE], other=1)), ImageContentError),
    "a link that leads nowhere": (
        docker_with([{**GOOD, "Layers": ["k.tar"]}], CONFIG, symlink("k.tar", "../../../etc/passwd")),
        ImageContentError,
    ),
    "links in a circle": (
        docker_with([{**GOOD, "Layers": ["j"]}], CONFIG, symlink("j", "k"), symlink("k", "j")),
        ImageContentError,
    ),
    "a name that leads out": (docker_with([GOOD], CONFIG, Item("../x", b"")), ImageContentError),
    "a sparse layer": (
        docker_with([{**GOOD, "Layers": ["s"]}], CONFIG, SPARSE),
        ImageContentError,
    ),
}


@pytest.mark.parametrize(("data", "error"), MALFORMED_DOCKER.values(), ids=MALFORMED_DOCKER.keys())
def test_a_docker_archive_that_is_malformed(
    tmp_path: Path, data: bytes, error: type[TraceWhaleError]
) -> None:
    with pytest.raises(error) as raised, open_docker_archive(write(tmp_path, data)):
        pass
    one_sentence(raised.value)


@pytest.mark.parametrize(
    "config",
    [
        b"[]",
        b"7",
        b"{",
        b'{"rootfs": []}',
        b'{"rootfs": {"diff_ids": "x"}}',
        b'{"rootfs": {"diff_ids": [7]}}',
        b"{}",
    ],
)
def test_a_configuration_that_is_malformed(tmp_path: Path, config: bytes) -> None:
    data = docker_archive(ONE, config=config)
    with pytest.raises(ImageContentError) as raised, open_docker_archive(write(tmp_path, data)):
        pass
    one_sentence(raised.value)


@pytest.mark.parametrize("diff_id", ["", "md5:abc", "sha256:ABC", "sha256:../../etc/passwd", "sha256"])
def test_a_diff_id_that_is_no_digest(tmp_path: Path, diff_id: str) -> None:
    config = json.dumps({"rootfs": {"diff_ids": [diff_id]}}).encode()
    path = write(tmp_path, docker_archive(ONE, config=config))
    with (
        open_docker_archive(path) as image,
        pytest.raises(ImageContentError, match="not a supported digest"),
        open_layers(image),
    ):
        pass


def test_an_image_without_layers(tmp_path: Path) -> None:
    with pytest.raises(EmptyImage, match="no layers"), open_docker_archive(write(tmp_path, docker_archive())):
        pass


def layout_with(tmp_path: Path, manifest: bytes, **changed: Any) -> str:
    """A layout with one image whose descriptor is changed."""
    index = {"manifests": [{**descriptor(manifest), **changed}]}
    write_layout(tmp_path / "layout", index, manifest, CONFIG, ONE)
    return str(tmp_path / "layout")


@pytest.mark.parametrize(
    "manifest",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"config": 1}',
        b'{"config": {"digest": "sha256:../../../../etc/passwd"}}',
        b'{"config": {"digest": "sha256:' + b"0" * 64 + b'"}}',
        json.dumps({"config": descriptor(CONFIG), "layers": [{"digest": "x"}]}).encode(),
        json.dumps({"config": descriptor(CONFIG), "layers": {"digest": "x"}}).encode(),
        json.dumps({"config": descriptor(CONFIG), "layers": [7]}).encode(),
        manifest_of(CONFIG, TWO),
        manifest_of(CONFIG),
    ],
)
def test_an_oci_manifest_that_is_malformed(tmp_path: Path, manifest: bytes) -> None:
    with pytest.raises(ImageContentError) as raised, open_oci(layout_with(tmp_path, manifest)):
        pass
    one_sentence(raised.value)


@pytest.mark.parametrize("digest", [f"sha256:{'0' * 64}", "sha256:../index.json", "", 7, None])
def test_an_index_that_names_what_is_not_there(tmp_path: Path, digest: Any) -> None:
    with (
        pytest.raises(ImageContentError),
        open_oci(layout_with(tmp_path, manifest_of(CONFIG, ONE), digest=digest)),
    ):
        pass


@pytest.mark.parametrize("index", ["", "[]", "7", '{"manifests": {}}', '{"manifests": [1]}'])
def test_an_index_that_is_malformed(tmp_path: Path, index: str) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    (layout / "index.json").write_text(index)
    with pytest.raises(ImageContentError) as raised, open_oci(str(layout)):
        pass
    one_sentence(raised.value)


def test_indexes_that_contain_each_other(tmp_path: Path) -> None:
    """Digests forbid a circle, but not a long way down."""
    inner = manifest_of(CONFIG, ONE)
    blobs = [inner]
    for _ in range(10):
        platform = {"os": "linux", "architecture": "amd64"}
        inner = json.dumps({"manifests": [descriptor(inner, INDEX_TYPE, platform=platform)]}).encode()
        blobs.append(inner)
    write_layout(tmp_path / "layout", {"manifests": [descriptor(inner, INDEX_TYPE)]}, *blobs)
    with pytest.raises(ImageContentError), open_oci(str(tmp_path / "layout"), "", "linux/amd64"):
        pass


@pytest.mark.parametrize("which", [CONFIG, ONE, manifest_of(CONFIG, ONE)])
def test_a_blob_that_is_not_what_its_name_says(tmp_path: Path, which: bytes) -> None:
    path = layout_with(tmp_path, manifest_of(CONFIG, ONE))
    blob = tmp_path / "layout/blobs/sha256" / sha256(which)
    blob.write_bytes(which.replace(b"1", b"2", 1) if which != ONE else TWO)
    with pytest.raises(ImageContentError, match="digest"), open_oci(path) as image, open_layers(image):
        pass


def test_a_compressed_blob_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    """Its contents are right, its bytes are others."""
    stored = gzipped(ONE)
    manifest = manifest_of(CONFIG, stored)
    write_layout(tmp_path / "layout", {"manifests": [descriptor(manifest)]}, manifest, CONFIG, stored)
    (tmp_path / "layout/blobs/sha256" / sha256(stored)).write_bytes(zstd(ONE))
    with (
        pytest.raises(ImageContentError, match="digest of a layer"),
        open_oci(str(tmp_path / "layout")) as image,
        open_layers(image),
    ):
        pass


@pytest.mark.parametrize("name", ["index.json", "blobs", f"blobs/sha256/{sha256(ONE)}"])
def test_a_link_in_a_layout_is_not_followed(tmp_path: Path, name: str) -> None:
    path = layout_with(tmp_path, manifest_of(CONFIG, ONE))
    os.rename(f"{path}/{name}", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", f"{path}/{name}")
    with pytest.raises(ImageContentError, match="has no"), open_oci(path):
        pass


def test_an_archive_that_is_a_decompression_bomb(tmp_path: Path) -> None:
    path = write(tmp_path, gzipped(bytes(32 << 20)))
    with pytest.raises(ImageContentError, match="limit of 4 MiB"), open_docker_archive(path, limit=4 << 20):
        pass


def one_sentence(error: TraceWhaleError) -> None:
    assert error.what.endswith(".")
    assert error.what.isprintable()
    assert len(error.what) < 500
    assert error.hint


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(TargetNotFound, match="not a regular file"), open_docker_archive(f"{tmp_path}/fifo"):
        pass
