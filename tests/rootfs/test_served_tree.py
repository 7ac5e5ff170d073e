"""Files through the real `probe serve`: what it answers is what lstat(2) and read(2) say here."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracewhale.errors import ProbeError, TargetNotFound
from tracewhale.rootfs.served_tree import CHUNK, WINDOW, ServedTree
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, View

SECONDS = 60


@contextmanager
def running(probe: Path, *command: str) -> Iterator[tuple[subprocess.Popen[bytes], ServedTree]]:
    """A server, started by ``command`` or as it is, that is killed when it takes too long."""
    words = [*command, str(probe), "serve"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            yield process, ServedTree(process.stdout, process.stdin)
        finally:
            watchdog.cancel()


@pytest.fixture
def tree(probe: Path) -> Iterator[ServedTree]:
    """The files of this machine, through a server that ends well."""
    with running(probe) as (process, tree):
        yield tree
        assert process.stdin
        process.stdin.close()
        assert process.wait(SECONDS) == 0


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A physical directory with one of everything in it."""
    base = tmp_path.resolve() / "root"
    (base / "directory" / "below").mkdir(parents=True)
    (base / "file").write_bytes(b"contents")
    (base / "empty").touch()
    (base / "link").symlink_to("directory")
    (base / "dangling").symlink_to("/no/where")
    os.link(base / "file", base / "hard")
    os.mkfifo(base / "fifo", 0o604)
    os.mknod(base / "device", stat.S_IFCHR | 0o640, os.makedev(511, 70000))
    os.mknod(base / "block", stat.S_IFBLK | 0o640, os.makedev(7, 1))
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(base / "socket"))
    raw = os.fsencode(base) + b"/n\xff\nname"
    with open(raw, "wb") as file:
        file.write(b"raw")
    (base / "file").chmod(0o6751)
    os.chown(base / "empty", 70000, 4_000_000_000)
    (base / "directory").chmod(0o1777)
    os.utime(base / "file", ns=(1, -1_500_000_001))
    os.utime(base / "link", ns=(1, 2**33 * 10**9 + 7), follow_symlinks=False)
    return str(base)


KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
}


def expected(path: str) -> Entry:
    """Return the result of lstat(2) on this machine."""
    status = os.lstat(path)
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    return Entry(
        path,
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_size,
        status.st_mtime_ns,
        status.st_dev,
        status.st_ino,
        status.st_nlink,
        os.readlink(path) if kind is Kind.SYMLINK else "",
        (os.major(status.st_rdev), os.minor(status.st_rdev)),
    )


def everything(root: str) -> list[str]:
    return sorted(os.path.join(root, name) for name in os.listdir(root))


def packed(tree: ServedTree, *paths: str) -> list[tuple[Entry, dict[str, bytes], bytes]]:
    return [(p.entry, dict(p.xattrs), b"".join(p.chunks)) for p in tree.pack(paths)]


def test_scan_is_what_lstat_says(tree: ServedTree, root: str) -> None:
    names = {os.path.basename(path): expected(path) for path in everything(root)}
    assert len(names) == 11
    assert tree.scan([root]) == {root: names}
    assert tree.scan([f"{root}/directory/below"]) == {f"{root}/directory/below": {}}


def test_what_is_no_directory(tree: ServedTree, root: str) -> None:
    paths = [
        f"{root}/{name}" for name in ("absent", "file", "link", "link/below", "fifo", "directory/../file")
    ]
    assert tree.scan(paths) == dict.fromkeys(paths)


def test_the_root_and_its_view(tree: ServedTree) -> None:
    listing = tree.scan(["/"])["/"]
    assert listing is not None
    assert set(listing) == set(os.listdir("/"))
    assert listing["etc"].path == "/etc"
    found = View(tree).resolve("/etc/mtab/../status")
    assert found.steps[:2] == ("/", "/etc")


def test_read_of_ranges(tree: ServedTree, root: str) -> None:
    file = f"{root}/file"
    wanted = [(file, 0, -1), (file, 3, 2), (file, 3, 100), (file, 8, 5), (file, 100, -1), (file, 2, 0)]
    assert tree.read(wanted) == [b"contents", b"te", b"tents", b"", b"", b""]
    raw = os.fsdecode(os.fsencode(root) + b"/n\xff\nname")
    assert tree.read([(raw, 0, -1), (f"{root}/empty", 0, -1)]) == [b"raw", b""]


@pytest.mark.parametrize("name", ["absent", "directory", "link", "dangling", "fifo", "device", "socket", "."])
def test_only_regular_files_are_read(tree: ServedTree, root: str, name: str) -> None:
    assert tree.read([(f"{root}/{name}", 0, -1), (f"{root}/file", 0, 1)]) == [None, b"c"]


def test_pack_gives_everything(tree: ServedTree, root: str) -> None:
    paths = everything(root)
    contents = {"file": b"contents", "hard": b"contents", "n\udcff\nname": b"raw"}
    assert packed(tree, *paths) == [
        (expected(path), {}, contents.get(os.path.basename(path), b"")) for path in paths
    ]


def test_pack_gives_extended_attributes(tree: ServedTree, root: str) -> None:
    capability = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
    os.setxattr(f"{root}/file", "security.capability", capability)
    os.setxattr(f"{root}/file", "user.empty", b"")
    os.setxattr(f"{root}/directory", "user.bin", bytes(range(256)))
    ((_, of_file, _), (_, of_directory, _)) = packed(tree, f"{root}/file", f"{root}/directory")
    assert of_file == {"security.capability": capability, "user.empty": b""}
    assert of_directory == {"user.bin": bytes(range(256))}


def test_pack_of_what_is_absent(tree: ServedTree, root: str) -> None:
    with pytest.raises(TargetNotFound, match="absent"):
        packed(tree, f"{root}/file", f"{root}/absent", f"{root}/empty")
    assert tree.read([(f"{root}/file", 0, -1)]) == [b"contents"]


def test_large_files_come_in_chunks(tree: ServedTree, root: str) -> None:
    sizes = [CHUNK - 1, CHUNK, CHUNK + 1, 65536, 65537, 5_000_003]
    for size in sizes:
        Path(root, f"large-{size}").write_bytes(os.urandom(size))
    for size, one in zip(sizes, tree.pack([f"{root}/large-{size}" for size in sizes]), strict=True):
        chunks = list(one.chunks)
        assert max(map(len, chunks)) <= CHUNK
        assert b"".join(chunks) == Path(root, f"large-{size}").read_bytes()


def test_a_sparse_file_of_many_gigabytes_is_streamed(probe: Path, root: str) -> None:
    with open(f"{root}/sparse", "wb") as file:
        file.truncate(9 << 30)
        file.seek(-3, os.SEEK_END)
        file.write(b"end")
    with running(probe) as (process, tree):
        assert tree.read([(f"{root}/sparse", (9 << 30) - 4, -1)]) == [b"\0end"]
        packing = tree.pack([f"{root}/sparse"])
        one = next(packing)
        assert one.entry.size == 9 << 30
        assert len(next(one.chunks)) <= CHUNK
        process.kill()  # the rest need not be read


def test_chunks_that_are_not_read_are_skipped(tree: ServedTree, root: str) -> None:
    Path(root, "large").write_bytes(bytes(3_000_000))
    names = [one.entry.path for one in tree.pack([f"{root}/large", f"{root}/file", f"{root}/large"])]
    assert names == [f"{root}/large", f"{root}/file", f"{root}/large"]


def test_a_pack_that_is_closed_early(tree: ServedTree, root: str) -> None:
    Path(root, "large").write_bytes(bytes(1_000_000))
    iterator = tree.pack([f"{root}/large"] * 500)
    first: PackedEntry = next(iterator)
    next(first.chunks)
    with pytest.raises(RuntimeError, match="still open"):
        tree.scan([root])
    iterator.close()  # type: ignore[attr-defined]
    assert tree.read([(f"{root}/file", 0, -1)]) == [b"contents"]


def test_many_requests_at_once(tree: ServedTree, root: str) -> None:
    """Far more requests, and far more answers, than any pipe holds: neither side may wait for the other."""
    Path(root, "large").write_bytes(bytes(100_000))
    wanted = [(f"{root}/large", n, 90_000) for n in range(1000)]
    assert sum(len(path) for path, _, _ in wanted) > 4 * WINDOW
    answers = tree.read(wanted)
    assert {len(answer or b"") for answer in answers} == {90_000}
    paths = [f"{root}/absent-{n}" for n in range(5000)]
    assert tree.scan(paths) == dict.fromkeys(paths)


def test_paths_longer_than_path_max(tree: ServedTree, root: str) -> None:
    deep, here = root, os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(30):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here, deep = below, f"{deep}/{'d' * 250}"
    with open(os.open("deep", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here), "w") as file:
        file.write("far down")
    os.symlink("deep", "link", dir_fd=here)
    os.setxattr(f"/proc/self/fd/{here}/deep", "user.x", b"1")
    os.close(here)
    assert len(deep) > 7000
    listing = tree.scan([deep])[deep]
    assert listing is not None
    assert {name: entry.kind for name, entry in listing.items()} == {"deep": Kind.FILE, "link": Kind.SYMLINK}
    assert tree.read([(f"{deep}/deep", 0, -1)]) == [b"far down"]
    assert tree.scan([f"{deep}/link"]) == {f"{deep}/link": None}
    ((entry, xattrs, contents),) = packed(tree, f"{deep}/deep")
    assert (entry.path, xattrs, contents) == (f"{deep}/deep", {"user.x": b"1"}, b"far down")
    subprocess.run(["rm", "-rf", root], check=True)


def test_a_request_larger_than_the_window(tree: ServedTree, root: str) -> None:
    path = root + "/x" * WINDOW
    assert tree.scan([path, root])[path] is None
    assert tree.read([(path, 0, -1), (f"{root}/file", 0, -1)]) == [None, b"contents"]


def test_over_a_socket(probe: Path, root: str) -> None:
    ours, theirs = socket.socketpair()
    with subprocess.Popen([str(probe), "serve"], stdin=theirs.fileno(), stdout=theirs.fileno()) as process:
        theirs.close()
        stream = ours.makefile("rwb", buffering=0)
        tree = ServedTree(stream, stream)
        assert tree.read([(f"{root}/file", 0, -1)] * 3000) == [b"contents"] * 3000
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(SECONDS) == 0
        stream.close()
        ours.close()


def test_a_server_that_was_killed(probe: Path) -> None:
    with running(probe) as (process, tree):
        assert tree.scan(["/"])
        process.kill()
        process.wait(SECONDS)
        for _ in range(2):
            with pytest.raises(ProbeError):
                tree.scan(["/"])


class Answers(io.BytesIO):
    """Both streams of a server that gives these bytes, whatever it is asked."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        return len(data)


ENTRY = struct.pack("<BIIIQqIQQQII", 8, 0o644, 0, 0, 3, 0, 0, 1, 2, 1, 0, 0)


@pytest.mark.parametrize(
    "payload",
    [
        ENTRY + b"/other\0\0" + bytes(4) + b"abc",
        ENTRY + b"/path\0\0" + bytes(4) + b"ab",
        ENTRY + b"/path\0\0" + bytes(4) + b"abcd",
        b"\x03" + ENTRY[1:] + b"/path\0\0" + bytes(4) + b"abc",
        ENTRY[:10],
        ENTRY + b"/path",
    ],
    ids=["another path", "short", "long", "unknown kind", "cut", "no end"],
)
def test_a_malformed_pack(payload: bytes) -> None:
    stream = Answers(struct.pack("<IQ", 0, len(payload)) + payload)
    with pytest.raises(ProbeError):
        packed(ServedTree(stream, stream), "/path")


@pytest.mark.parametrize("payload", [ENTRY, ENTRY + b"name\0", ENTRY[:-1], b"\x63" + ENTRY[1:] + b"n\0\0"])
def test_a_malformed_listing(payload: bytes) -> None:
    stream = Answers(struct.pack("<IQ", 0, len(payload)) + payload)
    with pytest.raises(ProbeError):
        ServedTree(stream, stream).scan(["/path"])


def test_an_unreadable_directory_is_an_error() -> None:
    stream = Answers(struct.pack("<IQ", 13, 0))
    with pytest.raises(ProbeError, match="Permission denied"):
        ServedTree(stream, stream).scan(["/path"])
