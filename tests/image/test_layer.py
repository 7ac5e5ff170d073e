"""One layer: the same bytes everywhere, hard links once, and what cannot be in it."""

from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.image.torture import everything, grow
from tests.layer_writing import pack_layer
from tracewhale.errors import ImageContentError
from tracewhale.image.layer import Layer, layer_xattrs, write_layer
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.layer_entries import layer_order, with_parents
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry

FILE = Entry("/f", Kind.FILE, 0o644, 0, 0, 0, 0)


def packed(entry: Entry, data: bytes = b"") -> PackedEntry:
    return PackedEntry(replace(entry, size=len(data)), {}, iter((data,) if data else ()))


def written(items: Iterable[PackedEntry]) -> tuple[Layer, tarfile.TarFile]:
    out = io.BytesIO()
    layer = write_layer(items, out)
    assert layer.size == len(out.getvalue())
    assert layer.diff_id == f"sha256:{hashlib.sha256(out.getvalue()).hexdigest()}"
    out.seek(0)
    return layer, tarfile.open(fileobj=out)


def test_parents_come_first_and_are_the_originals(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    for name in ("usr/bin/sh", "usr/bin-x", "usr/other"):
        (tmp_path / name).touch()
    (tmp_path / "usr").chmod(0o1711)
    out = io.BytesIO()
    with DirectoryTree(str(tmp_path)) as tree:
        pack_layer(tree, ["/usr/bin-x", "/usr/bin/sh"], out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert tar.getnames() == [".", "usr", "usr/bin", "usr/bin/sh", "usr/bin-x"]
        assert tar.getmember("usr").mode == 0o1711


def test_order_is_that_of_bytes() -> None:
    names = ["/\udcff", "/\N{WHALE}", "/z", "/a", "/a/b", "/a-b", "/\uffee", "/"]
    assert layer_order(names) == ["/", "/a", "/a/b", "/a-b", "/z", "/\uffee", "/\N{WHALE}", "/\udcff"]


def test_all_parents() -> None:
    assert with_parents(["/a/b/c", "/a/d"]) == {"/", "/a", "/a/b", "/a/b/c", "/a/d"}


@pytest.mark.parametrize("paths", [["/a", "/a"], ["/a/b"], ["/a/b", "/a"]])
def test_a_name_without_its_directory_is_a_mistake_of_ours(paths: list[str]) -> None:
    with pytest.raises(ValueError, match="out of order"):
        written(packed(replace(FILE, path=path)) for path in paths)


def test_hard_links_share_one_copy_and_repeat_the_metadata() -> None:
    linked = replace(FILE, nlink=5, device=1, inode=9, mode=0o4755, uid=3)
    layer, tar = written(packed(replace(linked, path=path), b"data") for path in ("/a", "/b", "/c"))
    first, *others = tar.getmembers()
    assert (first.name, first.type, first.size) == ("a", tarfile.REGTYPE, 4)
    assert [(o.name, o.type, o.linkname, o.mode, o.uid) for o in others] == [
        (name, tarfile.LNKTYPE, "a", 0o4755, 3) for name in ("b", "c")
    ]
    assert layer.entries == 3


def test_files_with_one_name_are_not_links() -> None:
    """Trees that know no inodes have all of them 0."""
    _, tar = written(packed(replace(FILE, path=path), b"data") for path in ("/a", "/b"))
    assert [member.type for member in tar] == [tarfile.REGTYPE] * 2


@pytest.mark.parametrize("path", ["/.wh.x", "/.wh..wh..opq"])
def test_names_that_mean_deletions_are_left_out_and_said(path: str) -> None:
    layer, tar = written([packed(replace(FILE, path=path)), packed(replace(FILE, path="/x"))])
    assert tar.getnames() == ["x"]
    assert [left for left, _ in layer.left_out] == [path]


def test_what_is_in_a_directory_that_means_a_deletion_is_left_out_too() -> None:
    entries = [replace(FILE, path="/.wh.d", kind=Kind.DIRECTORY), replace(FILE, path="/.wh.d/x")]
    layer, tar = written(map(packed, entries))
    assert tar.getnames() == []
    assert [left for left, _ in layer.left_out] == ["/.wh.d", "/.wh.d/x"]


@pytest.mark.parametrize("chunks", [[], [b"123"], [b"123", b"456"]])
def test_a_file_of_another_size_than_promised_is_an_error(chunks: list[bytes]) -> None:
    with pytest.raises(ImageContentError, match="'/f' has"):
        written([PackedEntry(replace(FILE, size=4), {}, iter(chunks))])


def test_attributes_of_the_machine_stay_behind() -> None:
    kept, lost = layer_xattrs(
        {
            "user.z": b"1",
            "user.a": b"2",
            "security.capability": b"3",
            "security.selinux": b"system_u:object_r:bin_t:s0",
            "trusted.overlay.opaque": b"y",
            "user.overlay.origin": b"",
            "user.a=b": b"4",
        }
    )
    assert list(kept.items()) == [(b"security.capability", b"3"), (b"user.a", b"2"), (b"user.z", b"1")]
    assert len(lost) == 1
    assert "user.a=b" in lost[0]


BUILD = """
import hashlib, locale, os, sys
locale.setlocale(locale.LC_ALL, "")
os.umask(int(sys.argv[2], 8))
from tests.image.torture import everything
from tests.layer_writing import write_image
from tracewhale.image.archive import docker_archive, oci_archive
from tracewhale.rootfs.directory import DirectoryTree
with DirectoryTree(sys.argv[1]) as tree:
    with write_image(tree.pack(["/", *everything(tree)]), {"created": "2020-01-01T00:00:00Z"}) as image:
        print(image.digest)
        for archive in (docker_archive(image, ["a:b"]), oci_archive(image, "c")):
            print(hashlib.sha256(b"".join(archive)).hexdigest())
"""


def build(root: Path, umask: str, **environment: str) -> str:
    """Return what a fresh interpreter under these conditions makes of a directory."""
    return subprocess.run(
        [sys.executable, "-c", BUILD, root, umask],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def test_the_same_bytes_in_any_locale_time_zone_and_umask(tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()
    grow(root)
    usual = build(root, "022", LC_ALL="C.UTF-8", TZ="UTC")
    assert len(usual.splitlines()) == 3
    for umask, environment in (
        ("000", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Kathmandu"}),
        ("077", {"LC_ALL": "C.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "7"}),
    ):
        assert build(root, umask, **environment) == usual


def test_the_same_bytes_in_any_order_of_directories(tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()
    grow(root)
    digests = set()
    with DirectoryTree(str(root)) as tree:
        paths = everything(tree)
        for seed in range(3):
            random.Random(seed).shuffle(paths)
            digests.add(pack_layer(tree, paths, io.BytesIO()).diff_id)
    assert len(digests) == 1


def test_chunks_are_taken_before_the_next_entry_is_asked_for() -> None:
    asked: list[str] = []

    def chunks(name: str) -> Iterator[bytes]:
        asked.append(f"chunks of {name}")
        yield b"1"

    def items() -> Iterator[PackedEntry]:
        for name in ("/a", "/b"):
            asked.append(name)
            yield PackedEntry(replace(FILE, path=name, size=1), {}, chunks(name))

    write_layer(items(), io.BytesIO())
    assert asked == ["/a", "chunks of /a", "/b", "chunks of /b"]
