"""An image's layers as a tree: lazily read, safely unpacked, and refused when they are hostile."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard

from tests.image.tars import (
    Item,
    blob,
    config_of,
    directory,
    docker_archive,
    gzipped,
    hard_link,
    header,
    padded,
    symlink,
    tar,
    zstd,
)
from tests.image.torture import as_text
from tests.image.users import as_nobody
from tracewhale.errors import ImageContentError, NoSpace, TargetNotFound, UsageError
from tracewhale.rootfs.archive import open_docker_archive
from tracewhale.rootfs.blobs import Blob
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.layers import LayerTree, open_layers
from tracewhale.rootfs.tempfiles import spool


@contextmanager
def layers(*tars: bytes) -> Iterator[LayerTree]:
    with ExitStack() as held:
        yield LayerTree([held.enter_context(blob(data)) for data in tars])


@contextmanager
def saved(
    directory: Path, *stored: bytes, config: bytes | None = None, limit: int = 1 << 30
) -> Iterator[LayerTree]:
    """An image in a Docker archive, opened."""
    path = directory / "saved.tar"
    path.write_bytes(docker_archive(*stored, config=config))
    with open_docker_archive(str(path), limit=limit) as image, open_layers(image, limit) as tree:
        yield tree


LOWER = tar(directory("d/"), Item("d/a", b"lower a"), Item("d/b", b"lower b"), Item("gone", b"x"))
UPPER = tar(Item("d/b", b"upper b"), Item(".wh.gone"), hard_link("d/c", "d/a"))
PLAIN = [LOWER, UPPER]


@pytest.mark.parametrize("compress", [bytes, gzipped, zstd])
def test_layers_plain_and_compressed(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    with saved(tmp_path, *(compress(layer) for layer in PLAIN), config=config_of(PLAIN)) as tree:
        assert tree.paths() == ["/", "/d", "/d/a", "/d/b", "/d/c"]
        assert tree.read([(f"/d/{name}", 0, -1) for name in "abc"]) == [b"lower a", b"upper b", b"lower a"]


def test_frames_and_members_one_after_the_other_are_one_layer(tmp_path: Path) -> None:
    half = len(LOWER) // 2
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"skip!"
    config = config_of([LOWER])
    for compressed in (
        gzipped(LOWER[:half]) + gzipped(LOWER[half:]),
        zstd(LOWER[:half]) + skippable + zstd(LOWER[half:]) + skippable,
        skippable + zstd(LOWER),
    ):
        with saved(tmp_path, compressed, config=config) as tree:
            assert tree.read([("/d/a", 0, -1)]) == [b"lower a"]


def test_scan_and_read_as_a_tree_does() -> None:
    with layers(LOWER, UPPER) as tree:
        found = tree.scan(["/", "/d", "/d/a", "/none", "/d/a/below"])
        assert {path: None if names is None else sorted(names) for path, names in found.items()} == {
            "/": ["d"],
            "/d": ["a", "b", "c"],
            "/d/a": None,
            "/none": None,
            "/d/a/below": None,
        }
        listing = found["/d"]
        assert listing is not None
        assert listing["a"].path == "/d/a"
        assert listing["a"].inode == listing["c"].inode != listing["b"].inode
        assert [listing[name].nlink for name in "abc"] == [2, 1, 2]
        requests = [
            ("/d/a", 2, 3),
            ("/d/a", 6, 100),
            ("/d/a", 7, -1),
            ("/d/a", 99, -1),
            ("/d", 0, -1),
            ("/x", 0, 1),
        ]
        assert tree.read(requests) == [b"wer", b"a", b"", b"", None, None]


def test_pack_says_what_is_absent() -> None:
    with layers(LOWER) as tree, pytest.raises(TargetNotFound, match="/nothing"):
        list(tree.pack(["/d", "/nothing"]))


def test_sparse_files_have_their_zeros() -> None:
    body = padded(b"2\n1000\n256\n5000\n100\n")
    pax = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "9000",
        "GNU.sparse.name": "s",
    }
    data = body + b"A" * 256 + b"B" * 100
    with layers(header(Item("GNUSparseFile.0/s", data, pax=pax)) + padded(data) + bytes(1024)) as tree:
        whole = bytes(1000) + b"A" * 256 + bytes(5000 - 1256) + b"B" * 100 + bytes(9000 - 5100)
        assert tree.read([("/s", 0, -1)]) == [whole]
        ranges = [(0, 10), (990, 20), (1100, 10), (1250, 10), (4990, 200), (5100, 10), (8990, 50), (9000, 1)]
        assert tree.read([("/s", offset, size) for offset, size in ranges]) == [
            whole[offset : offset + size] for offset, size in ranges
        ]


def test_a_file_of_8_gb_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    """From a layer that is a hole for the most part."""
    entry = Item("large", pax={"size": str((8 << 30) + 4)})
    with open(tmp_path / "layer", "w+b", buffering=0) as file:
        begin = file.write(header(entry))
        file.seek(begin + (8 << 30))
        file.write(padded(b"last") + tar(Item("after", b"it")))
        tree = LayerTree([Blob(file, 0, file.tell())])
        assert tree.read([("/large", 8 << 30, -1), ("/large", 5, 3), ("/after", 0, -1)]) == [
            b"last",
            bytes(3),
            b"it",
        ]


def test_a_layer_that_is_not_what_its_digest_says(tmp_path: Path) -> None:
    for stored in (UPPER, gzipped(UPPER)):
        with (
            pytest.raises(ImageContentError, match="digest of a layer"),
            saved(tmp_path, stored, config=config_of([LOWER])),
        ):
            pass


BOMB = tar(Item("zeros", bytes(64 << 20)))


@pytest.mark.parametrize("compress", [gzipped, zstd, bytes])
def test_a_decompression_bomb_ends_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compress: Callable[[bytes], bytes]
) -> None:
    spooled: list[int] = []

    @contextmanager
    def measured() -> Iterator[BinaryIO]:
        with spool() as file:
            try:
                yield file
            finally:
                spooled.append(os.fstat(file.fileno()).st_size)

    monkeypatch.setattr("tracewhale.rootfs.layers.spool", measured)
    path = tmp_path / "saved.tar"
    path.write_bytes(docker_archive(compress(LOWER), compress(BOMB), config=config_of([LOWER, BOMB])))
    with (
        open_docker_archive(str(path)) as image,
        pytest.raises(ImageContentError, match="limit of 8 MiB"),
        open_layers(image, 8 << 20),
    ):
        pass
    assert spooled[0] <= 8 << 20


@pytest.mark.parametrize(("compress", "refused"), [(gzipped, False), (zstd, True)])
def test_a_layer_that_expands_as_no_file_does(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compress: Callable[[bytes], bytes],
    refused: bool,
) -> None:
    """Zeros of a sparse file may be in a layer; deflate makes a thousandth of them, zstd far less."""
    monkeypatch.setattr("tracewhale.rootfs.blobs.EXPANSION_FLOOR", 1 << 20)
    path = tmp_path / "saved.tar"
    path.write_bytes(docker_archive(compress(BOMB), config=config_of([BOMB])))
    with open_docker_archive(str(path)) as image:
        if refused:
            with pytest.raises(ImageContentError, match="larger than the limit"), open_layers(image):
                pass
        else:
            with open_layers(image) as tree:
                assert tree.read([("/zeros", (64 << 20) - 2, 9)]) == [bytes(2)]


@pytest.mark.parametrize(
    "stored",
    [gzipped(LOWER)[:-9], zstd(LOWER)[:-9], gzipped(LOWER)[:40] + bytes(99), b"\x1f\x8bno gzip" * 99],
)
def test_a_layer_that_cannot_be_decompressed(tmp_path: Path, stored: bytes) -> None:
    with pytest.raises(ImageContentError), saved(tmp_path, stored, config=config_of([LOWER])):
        pass


@pytest.mark.parametrize("stored", [b"BZh91AY&SY", b"\xfd7zXZ\0"])
def test_compressions_that_images_do_not_have(tmp_path: Path, stored: bytes) -> None:
    with (
        pytest.raises(ImageContentError, match="bzip2 or xz"),
        saved(tmp_path, stored + bytes(1000), config=config_of([LOWER])),
    ):
        pass


def test_a_zstd_window_that_would_fill_the_memory(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    stored = compressor.compress(LOWER) + compressor.flush()
    with (
        pytest.raises(ImageContentError, match="decompressed"),
        saved(tmp_path, stored, config=config_of([LOWER])),
    ):
        pass


def test_no_space_for_a_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True, timeout=20)
    try:
        monkeypatch.setenv("TMPDIR", str(small))
        monkeypatch.setattr(tempfile, "tempdir", None)
        with (
            pytest.raises(NoSpace, match=str(small)),
            saved(tmp_path, gzipped(BOMB), config=config_of([BOMB])),
        ):
            pass
        assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", small], check=True, timeout=20)


def hostile(outside: Path) -> bytes:
    """A layer that tries all ways to a directory outside of the root."""
    return tar(
        symlink("etc", str(outside)),
        Item("etc/passwd", b"overwritten"),
        symlink("up", "../../../../../../../../../.." + str(outside)),
        Item("up/created", b"created"),
        symlink("file", f"{outside}/kept"),
        Item("file", b"replaced"),
        symlink("dir", str(outside)),
        directory("dir/", 0o777),
        hard_link("linked", "etc/passwd"),
        symlink("left", f"{outside}/kept"),
        hard_link("left-too", "left"),
        Item("/absolute", b"absolute"),
        Item("dev/sda", type=b"4", device=(8, 0), mode=0o666),
        Item("dev/mem", type=b"3", device=(1, 1), mode=0o666),
    )


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    os.utime(outside / "kept", (1, 1))
    with DirectoryTree(str(outside)) as tree:
        before = as_text(tree)
        with layers(hostile(outside)) as layer:
            unpacked = layer.unpack_to(str(tmp_path / "root"))
        assert as_text(tree) == before
    inside = tmp_path / "root" / str(outside)[1:]
    assert (inside / "passwd").read_text() == "overwritten"
    assert (inside / "created").read_text() == "created"
    assert (tmp_path / "root/absolute").read_text() == "absolute"
    assert (tmp_path / "root/file").read_text() == "replaced"
    assert not (tmp_path / "root/dir").is_symlink()
    assert {path for path, _ in unpacked.left_out} == {"/dev/sda", "/dev/mem"}
    assert os.listdir(tmp_path / "root/dev") == []


def test_some_paths_and_their_parents(tmp_path: Path) -> None:
    layer = tar(
        directory("a/", 0o711), directory("a/b/", 0o1777), Item("a/b/c", b"c"), Item("a/d"), Item("e")
    )
    with layers(layer) as tree:
        assert tree.unpack_to(str(tmp_path / "root"), ["/a/b/c"]).entries == 4
    with DirectoryTree(str(tmp_path / "root")) as made:
        assert [line.split()[:3] for line in as_text(made).splitlines()] == [
            ["'/'", "directory", "0755"],
            ["'/a'", "directory", "0711"],
            ["'/a/b'", "directory", "1777"],
            ["'/a/b/c'", "file", "0644"],
        ]


def test_an_ordinary_user_gets_what_is_possible() -> None:
    layer = tar(
        directory("closed/", 0o500),
        Item("closed/file", b"in it", mode=0o400, uid=5, gid=6),
        Item("suid", b"#!", mode=0o6755, pax={"SCHILY.xattr.user.a": "b", "mtime": "1.5"}),
        Item("capable", b"#!", mode=0o755, pax={"SCHILY.xattr.security.capability": "x"}),
        hard_link("suid-too", "suid"),
        Item("null", type=b"3", device=(1, 3)),
        Item("fifo", type=b"6"),
    )
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)
        with layers(layer) as tree, as_nobody():
            unpacked = tree.unpack_to(f"{place}/root")
        with DirectoryTree(f"{place}/root") as made:
            text = as_text(made)
    assert [path for path, _ in unpacked.left_out] == ["/capable", "/null", "/suid"]
    assert "'/closed' directory 0500 65534:65534" in text
    assert "'/closed/file' file 0400 65534:65534" in text
    # Set for their own user they would give that user's rights to everybody.
    assert "'/suid' file 0755 65534:65534 1500000000 2 2" in text
    assert "'user.a'=62" in text
    assert "'/suid-too' file 0755" in text
    assert "'/fifo' fifo" in text


def test_a_directory_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with layers(LOWER) as tree, pytest.raises(UsageError, match="not empty"):
        tree.unpack_to(str(tmp_path))
    assert os.listdir(tmp_path) == ["mine"]
