"""A directory as a tree: nothing followed, whatever its names and however it changes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.users import as_nobody
from tracewhale.errors import TargetNotFound
from tracewhale.rootfs import directory as module
from tracewhale.rootfs.directory import DirectoryTree, mount_points
from tracewhale.rootfs.tree import Entry, Kind, View


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_bytes(b"0123456789")
    (root / "bin").symlink_to("usr/bin")
    (root / "evil").symlink_to(tmp_path / "outside")
    (root / "evil-file").symlink_to(tmp_path / "outside/secret")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture
def tree(root: Path) -> Iterator[DirectoryTree]:
    with DirectoryTree(str(root)) as tree:
        yield tree


def test_scan_gives_each_entry_and_nothing_for_what_is_no_directory(tree: DirectoryTree) -> None:
    found = tree.scan(["/", "/usr/bin", "/bin", "/evil", "/usr/bin/tool", "/none", "/none/below"])
    assert {path for path, names in found.items() if names is None} == {
        "/bin", "/evil", "/usr/bin/tool", "/none", "/none/below",
    }  # fmt: skip
    listing = found["/"]
    assert listing is not None
    assert {name: entry.kind for name, entry in listing.items()} == {
        "usr": Kind.DIRECTORY,
        "bin": Kind.SYMLINK,
        "evil": Kind.SYMLINK,
        "evil-file": Kind.SYMLINK,
        "fifo": Kind.FIFO,
    }
    assert listing["bin"].target == "usr/bin"
    assert listing["bin"].path == "/bin"
    assert (found["/usr/bin"] or {})["tool"].size == 10


def test_entries_are_what_lstat_says(tree: DirectoryTree, root: Path) -> None:
    os.chown(root / "usr/bin/tool", 12, 34)
    os.chmod(root / "usr/bin/tool", 0o6751)
    os.utime(root / "usr/bin/tool", ns=(5, 1_234_567_890_123_456_789))
    os.link(root / "usr/bin/tool", root / "usr/other")
    status = (root / "usr/bin/tool").lstat()
    assert (tree.scan(["/usr/bin"])["/usr/bin"] or {})["tool"] == Entry(
        "/usr/bin/tool",
        Kind.FILE,
        0o6751,
        12,
        34,
        10,
        1_234_567_890_123_456_789,
        status.st_dev,
        status.st_ino,
        2,
    )


def test_read_gives_ranges_and_nothing_of_what_is_no_file(tree: DirectoryTree) -> None:
    requests = [
        ("/usr/bin/tool", 0, -1),
        ("/usr/bin/tool", 3, 4),
        ("/usr/bin/tool", 8, 100),
        ("/usr/bin/tool", 99, 1),
    ]
    assert tree.read(requests) == [b"0123456789", b"3456", b"89", b""]
    nothing = ["/usr", "/bin", "/bin/tool", "/evil/secret", "/evil-file", "/fifo", "/none", "/none/x", "/"]
    assert tree.read([(path, 0, -1) for path in nothing]) == [None] * len(nothing)


def test_pack_follows_nothing(tree: DirectoryTree) -> None:
    (packed,) = tree.pack(["/evil-file"])
    assert packed.entry.kind is Kind.SYMLINK
    assert list(packed.chunks) == []
    for path in ("/evil/secret", "/bin/tool", "/none", "/usr/bin/tool/below"):
        with pytest.raises(TargetNotFound, match=path):
            list(tree.pack([path]))


def test_a_link_put_in_a_directorys_place_meanwhile_is_not_followed(tree: DirectoryTree, root: Path) -> None:
    (root / "opt").mkdir()
    (root / "opt/secret").write_bytes(b"mine")
    assert tree.read([("/opt/secret", 0, -1)]) == [b"mine"]
    tree.scan(["/"])
    (root / "opt").rename(root / "moved")
    (root / "opt").symlink_to("../outside")
    assert tree.read([("/opt/secret", 0, -1)]) == [b"mine"]  # the directory that was opened before
    with DirectoryTree(str(root)) as new:
        assert new.read([("/opt/secret", 0, -1)]) == [None]


def test_the_root_may_be_named_through_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    with DirectoryTree(str(tmp_path / "link")) as tree:
        (packed,) = tree.pack(["/"])
        assert packed.entry.kind is Kind.DIRECTORY
        assert "usr" in (tree.scan(["/"])["/"] or {})


@pytest.mark.parametrize("change", [b"", b"0", b"0123456789", b"0123456789 and more"])
def test_a_file_that_changes_while_it_is_read_gives_the_bytes_promised(
    tree: DirectoryTree, root: Path, change: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    for packed in tree.pack(["/usr/bin/tool"]):
        first = next(packed.chunks)
        with open(root / "usr/bin/tool", "wb") as file:
            file.write(change)
        rest = b"".join(packed.chunks)
        assert packed.entry.size == 10
        assert first + rest == b"0123" + change[4:10].ljust(6, b"\0")


def test_a_file_that_is_deleted_while_it_is_read_is_read(tree: DirectoryTree, root: Path) -> None:
    for packed in tree.pack(["/usr/bin/tool"]):
        (root / "usr/bin/tool").unlink()
        assert b"".join(packed.chunks) == b"0123456789"


def test_names_that_are_not_utf_8_and_paths_beyond_path_max(tree: DirectoryTree, root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    path = ""
    for _ in range(40):
        os.mkdir(b"\xff" * 150, dir_fd=here)
        below = os.open(b"\xff" * 150, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, path = below, path + "/" + "\udcff" * 150
    descriptor = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(descriptor, b"deep")
    os.close(descriptor)
    os.close(here)
    assert len(path) > 4096
    assert list(tree.scan([path])[path] or {}) == ["file"]
    assert tree.read([(f"{path}/file", 0, -1)]) == [b"deep"]
    assert View(tree).resolve(f"{path}/../{path.rpartition('/')[2]}/file").exists


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with DirectoryTree(str(root)) as tree:
        tree.scan(["/", "/usr/bin", "/evil", "/none"])
        tree.read([("/usr/bin/tool", 0, -1), ("/none/x", 0, 1), ("/evil", 0, 1)])
        list(tree.pack(["/usr/bin/tool", "/fifo", "/evil"]))
        with pytest.raises(TargetNotFound):
            list(tree.pack(["/usr/none"]))
        next(tree.pack(["/usr/bin/tool"]))
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("path", ["none", "root/usr/bin/tool", "root/fifo"])
def test_what_is_no_directory_is_no_tree(root: Path, path: str) -> None:
    with pytest.raises(TargetNotFound, match="cannot be read"):
        DirectoryTree(str(root.parent / path))


def test_what_an_ordinary_user_cannot_read_is_said() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        root = Path(place)
        for name, mode in (("closed", 0o700), ("passing", 0o711)):
            (root / name).mkdir()
            (root / name / "x").write_bytes(b"known by name")
            (root / name).chmod(mode)
        (root / "unreadable").touch(0o600)
        with as_nobody(), DirectoryTree(place) as tree:
            assert tree.scan(["/closed", "/passing"]) == {"/closed": None, "/passing": None}
            paths = ["/passing/x", "/unreadable", "/closed/x"]
            assert tree.read([(path, 0, -1) for path in paths]) == [b"known by name", None, None]
            unreadable = tree.pack(["/unreadable"])
            chunks = next(unreadable).chunks
            with pytest.raises(TargetNotFound, match="'/unreadable' cannot be read: Permission") as raised:
                next(chunks)
    assert "root" in raised.value.hint


@pytest.fixture
def mounted(root: Path) -> Iterator[Path]:
    """The tree with a file system mounted in it, a name that mountinfo escapes, and a mounted file."""
    for name in ("proc", "with space\\and\ttab"):
        (root / name).mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root / name], check=True, timeout=20)
        (root / name / "inside").write_bytes(b"of the mount")
    (root / "hosts").write_bytes(b"hidden by the mount")
    subprocess.run(["mount", "--bind", root / "usr/bin/tool", root / "hosts"], check=True, timeout=20)
    yield root
    for name in ("proc", "with space\\and\ttab", "hosts"):
        subprocess.run(["umount", root / name], check=True, timeout=20)


def test_mount_points_are_found(mounted: Path) -> None:
    assert mount_points(str(mounted)) == {"/proc", "/with space\\and\ttab", "/hosts"}
    assert "/proc" in mount_points("/")
    assert mount_points(str(mounted / "usr")) == frozenset()


def test_one_file_system_hides_what_is_mounted(mounted: Path) -> None:
    with DirectoryTree(str(mounted), one_file_system=True) as tree:
        found = tree.scan(["/", "/proc", "/with space\\and\ttab"])
        assert found["/proc"] == found["/with space\\and\ttab"] == {}
        assert {"proc", "hosts"} & (found["/"] or {}).keys() == {"proc"}
        assert tree.read([("/hosts", 0, -1), ("/proc/inside", 0, -1)]) == [None, None]
        for path in ("/hosts", "/proc/inside"):
            with pytest.raises(TargetNotFound):
                list(tree.pack([path]))
    with DirectoryTree(str(mounted)) as tree:
        assert tree.read([("/hosts", 0, -1), ("/proc/inside", 0, -1)]) == [b"0123456789", b"of the mount"]


def test_paths_can_be_hidden_by_name(root: Path) -> None:
    with DirectoryTree(str(root), hidden=["/usr"]) as tree:
        assert tree.scan(["/usr", "/usr/bin"]) == {"/usr": {}, "/usr/bin": None}
        assert tree.read([("/usr/bin/tool", 0, -1)]) == [None]
        assert [packed.entry.kind for packed in tree.pack(["/usr"])] == [Kind.DIRECTORY]
