"""The paths that the layers above a base add: read from a stream of ``docker save``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.image.tars import (
    Item,
    Pipe,
    config_of,
    directory,
    docker_archive,
    gzipped,
    sha256,
    symlink,
    tar,
    zstd,
)
from tests.rootfs.test_layers import BOMB
from tracewhale.errors import ImageContentError, UsageError
from tracewhale.rootfs.layers import changed_paths

BASE = tar(directory("d/"), Item("d/kept"), Item("d/old"), Item("e/f"), Item("g"))
SECOND = tar(Item("d/new"), Item("d/passing/x"), symlink("d/link", "new"), Item("d/.wh.old"), Item("h/i"))
THIRD = tar(Item("d/.wh.passing"), directory("h/"), Item("h/.wh..wh..opq"), Item("h/j"), Item("\udcff"))
DIFF_IDS = [f"sha256:{sha256(layer)}" for layer in (BASE, SECOND, THIRD)]
CHANGED = ["/d/link", "/d/new", "/h", "/h/j", "/\udcff"]


@pytest.mark.parametrize("compress", [bytes, gzipped, zstd])
def test_what_the_layers_above_a_base_add(compress: Callable[[bytes], bytes]) -> None:
    config = config_of([BASE, SECOND, THIRD])
    stream = docker_archive(*map(compress, (BASE, SECOND, THIRD)), config=config)
    assert changed_paths(Pipe(stream), DIFF_IDS[:1]) == CHANGED
    assert changed_paths(Pipe(stream), DIFF_IDS) == []
    assert changed_paths(Pipe(stream), DIFF_IDS[:2]) == ["/h", "/h/j", "/\udcff"]
    assert "/g" in changed_paths(Pipe(stream), [])


def test_layers_in_any_order_and_shared_by_a_link() -> None:
    """Docker before 25 writes a layer that two images share once; since 25 all are blobs by digest."""
    config = config_of([BASE, SECOND, SECOND, THIRD])
    blobs = {sha256(data): data for data in (THIRD, config, BASE, SECOND)}
    order = [f"blobs/sha256/{sha256(layer)}" for layer in (BASE, SECOND, SECOND, THIRD)]
    manifest = [{"Config": f"blobs/sha256/{sha256(config)}", "RepoTags": None, "Layers": order}]
    stream = tar(
        directory("blobs/sha256/"),
        *(Item(f"blobs/sha256/{name}", data) for name, data in blobs.items()),
        symlink("old/layer.tar", "../other/layer.tar"),
        Item("manifest.json", json.dumps(manifest).encode()),
    )
    assert changed_paths(Pipe(stream), DIFF_IDS[:1]) == CHANGED


def test_an_image_that_is_not_made_from_that_base() -> None:
    with pytest.raises(UsageError, match="not made from that base"):
        changed_paths(Pipe(docker_archive(SECOND, BASE)), DIFF_IDS[:1])


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"no tar at all" * 100,
        tar(Item("manifest.json", b"[]")),
        tar(Item("manifest.json", b"[{}]")),
        tar(Item("manifest.json", b"[")),
        tar(Item("manifest.json", b'{"a": 1}')),
        docker_archive(BASE, config=config_of([SECOND])),
        docker_archive(BASE, config=b'{"rootfs": {"diff_ids": [1]}}'),
        docker_archive(BASE, config=b'{"rootfs": []}'),
        docker_archive(gzipped(BASE)[:-20], config=config_of([BASE])),
        docker_archive(tar(Item("../x")), config=config_of([BASE])),
        docker_archive(BASE)[:-5000],
    ],
)
def test_a_stream_that_is_no_saved_image(stream: bytes) -> None:
    with pytest.raises(ImageContentError):
        changed_paths(Pipe(stream), [])


def test_a_bomb_in_a_stream() -> None:
    with pytest.raises(ImageContentError, match="limit"):
        changed_paths(Pipe(docker_archive(gzipped(BOMB), config=config_of([BOMB]))), [], limit=1 << 20)
