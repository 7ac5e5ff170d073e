"""A tree with everything that is easily lost on the way into an image, and trees written as text."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from tracewhale.rootfs.layer_entries import layer_order
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, Tree

CAP_NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
"""security.capability, revision 2, effective: cap_net_bind_service (capabilities(7), linux/capability.h)."""

EVERY_BYTE = bytes(range(256))


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL's attribute: version 2, then tag, permissions, id each (linux/posix_acl_xattr.h)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


ACL = acl((1, 6, 0xFFFFFFFF), (2, 4, 4321), (4, 4, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))


def grow(root: Path, *, beyond_path_max: bool = False) -> None:
    """Make the tree below an empty directory; as root, for it has owners and device nodes."""
    assert os.geteuid() == 0, "the tests of metadata run as root"
    _names(root / "names")
    _modes(root / "modes")
    _links(root / "links")
    _attributes(root / "attributes")
    _nodes(root / "nodes")
    _contents(root / "contents")
    _times(root / "times")
    if beyond_path_max:
        _deep(root)
    os.chown(root, 7, 8)
    os.chmod(root, 0o1751)
    os.utime(root, ns=(1, 1_400_000_000_000_000_001))


def _file(path: Path | bytes, data: bytes = b"", mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
    with open(path, "xb") as file:
        file.write(data)
    os.chown(path, *owner)
    os.chmod(path, mode)


def _names(at: Path) -> None:
    at.mkdir()
    below = os.fsencode(at) + b"/"
    for name in (
        b"\xff\xfe not UTF-8",
        b"\xff" * 120,
        b"n" * 255,
        "ünïcödé \N{WHALE}".encode(),
        b"new\nline",
        b" leading and trailing ",
        b"-rf",
        b"back\\slash",
        b"%s%n$(true)",
        b"...",
        b"a=b",
    ):
        _file(below + name, name)
    for length in (99, 100, 101):
        _file(below + b"x" * length, b"%d" % length)
    middle = below + b"m" * 150
    os.mkdir(middle)
    _file(middle + b"/" + b"e" * 104, b"a path of 256 bytes and more")
    os.mkdir(below + b"caf\xe9")
    _file(below + b"caf\xe9/inside", b"below a name that is not UTF-8")


def _modes(at: Path) -> None:
    at.mkdir()
    _file(at / "setuid", b"#!", 0o4755)
    _file(at / "setgid", b"#!", 0o2755, (0, 12))
    _file(at / "none", b"secret", 0)
    _file(at / "owned", b"", 0o640, (1234, 5678))
    _file(at / "large-owner", b"", 0o600, (3_000_000, 4_294_967_294))
    for name, mode, owner in (
        ("tmp", 0o1777, (0, 0)),
        ("mail", 0o2775, (0, 8)),
        ("empty", 0o755, (0, 0)),
        ("private", 0o500, (33, 44)),
    ):
        (at / name).mkdir()
        os.chown(at / name, *owner)
        os.chmod(at / name, mode)
    _file(at / "private" / "within", b"in a directory that cannot be written", 0o400, (33, 44))
    os.chmod(at / "private", 0o500)


def _links(at: Path) -> None:
    at.mkdir()
    (at / "relative").symlink_to("../contents/text")
    (at / "absolute").symlink_to("/etc/passwd")
    (at / "dangling").symlink_to("no/such/thing")
    (at / "itself").symlink_to("itself")
    (at / "directory").symlink_to("../modes")
    (at / "long").symlink_to("/".join(["t" * 199] * 20))
    os.symlink(b"\xfe\xff", os.fsencode(at) + b"/not-utf-8")
    os.chown(at / "dangling", 99, 98, follow_symlinks=False)
    os.utime(at / "dangling", ns=(2, 1_300_000_000_123_456_789), follow_symlinks=False)
    _file(at / "zz-first-by-inode", b"one file", 0o4711, (0, 5))
    (at / "deeper").mkdir()
    os.link(at / "zz-first-by-inode", at / "deeper" / "second")
    os.link(at / "zz-first-by-inode", at / "aa-first-by-name")
    os.setxattr(at / "zz-first-by-inode", "security.capability", CAP_NET_BIND)
    os.link(at / "dangling", at / "dangling-too", follow_symlinks=False)
    _file(at / "outside-link", b"its other name is not kept")


def _attributes(at: Path) -> None:
    at.mkdir()
    _file(at / "capability", b"\x7fELF", 0o755)
    os.setxattr(at / "capability", "security.capability", CAP_NET_BIND)
    _file(at / "user")
    os.setxattr(at / "user", "user.text", b"some text\n")
    os.setxattr(at / "user", "user.binary", EVERY_BYTE)
    os.setxattr(at / "user", "user.ünïcödé", b"in its name")
    os.setxattr(at / "user", b"user.\xff", b"a name that is not UTF-8")
    _file(at / "acl", b"", 0o664)
    os.setxattr(at / "acl", "system.posix_acl_access", ACL)
    _file(at / "read-only", b"", 0o444)
    os.setxattr(at / "read-only", "user.late", b"set before the mode")
    (at / "defaults").mkdir()
    os.setxattr(at / "defaults", "system.posix_acl_default", ACL)
    os.setxattr(at / "defaults", "user.of-a-directory", b"1")


def _nodes(at: Path) -> None:
    at.mkdir()
    os.mkfifo(at / "fifo", 0o622)
    os.mknod(at / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(at / "loop", stat.S_IFBLK | 0o660, os.makedev(7, 300))
    os.link(at / "null", at / "null-too")
    for node in ("fifo", "null", "loop"):
        os.chmod(at / node, 0o662)
        os.chown(at / node, 3, 4)


def _contents(at: Path) -> None:
    at.mkdir()
    _file(at / "empty")
    _file(at / "text", b"text\n")
    for size in (511, 512, 513, (1 << 20) + 1):
        _file(at / f"bytes-{size}", EVERY_BYTE * (size // 256) + b"x" * (size % 256))
    with open(at / "sparse", "wb") as file:
        file.seek(3 << 20)
        file.write(b"in the middle")
        file.truncate(8 << 20)


def _times(at: Path) -> None:
    at.mkdir()
    for name, moment in (
        ("nanosecond", 1_234_567_890_123_456_789),
        ("whole", 1_500_000_000_000_000_000),
        ("tenth", 1_500_000_000_100_000_000),
        ("epoch", 0),
        ("before-1970", -1_500_000_000),
        ("after-2242", 9_000_000_000_000_000_001),
    ):
        _file(at / name)
        os.utime(at / name, ns=(moment, moment))


def _deep(root: Path) -> None:
    """A file at the end of a path of 6 KB, made by going down, as a path of that length cannot be named."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, 0o640, dir_fd=here))
    os.symlink("bottom", "link", dir_fd=here)
    os.close(here)


def leave_a_socket(path: Path) -> None:
    """Bind a socket and close it: its name stays."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))


def everything(tree: Tree) -> list[str]:
    """Every physical path of a tree but the root, in a layer's order."""
    paths: list[str] = []
    pending = ["/"]
    while pending:
        found = [entry for listing in tree.scan(pending).values() for entry in (listing or {}).values()]
        paths += [entry.path for entry in found]
        pending = [entry.path for entry in found if entry.kind is Kind.DIRECTORY]
    return layer_order(paths)


def as_text(tree: Tree) -> str:
    """A tree as text, one line an entry with all that is told of it.

    Names of one file are told by the first of them, so that the numbers of inodes do not matter.
    """
    return "\n".join(lines(tree.pack(["/", *everything(tree)])))


def lines(packed: Iterator[PackedEntry]) -> Iterator[str]:
    """One line for each packed entry."""
    firsts: dict[tuple[int, int], str] = {}
    for item in packed:
        entry = item.entry
        words = [f"{entry.path!a}", entry.kind.value, f"{entry.mode:04o}", f"{entry.uid}:{entry.gid}"]
        words += [f"{entry.mtime_ns}", *_details(item)]
        first = firsts.setdefault((entry.device, entry.inode), entry.path)
        if entry.kind is not Kind.DIRECTORY and first != entry.path:
            words.append(f"same as {first!a}")
        yield " ".join(words)


def _details(item: PackedEntry) -> Iterator[str]:
    entry: Entry = item.entry
    if entry.kind is Kind.FILE:
        digest = hashlib.sha256()
        size = 0
        for chunk in item.chunks:
            digest.update(chunk)
            size += len(chunk)
        yield f"{entry.size} {size} {digest.hexdigest()[:16]} {entry.nlink}"
    elif entry.kind is Kind.SYMLINK:
        yield f"-> {entry.target!a}"
    elif entry.kind in (Kind.CHARACTER, Kind.BLOCK):
        yield "{}:{}".format(*entry.rdev)
    for name, value in sorted(item.xattrs.items()):
        yield f"{name!a}={value.hex()}"
