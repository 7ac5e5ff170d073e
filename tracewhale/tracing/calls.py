"""System calls that name a path, for probes that are not in C: the twin of ``probes/calls.c``.

Indices are those of the call's arguments, as in its manual page; -1 is none. Numbers are those of
``asm/unistd*.h`` for x86-64, i386, ARM64 and ARM, -1 where an architecture has no such call.
"""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tracewhale.tracing.events import Access


class Kind(Enum):
    """How the arguments of a call are read."""

    PATH = "path"
    OPEN = "open"
    OPENAT2 = "openat2"
    EXEC = "exec"
    LIST = "list"
    SOCKET = "socket"
    SOCKETCALL = "socketcall"
    LISTEN = "listen"
    NOTHING = "nothing"


class Flag(NamedTuple):
    """A flag that toggles whether a final symbolic link is followed."""

    name: str
    bit: int


NO_FLAG = Flag("", 0)
NOFOLLOW = Flag("AT_SYMLINK_NOFOLLOW", 0x100)
FOLLOW = Flag("AT_SYMLINK_FOLLOW", 0x400)


@dataclass(frozen=True, slots=True)
class Name:
    """One path of a call. ``follow`` tells whether a final symbolic link is followed with no flag set."""

    access: Access
    path: int
    dirfd: int = -1
    follow: bool = True
    flags: int = -1
    toggle: Flag = NO_FLAG


@dataclass(frozen=True, slots=True)
class Call:
    """A system call. ``name`` is strace's; ``roots`` tells that it may change what ``/`` is."""

    name: str
    numbers: tuple[int, int, int, int]
    kind: Kind
    names: tuple[Name, ...]
    roots: bool = False


def _path(access: Access, *places: tuple[int, int], follow: bool = True) -> tuple[Name, ...]:
    return tuple(Name(access, path, dirfd, follow) for dirfd, path in places)


def _at(access: Access, dirfd: int, path: int, flags: int, *, follow: bool = True) -> tuple[Name, ...]:
    return (Name(access, path, dirfd, follow, flags, NOFOLLOW if follow else FOLLOW),)


def _two(first: Access, second: Access, *indices: int) -> tuple[Name, ...]:
    one, at_one, two, at_two = indices
    return (Name(first, at_one, one, follow=False), Name(second, at_two, two, follow=False))


_IN_DONT_FOLLOW = Flag("IN_DONT_FOLLOW", 0x2000000)
_FAN_DONT_FOLLOW = Flag("FAN_MARK_DONT_FOLLOW", 4)
_MOVED = (
    Name(Access.MOUNT, 1, 0, False, 4, Flag("MOVE_MOUNT_F_SYMLINKS", 0x1)),
    Name(Access.MOUNT, 3, 2, False, 4, Flag("MOVE_MOUNT_T_SYMLINKS", 0x10)),
)
_LINKED = (
    Name(Access.LINK_FROM, 1, 0, False, 4, FOLLOW),
    Name(Access.LINK_TO, 3, 2, follow=False),
)
_EXEC, _LIST = _path(Access.EXEC, (-1, 0)), (Name(Access.LIST, -1, 0),)

CALLS = (
    Call("open", (2, 5, -1, 5), Kind.OPEN, (Name(Access.READ, 0, flags=1),)),
    Call("openat", (257, 295, 56, 322), Kind.OPEN, (Name(Access.READ, 1, 0, flags=2),)),
    Call("openat2", (437, 437, 437, 437), Kind.OPENAT2, (Name(Access.READ, 1, 0, flags=2),)),
    Call("creat", (85, 8, -1, 8), Kind.PATH, _path(Access.CREATE, (-1, 0))),
    Call("stat", (4, 106, -1, 106), Kind.PATH, _path(Access.STAT, (-1, 0))),
    Call("stat64", (-1, 195, -1, 195), Kind.PATH, _path(Access.STAT, (-1, 0))),
    Call("oldstat", (-1, 18, -1, -1), Kind.PATH, _path(Access.STAT, (-1, 0))),
    Call("lstat", (6, 107, -1, 107), Kind.PATH, _path(Access.STAT, (-1, 0), follow=False)),
    Call("lstat64", (-1, 196, -1, 196), Kind.PATH, _path(Access.STAT, (-1, 0), follow=False)),
    Call("oldlstat", (-1, 84, -1, -1), Kind.PATH, _path(Access.STAT, (-1, 0), follow=False)),
    Call("newfstatat", (262, 300, 79, 327), Kind.PATH, _at(Access.STAT, 0, 1, 3)),
    Call("statx", (332, 383, 291, 397), Kind.PATH, _at(Access.STAT, 0, 1, 2)),
    Call("name_to_handle_at", (303, 341, 264, 370), Kind.PATH, _at(Access.STAT, 0, 1, 4, follow=False)),
    Call("file_getattr", (468, 468, 468, 468), Kind.PATH, _at(Access.STAT, 0, 1, 4)),
    Call("access", (21, 33, -1, 33), Kind.PATH, _path(Access.ACCESS, (-1, 0))),
    Call("faccessat", (269, 307, 48, 334), Kind.PATH, _path(Access.ACCESS, (0, 1))),
    Call("faccessat2", (439, 439, 439, 439), Kind.PATH, _at(Access.ACCESS, 0, 1, 3)),
    Call("readlink", (89, 85, -1, 85), Kind.PATH, _path(Access.READLINK, (-1, 0), follow=False)),
    Call("readlinkat", (267, 305, 78, 332), Kind.PATH, _path(Access.READLINK, (0, 1), follow=False)),
    Call("execve", (59, 11, 221, 11), Kind.EXEC, _EXEC),
    Call("execveat", (322, 358, 281, 387), Kind.EXEC, _at(Access.EXEC, 0, 1, 4)),
    Call("execve", (520, -1, -1, -1), Kind.EXEC, _EXEC),
    Call("execveat", (545, -1, -1, -1), Kind.EXEC, _at(Access.EXEC, 0, 1, 4)),
    Call("uselib", (134, 86, -1, 86), Kind.PATH, _path(Access.MAP, (-1, 0))),
    Call("getdents", (78, 141, -1, 141), Kind.LIST, _LIST),
    Call("getdents64", (217, 220, 61, 217), Kind.LIST, _LIST),
    Call("readdir", (-1, 89, -1, 89), Kind.LIST, _LIST),
    Call("chdir", (80, 12, 49, 12), Kind.PATH, _path(Access.CHDIR, (-1, 0))),
    Call("chroot", (161, 61, 51, 61), Kind.PATH, _path(Access.CHROOT, (-1, 0)), roots=True),
    Call("statfs", (137, 99, 43, 99), Kind.PATH, _path(Access.STATFS, (-1, 0))),
    Call("statfs64", (-1, 268, -1, 266), Kind.PATH, _path(Access.STATFS, (-1, 0))),
    Call("getxattr", (191, 229, 8, 229), Kind.PATH, _path(Access.XATTR, (-1, 0))),
    Call("lgetxattr", (192, 230, 9, 230), Kind.PATH, _path(Access.XATTR, (-1, 0), follow=False)),
    Call("getxattrat", (464, 464, 464, 464), Kind.PATH, _at(Access.XATTR, 0, 1, 2)),
    Call("listxattr", (194, 232, 11, 232), Kind.PATH, _path(Access.XATTR, (-1, 0))),
    Call("llistxattr", (195, 233, 12, 233), Kind.PATH, _path(Access.XATTR, (-1, 0), follow=False)),
    Call("listxattrat", (465, 465, 465, 465), Kind.PATH, _at(Access.XATTR, 0, 1, 2)),
    Call("setxattr", (188, 226, 5, 226), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    Call("lsetxattr", (189, 227, 6, 227), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0), follow=False)),
    Call("setxattrat", (463, 463, 463, 463), Kind.PATH, _at(Access.ATTRIBUTES, 0, 1, 2)),
    Call("removexattr", (197, 235, 14, 235), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    Call("lremovexattr", (198, 236, 15, 236), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0), follow=False)),
    Call("removexattrat", (466, 466, 466, 466), Kind.PATH, _at(Access.ATTRIBUTES, 0, 1, 2)),
    Call("mkdir", (83, 39, -1, 39), Kind.PATH, _path(Access.MKDIR, (-1, 0), follow=False)),
    Call("mkdirat", (258, 296, 34, 323), Kind.PATH, _path(Access.MKDIR, (0, 1), follow=False)),
    Call("mknod", (133, 14, -1, 14), Kind.PATH, _path(Access.MKNOD, (-1, 0), follow=False)),
    Call("mknodat", (259, 297, 33, 324), Kind.PATH, _path(Access.MKNOD, (0, 1), follow=False)),
    Call("rename", (82, 38, -1, 38), Kind.PATH, _two(Access.RENAME_FROM, Access.RENAME_TO, -1, 0, -1, 1)),
    Call("renameat", (264, 302, 38, 329), Kind.PATH, _two(Access.RENAME_FROM, Access.RENAME_TO, 0, 1, 2, 3)),
    Call(
        "renameat2", (316, 353, 276, 382), Kind.PATH, _two(Access.RENAME_FROM, Access.RENAME_TO, 0, 1, 2, 3)
    ),
    Call("link", (86, 9, -1, 9), Kind.PATH, _two(Access.LINK_FROM, Access.LINK_TO, -1, 0, -1, 1)),
    Call("linkat", (265, 303, 37, 330), Kind.PATH, _LINKED),
    Call("symlink", (88, 83, -1, 83), Kind.PATH, _path(Access.SYMLINK, (-1, 1), follow=False)),
    Call("symlinkat", (266, 304, 36, 331), Kind.PATH, _path(Access.SYMLINK, (1, 2), follow=False)),
    Call("unlink", (87, 10, -1, 10), Kind.PATH, _path(Access.UNLINK, (-1, 0), follow=False)),
    Call("unlinkat", (263, 301, 35, 328), Kind.PATH, _path(Access.UNLINK, (0, 1), follow=False)),
    Call("rmdir", (84, 40, -1, 40), Kind.PATH, _path(Access.UNLINK, (-1, 0), follow=False)),
    Call("truncate", (76, 92, 45, 92), Kind.PATH, _path(Access.TRUNCATE, (-1, 0))),
    Call("truncate64", (-1, 193, -1, 193), Kind.PATH, _path(Access.TRUNCATE, (-1, 0))),
    Call("chmod", (90, 15, -1, 15), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    Call("fchmodat", (268, 306, 53, 333), Kind.PATH, _path(Access.ATTRIBUTES, (0, 1))),
    Call("fchmodat2", (452, 452, 452, 452), Kind.PATH, _at(Access.ATTRIBUTES, 0, 1, 3)),
    Call("chown", (92, 182, -1, 182), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    Call("chown32", (-1, 212, -1, 212), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    Call("lchown", (94, 16, -1, 16), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0), follow=False)),
    Call("lchown32", (-1, 198, -1, 198), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0), follow=False)),
    Call("fchownat", (260, 298, 54, 325), Kind.PATH, _at(Access.ATTRIBUTES, 0, 1, 4)),
    Call("utime", (132, 30, -1, 30), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    Call("utimes", (235, 271, -1, 269), Kind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    Call("futimesat", (261, 299, -1, 326), Kind.PATH, _path(Access.ATTRIBUTES, (0, 1))),
    Call("utimensat", (280, 320, 88, 348), Kind.PATH, _at(Access.ATTRIBUTES, 0, 1, 3)),
    Call("utimensat_time64", (-1, 412, -1, 412), Kind.PATH, _at(Access.ATTRIBUTES, 0, 1, 3)),
    Call("file_setattr", (469, 469, 469, 469), Kind.PATH, _at(Access.ATTRIBUTES, 0, 1, 4)),
    Call(
        "inotify_add_watch",
        (254, 292, 27, 317),
        Kind.PATH,
        (Name(Access.WATCH, 1, -1, True, 2, _IN_DONT_FOLLOW),),
    ),
    Call(
        "fanotify_mark",
        (301, -1, 263, -1),
        Kind.PATH,
        (Name(Access.WATCH, 4, 3, True, 1, _FAN_DONT_FOLLOW),),
    ),
    Call(
        "fanotify_mark",
        (-1, 339, -1, 368),
        Kind.PATH,
        (Name(Access.WATCH, 5, 4, True, 1, _FAN_DONT_FOLLOW),),
    ),
    Call("connect", (42, 362, 203, 283), Kind.SOCKET, (Name(Access.CONNECT, 1, flags=2),)),
    Call("bind", (49, 361, 200, 282), Kind.SOCKET, (Name(Access.BIND, 1, follow=False, flags=2),)),
    Call("socketcall", (-1, 102, -1, -1), Kind.SOCKETCALL, (Name(Access.CONNECT, 1, flags=2),)),
    Call("mount", (165, 21, 40, 21), Kind.PATH, _path(Access.MOUNT, (-1, 1)), roots=True),
    Call(
        "umount2",
        (166, 52, 39, 52),
        Kind.PATH,
        (Name(Access.MOUNT, 0, -1, True, 1, Flag("UMOUNT_NOFOLLOW", 8)),),
    ),
    Call("umount", (-1, 22, -1, 22), Kind.PATH, _path(Access.MOUNT, (-1, 0))),
    Call("pivot_root", (155, 217, 41, 218), Kind.PATH, _path(Access.MOUNT, (-1, 0), (-1, 1)), roots=True),
    Call("open_tree", (428, 428, 428, 428), Kind.PATH, _at(Access.MOUNT, 0, 1, 2)),
    Call("open_tree_attr", (467, 467, 467, 467), Kind.PATH, _at(Access.MOUNT, 0, 1, 2)),
    Call("move_mount", (429, 429, 429, 429), Kind.PATH, _MOVED, roots=True),
    Call("mount_setattr", (442, 442, 442, 442), Kind.PATH, _at(Access.MOUNT, 0, 1, 2)),
    Call(
        "fspick",
        (433, 433, 433, 433),
        Kind.PATH,
        (Name(Access.MOUNT, 1, 0, True, 2, Flag("FSPICK_SYMLINK_NOFOLLOW", 2)),),
    ),
    Call("swapon", (167, 87, 224, 87), Kind.PATH, _path(Access.READ, (-1, 0))),
    Call("swapoff", (168, 115, 225, 115), Kind.PATH, _path(Access.READ, (-1, 0))),
    Call("listen", (50, 363, 201, 284), Kind.LISTEN, ()),
    Call("setns", (308, 346, 268, 375), Kind.NOTHING, (), roots=True),
    Call("unshare", (272, 310, 97, 337), Kind.NOTHING, (), roots=True),
)

BY_NAME = {call.name: call for call in reversed(CALLS)} | {
    "fstatat64": next(call for call in CALLS if call.name == "newfstatat")
}
"""By the name that strace gives them; of two of one name the first."""

OPEN_FLAGS = {
    name: int(getattr(os, name, 0)) for name in "O_CREAT O_EXCL O_NOFOLLOW O_PATH O_TMPFILE O_TRUNC".split()
}
"""Flags of open(2) that tell how a path is used, with this machine's own bits."""


def flag_names(flags: int) -> frozenset[str]:
    """The names of the flags that ``opens`` knows, from the bits of this machine's architecture."""
    modes = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR")
    return frozenset({modes[flags & 3], *(name for name, bits in OPEN_FLAGS.items() if flags & bits == bits)})


def opens(flags: Set[str]) -> tuple[Access, bool]:
    """How open(2) uses what it opens, and whether it follows a final symbolic link, by its flags' names."""
    follow = "O_NOFOLLOW" not in flags and not flags >= {"O_CREAT", "O_EXCL"}
    if "O_PATH" in flags:
        return Access.STAT, follow
    if "O_TMPFILE" in flags:
        return Access.WRITE, follow
    if "O_CREAT" in flags:
        return Access.CREATE, follow
    return (Access.WRITE if flags & {"O_WRONLY", "O_RDWR", "O_TRUNC"} else Access.READ), follow
