"""Entries written as files: what contradicts itself is refused, and links in the way are not followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.image.torture import lines
from tracewhale.errors import ImageContentError, UsageError
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry
from tracewhale.rootfs.unpack import write_rootfs

FILE = Entry("/f", Kind.FILE, 0o644, 0, 0, 0, 0)


def packed(path: str, kind: Kind = Kind.FILE, data: bytes = b"", **other: object) -> PackedEntry:
    entry = replace(FILE, path=path, kind=kind, size=len(data), **other)  # type: ignore[arg-type]
    return PackedEntry(entry, {}, iter((data,) if data else ()))


def test_directories_that_are_not_given_are_made(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        write_rootfs([packed("/a/b/c", data=b"x")], str(tmp_path / "root"))
    finally:
        os.umask(previous)
    assert (tmp_path / "root/a/b/c").read_bytes() == b"x"
    assert [oct((tmp_path / "root" / path).stat().st_mode & 0o777) for path in ("a", "a/b")] == ["0o755"] * 2


@pytest.mark.parametrize("kind", [Kind.FIFO, Kind.SOCKET])
def test_nodes_that_an_image_may_have(tmp_path: Path, kind: Kind) -> None:
    write_rootfs([packed("/node", kind, mode=0o662)], str(tmp_path / "root"))
    with DirectoryTree(str(tmp_path / "root")) as tree:
        assert next(lines(tree.pack(["/node"]))).startswith(f"'/node' {kind.value} 0662")


def test_devices_and_owners_only_where_they_are_wanted(tmp_path: Path) -> None:
    items = [packed("/null", Kind.CHARACTER, rdev=(1, 3)), packed("/suid", uid=7, mode=0o4755)]
    written = write_rootfs(items, str(tmp_path / "without"), owners=False, devices=False)
    assert [path for path, _ in written.left_out] == ["/null", "/suid"]
    assert written.entries == 1
    status = (tmp_path / "without/suid").stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (0, 0o755)
    write_rootfs(items, str(tmp_path / "with"))
    status = (tmp_path / "with/suid").stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (7, 0o4755)
    assert (tmp_path / "with/null").is_char_device()


def test_privileges_only_where_they_are_wanted(tmp_path: Path) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    items = [
        packed("/suid", mode=0o6755),
        replace(packed("/ping"), xattrs={"security.capability": capability}),
    ]
    written = write_rootfs(items, str(tmp_path / "without"), privileges=False)
    assert written.left_out == (("/suid", "setuid and setgid bits"), ("/ping", "file capabilities"))
    assert (tmp_path / "without/suid").stat().st_mode & 0o7777 == 0o755
    assert os.listxattr(tmp_path / "without/ping") == []
    items = [replace(item, chunks=iter(())) for item in items]
    assert write_rootfs(items, str(tmp_path / "with")).left_out == ()
    assert (tmp_path / "with/suid").stat().st_mode & 0o7777 == 0o6755
    assert os.getxattr(tmp_path / "with/ping", "security.capability") == capability


CONTRADICTIONS = {
    "one name twice": [packed("/a"), packed("/a")],
    "a file and what is below it": [packed("/a"), packed("/a/b")],
    "a link and what is below it": [packed("/a", Kind.SYMLINK, target="/etc"), packed("/a/b")],
    "a link and a directory": [packed("/a", Kind.SYMLINK, target="/etc"), packed("/a", Kind.DIRECTORY)],
    "a name that is too long": [packed("/" + "n" * 256)],
}


@pytest.mark.parametrize("items", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_entries_that_contradict_each_other(tmp_path: Path, items: list[PackedEntry]) -> None:
    fresh = [replace(item, chunks=iter(())) for item in items]
    with pytest.raises(ImageContentError, match="cannot be written"):
        write_rootfs(fresh, str(tmp_path / "root"))


def test_a_link_put_in_the_way_meanwhile_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()

    def items() -> Iterator[PackedEntry]:
        yield packed("/d", Kind.DIRECTORY)
        yield packed("/e", Kind.DIRECTORY)
        (root / "d").rmdir()
        (root / "d").symlink_to(outside)
        yield packed("/d/file", data=b"x")

    with pytest.raises(ImageContentError, match="cannot be written: Not a directory"):
        write_rootfs(items(), str(root))
    assert os.listdir(outside) == []


@pytest.mark.parametrize("path", ["file", "file/below", "none/" + "n" * 256])
def test_a_place_that_cannot_be_a_directory(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be used"):
        write_rootfs([], str(tmp_path / path))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    items = [packed(path, nlink=2, inode=5) for path in ("/a/b", "/c/d")]
    write_rootfs(items, str(tmp_path / "root"))
    assert os.listdir("/proc/self/fd") == before
    assert (tmp_path / "root/a/b").samefile(tmp_path / "root/c/d")


def test_attributes_that_this_machine_would_obey_or_cannot_hold(tmp_path: Path) -> None:
    attributes = {
        "trusted.overlay.metacopy": b"",
        "user.overlay.opaque": b"y",
        "user.kept": b"1",
        "user.huge": bytes(1 << 17),
        "user." + "n" * 300: b"1",
    }
    item = packed("/f", data=b"x")
    written = write_rootfs([replace(item, xattrs=attributes)], str(tmp_path / "root"))
    assert os.listxattr(tmp_path / "root/f") == ["user.kept"]
    assert [path for path, _ in written.left_out] == ["/f", "/f"]
