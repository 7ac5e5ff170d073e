"""Outputs are checked before any work, and written whole."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.layer_writing import write_image
from tests.trees import MemoryTree
from tracewhale.engines import output
from tracewhale.engines.names import ARCHIVE, DOCKER, HOST, OCI, OCI_ARCHIVE, ROOTFS, Name
from tracewhale.engines.output import check, is_private, write
from tracewhale.errors import InvalidTag, UsageError


@pytest.mark.parametrize(
    ("destination", "whole"),
    [
        (Name(DOCKER, "debian"), Name(DOCKER, "debian:latest")),
        (Name(ARCHIVE, "a.tar", "x/y"), Name(ARCHIVE, "a.tar", "x/y:latest")),
        (Name(ARCHIVE, "a.tar"), Name(ARCHIVE, "a.tar")),
        (Name(OCI, "dir", "v1"), Name(OCI, "dir", "v1")),
        (Name(OCI_ARCHIVE, "a.tar", "v1"), Name(OCI_ARCHIVE, "a.tar", "v1")),
        (Name(OCI, "dir", "Host:5000/a--b/c:v1"), Name(OCI, "dir", "Host:5000/a--b/c:v1")),
    ],
)
def test_names_are_made_whole(destination: Name, whole: Name) -> None:
    assert check(destination) == whole


@pytest.mark.parametrize(
    "destination",
    [
        Name(DOCKER, "UPPER"),
        Name(ARCHIVE, "a.tar", "a b"),
        Name(OCI, "dir", "a b"),
        Name(OCI, "dir", "a/../b"),
        Name(OCI_ARCHIVE, "a.tar", ".a"),
    ],
)
def test_names_that_are_none(destination: Name) -> None:
    with pytest.raises(InvalidTag):
        check(destination)


def test_what_cannot_be_an_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of somebody")
    for destination in (Name(HOST), Name(ROOTFS, str(tmp_path)), Name(ROOTFS, str(tmp_path / "file"))):
        with pytest.raises(UsageError):
            check(destination)
    assert os.listdir(tmp_path) == ["file"]


def test_a_directory_that_is_new_or_empty(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "new"):
        assert check(Name(ROOTFS, str(place))) == Name(ROOTFS, str(place))


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (ARCHIVE, {"out"}),
        (OCI_ARCHIVE, {"out"}),
        (OCI, {"out", "out/oci-layout", "out/index.json", "out/blobs", "out/blobs/sha256"}),
        (ROOTFS, {"out", "out/a", "out/a/b"}),
    ],
)
def test_each_kind(tmp_path: Path, kind: str, made: set[str]) -> None:
    tree = MemoryTree("/a/b: contents")
    with write_image(tree.pack(list(tree.entries)), {"architecture": "amd64", "os": "linux"}) as image:
        write(image, Name(kind, str(tmp_path / "out")))
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {name for name in found if not name.startswith("out/blobs/sha256/")} == made


def test_a_directory_that_others_can_search_gets_no_privileges(tmp_path: Path) -> None:
    """Of an image from a stranger they would be this machine's."""
    tree = MemoryTree("/su: x")
    tree.entries["/su"] = replace(tree.entries["/su"], mode=0o4755)
    tmp_path.chmod(0o700)
    (tmp_path / "below").mkdir(mode=0o755)
    assert is_private(str(tmp_path / "below/new"))
    with write_image(tree.pack(["/su"]), {"architecture": "amd64", "os": "linux"}) as image:
        assert write(image, Name(ROOTFS, str(tmp_path / "below/private"))) == ()
        assert (tmp_path / "below/private/su").stat().st_mode & 0o7777 == 0o4755
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(output, "is_private", lambda directory: False)
            assert write(image, Name(ROOTFS, str(tmp_path / "open"))) == (("/su", "setuid and setgid bits"),)
            assert (tmp_path / "open/su").stat().st_mode & 0o7777 == 0o755
            assert write(image, Name(ROOTFS, str(tmp_path / "kept"), privileges=True)) == ()
            assert (tmp_path / "kept/su").stat().st_mode & 0o7777 == 0o4755


def test_only_a_closed_directory_of_ones_own_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_private("/")
    assert not is_private("/usr/lib")
    tmp_path.chmod(0o700)
    assert is_private(str(tmp_path))
    (tmp_path / "link").symlink_to("/usr")
    assert not is_private(str(tmp_path / "link"))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert not is_private(str(tmp_path))
