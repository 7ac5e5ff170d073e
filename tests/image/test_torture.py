"""Everything that is easily lost, into a layer and out of it again."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest

from tests.image.torture import as_text, everything, grow, leave_a_socket
from tests.layer_writing import pack_layer
from tracewhale.rootfs.blobs import Blob
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.layers import LayerTree
from tracewhale.rootfs.unpack import write_rootfs


@pytest.fixture
def original(tmp_path: Path) -> Path:
    root = tmp_path / "original"
    root.mkdir()
    grow(root)
    return root


def text_of_directory(root: Path) -> str:
    with DirectoryTree(str(root)) as tree:
        return as_text(tree)


def packed_layer(root: Path, out: BinaryIO) -> Blob:
    with DirectoryTree(str(root)) as tree:
        layer = pack_layer(tree, everything(tree), out)
    out.flush()
    return Blob(out, 0, layer.size)


def test_a_layer_holds_all_of_a_directory(tmp_path: Path) -> None:
    root = tmp_path / "original"
    root.mkdir()
    grow(root, beyond_path_max=True)
    with open(tmp_path / "layer.tar", "w+b") as out:
        layer = LayerTree([packed_layer(root, out)])
        assert as_text(layer) == text_of_directory(root)


def test_a_layer_unpacks_to_an_equal_directory(tmp_path: Path) -> None:
    root = tmp_path / "original"
    root.mkdir()
    grow(root, beyond_path_max=True)
    with open(tmp_path / "layer.tar", "w+b") as out:
        layer = LayerTree([packed_layer(root, out)])
        unpacked = layer.unpack_to(str(tmp_path / "copy"), devices=True)
    assert unpacked.left_out == ()
    assert text_of_directory(tmp_path / "copy") == text_of_directory(root)


def test_a_directory_goes_straight_into_another(original: Path, tmp_path: Path) -> None:
    with DirectoryTree(str(original)) as tree:
        write_rootfs(tree.pack(["/", *everything(tree)]), str(tmp_path / "copy"))
    assert text_of_directory(tmp_path / "copy") == text_of_directory(original)


def test_holes_stay_holes(original: Path, tmp_path: Path) -> None:
    with DirectoryTree(str(original)) as tree:
        write_rootfs(tree.pack(["/contents", "/contents/sparse"]), str(tmp_path / "copy"))
    assert (tmp_path / "copy/contents/sparse").stat().st_blocks * 512 < 4 << 20


def test_a_socket_is_left_out_and_said(tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()
    leave_a_socket(root / "listening")
    with DirectoryTree(str(root)) as tree, open(tmp_path / "layer", "w+b") as out:
        layer = pack_layer(tree, ["/listening"], out)
    assert [path for path, _ in layer.left_out] == ["/listening"]
    assert layer.entries == 1
