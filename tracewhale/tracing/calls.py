"""System calls that name a path, for probes that are not written in C: the twin of ``probes/calls.c``.

Indices are those of the call's arguments, as in its manual page; -1 means none. Numbers are those of
``asm/unistd*.h`` for x86-64, i386, ARM64 and ARM, -1 if an architecture has no such call.
"""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tracewhale.tracing.events import Access


class ArgumentKind(Enum):
    """The ways to read the arguments of a call."""

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
    """A flag that changes whether a final symbolic link is followed."""

    name: str
    bit: int


NO_FLAG = Flag("", 0)
NOFOLLOW = Flag("AT_SYMLINK_NOFOLLOW", 0x100)
FOLLOW = Flag("AT_SYMLINK_FOLLOW", 0x400)


@dataclass(frozen=True, slots=True)
class PathArgument:
    """One path of a call. ``follow`` says whether a final symbolic link is followed with no flag set."""

    access: Access
    path: int
    dirfd: int = -1
    follow: bool = True
    flags: int = -1
    toggle: Flag = NO_FLAG


@dataclass(frozen=True, slots=True)
class SystemCall:
    """A system call. ``name`` is strace's; ``roots`` says that it may change the root directory."""

    name: str
    numbers: tuple[int, int, int, int]
    kind: ArgumentKind
    names: tuple[PathArgument, ...]
    roots: bool = False


def _path(access: Access, *places: tuple[int, int], follow: bool = True) -> tuple[PathArgument, ...]:
    return tuple(PathArgument(access, path, dirfd, follow) for dirfd, path in places)


def _at(
    access: Access, dirfd: int, path: int, flags: int, *, follow: bool = True
) -> tuple[PathArgument, ...]:
    return (PathArgument(access, path, dirfd, follow, flags, NOFOLLOW if follow else FOLLOW),)


def _two(first: Access, second: Access, *indices: int) -> tuple[PathArgument, ...]:
    one, at_one, two, at_two = indices
    return (PathArgument(first, at_one, one, follow=False), PathArgument(second, at_two, two, follow=False))


_IN_DONT_FOLLOW = Flag("IN_DONT_FOLLOW", 0x2000000)
_FAN_DONT_FOLLOW = Flag("FAN_MARK_DONT_FOLLOW", 4)
_MOVED = (
    PathArgument(Access.MOUNT, 1, 0, False, 4, Flag("MOVE_MOUNT_F_SYMLINKS", 0x1)),
    PathArgument(Access.MOUNT, 3, 2, False, 4, Flag("MOVE_MOUNT_T_SYMLINKS", 0x10)),
)
_LINKED = (
    PathArgument(Access.LINK_FROM, 1, 0, False, 4, FOLLOW),
    PathArgument(Access.LINK_TO, 3, 2, follow=False),
)
_EXEC, _LIST = _path(Access.EXEC, (-1, 0)), (PathArgument(Access.LIST, -1, 0),)

CALLS = (
    SystemCall("open", (2, 5, -1, 5), ArgumentKind.OPEN, (PathArgument(Access.READ, 0, flags=1),)),
    SystemCall("openat", (257, 295, 56, 322), ArgumentKind.OPEN, (PathArgument(Access.READ, 1, 0, flags=2),)),
    SystemCall(
        "openat2", (437, 437, 437, 437), ArgumentKind.OPENAT2, (PathArgument(Access.READ, 1, 0, flags=2),)
    ),
    SystemCall("creat", (85, 8, -1, 8), ArgumentKind.PATH, _path(Access.CREATE, (-1, 0))),
    SystemCall("stat", (4, 106, -1, 106), ArgumentKind.PATH, _path(Access.STAT, (-1, 0))),
    SystemCall("stat64", (-1, 195, -1, 195), ArgumentKind.PATH, _path(Access.STAT, (-1, 0))),
    SystemCall("oldstat", (-1, 18, -1, -1), ArgumentKind.PATH, _path(Access.STAT, (-1, 0))),
    SystemCall("lstat", (6, 107, -1, 107), ArgumentKind.PATH, _path(Access.STAT, (-1, 0), follow=False)),
    SystemCall("lstat64", (-1, 196, -1, 196), ArgumentKind.PATH, _path(Access.STAT, (-1, 0), follow=False)),
    SystemCall("oldlstat", (-1, 84, -1, -1), ArgumentKind.PATH, _path(Access.STAT, (-1, 0), follow=False)),
    SystemCall("newfstatat", (262, 300, 79, 327), ArgumentKind.PATH, _at(Access.STAT, 0, 1, 3)),
    SystemCall("statx", (332, 383, 291, 397), ArgumentKind.PATH, _at(Access.STAT, 0, 1, 2)),
    SystemCall(
        "name_to_handle_at", (303, 341, 264, 370), ArgumentKind.PATH, _at(Access.STAT, 0, 1, 4, follow=False)
    ),
    SystemCall("file_getattr", (468, 468, 468, 468), ArgumentKind.PATH, _at(Access.STAT, 0, 1, 4)),
    SystemCall("access", (21, 33, -1, 33), ArgumentKind.PATH, _path(Access.ACCESS, (-1, 0))),
    SystemCall("faccessat", (269, 307, 48, 334), ArgumentKind.PATH, _path(Access.ACCESS, (0, 1))),
    SystemCall("faccessat2", (439, 439, 439, 439), ArgumentKind.PATH, _at(Access.ACCESS, 0, 1, 3)),
    SystemCall(
        "readlink", (89, 85, -1, 85), ArgumentKind.PATH, _path(Access.READLINK, (-1, 0), follow=False)
    ),
    SystemCall(
        "readlinkat", (267, 305, 78, 332), ArgumentKind.PATH, _path(Access.READLINK, (0, 1), follow=False)
    ),
    SystemCall("execve", (59, 11, 221, 11), ArgumentKind.EXEC, _EXEC),
    SystemCall("execveat", (322, 358, 281, 387), ArgumentKind.EXEC, _at(Access.EXEC, 0, 1, 4)),
    SystemCall("execve", (520, -1, -1, -1), ArgumentKind.EXEC, _EXEC),
    SystemCall("execveat", (545, -1, -1, -1), ArgumentKind.EXEC, _at(Access.EXEC, 0, 1, 4)),
    SystemCall("uselib", (134, 86, -1, 86), ArgumentKind.PATH, _path(Access.MAP, (-1, 0))),
    SystemCall("getdents", (78, 141, -1, 141), ArgumentKind.LIST, _LIST),
    SystemCall("getdents64", (217, 220, 61, 217), ArgumentKind.LIST, _LIST),
    SystemCall("readdir", (-1, 89, -1, 89), ArgumentKind.LIST, _LIST),
    SystemCall("chdir", (80, 12, 49, 12), ArgumentKind.PATH, _path(Access.CHDIR, (-1, 0))),
    SystemCall("chroot", (161, 61, 51, 61), ArgumentKind.PATH, _path(Access.CHROOT, (-1, 0)), roots=True),
    SystemCall("statfs", (137, 99, 43, 99), ArgumentKind.PATH, _path(Access.STATFS, (-1, 0))),
    SystemCall("statfs64", (-1, 268, -1, 266), ArgumentKind.PATH, _path(Access.STATFS, (-1, 0))),
    SystemCall("getxattr", (191, 229, 8, 229), ArgumentKind.PATH, _path(Access.XATTR, (-1, 0))),
    SystemCall(
        "lgetxattr", (192, 230, 9, 230), ArgumentKind.PATH, _path(Access.XATTR, (-1, 0), follow=False)
    ),
    SystemCall("getxattrat", (464, 464, 464, 464), ArgumentKind.PATH, _at(Access.XATTR, 0, 1, 2)),
    SystemCall("listxattr", (194, 232, 11, 232), ArgumentKind.PATH, _path(Access.XATTR, (-1, 0))),
    SystemCall(
        "llistxattr", (195, 233, 12, 233), ArgumentKind.PATH, _path(Access.XATTR, (-1, 0), follow=False)
    ),
    SystemCall("listxattrat", (465, 465, 465, 465), ArgumentKind.PATH, _at(Access.XATTR, 0, 1, 2)),
    SystemCall("setxattr", (188, 226, 5, 226), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    SystemCall(
        "lsetxattr", (189, 227, 6, 227), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0), follow=False)
    ),
    SystemCall("setxattrat", (463, 463, 463, 463), ArgumentKind.PATH, _at(Access.ATTRIBUTES, 0, 1, 2)),
    SystemCall("removexattr", (197, 235, 14, 235), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    SystemCall(
        "lremovexattr",
        (198, 236, 15, 236),
        ArgumentKind.PATH,
        _path(Access.ATTRIBUTES, (-1, 0), follow=False),
    ),
    SystemCall("removexattrat", (466, 466, 466, 466), ArgumentKind.PATH, _at(Access.ATTRIBUTES, 0, 1, 2)),
    SystemCall("mkdir", (83, 39, -1, 39), ArgumentKind.PATH, _path(Access.MKDIR, (-1, 0), follow=False)),
    SystemCall("mkdirat", (258, 296, 34, 323), ArgumentKind.PATH, _path(Access.MKDIR, (0, 1), follow=False)),
    SystemCall("mknod", (133, 14, -1, 14), ArgumentKind.PATH, _path(Access.MKNOD, (-1, 0), follow=False)),
    SystemCall("mknodat", (259, 297, 33, 324), ArgumentKind.PATH, _path(Access.MKNOD, (0, 1), follow=False)),
    SystemCall(
        "rename",
        (82, 38, -1, 38),
        ArgumentKind.PATH,
        _two(Access.RENAME_FROM, Access.RENAME_TO, -1, 0, -1, 1),
    ),
    SystemCall(
        "renameat",
        (264, 302, 38, 329),
        ArgumentKind.PATH,
        _two(Access.RENAME_FROM, Access.RENAME_TO, 0, 1, 2, 3),
    ),
    SystemCall(
        "renameat2",
        (316, 353, 276, 382),
        ArgumentKind.PATH,
        _two(Access.RENAME_FROM, Access.RENAME_TO, 0, 1, 2, 3),
    ),
    SystemCall(
        "link", (86, 9, -1, 9), ArgumentKind.PATH, _two(Access.LINK_FROM, Access.LINK_TO, -1, 0, -1, 1)
    ),
    SystemCall("linkat", (265, 303, 37, 330), ArgumentKind.PATH, _LINKED),
    SystemCall("symlink", (88, 83, -1, 83), ArgumentKind.PATH, _path(Access.SYMLINK, (-1, 1), follow=False)),
    SystemCall(
        "symlinkat", (266, 304, 36, 331), ArgumentKind.PATH, _path(Access.SYMLINK, (1, 2), follow=False)
    ),
    SystemCall("unlink", (87, 10, -1, 10), ArgumentKind.PATH, _path(Access.UNLINK, (-1, 0), follow=False)),
    SystemCall(
        "unlinkat", (263, 301, 35, 328), ArgumentKind.PATH, _path(Access.UNLINK, (0, 1), follow=False)
    ),
    SystemCall("rmdir", (84, 40, -1, 40), ArgumentKind.PATH, _path(Access.UNLINK, (-1, 0), follow=False)),
    SystemCall("truncate", (76, 92, 45, 92), ArgumentKind.PATH, _path(Access.TRUNCATE, (-1, 0))),
    SystemCall("truncate64", (-1, 193, -1, 193), ArgumentKind.PATH, _path(Access.TRUNCATE, (-1, 0))),
    SystemCall("chmod", (90, 15, -1, 15), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    SystemCall("fchmodat", (268, 306, 53, 333), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (0, 1))),
    SystemCall("fchmodat2", (452, 452, 452, 452), ArgumentKind.PATH, _at(Access.ATTRIBUTES, 0, 1, 3)),
    SystemCall("chown", (92, 182, -1, 182), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    SystemCall("chown32", (-1, 212, -1, 212), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    SystemCall(
        "lchown", (94, 16, -1, 16), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0), follow=False)
    ),
    SystemCall(
        "lchown32", (-1, 198, -1, 198), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0), follow=False)
    ),
    SystemCall("fchownat", (260, 298, 54, 325), ArgumentKind.PATH, _at(Access.ATTRIBUTES, 0, 1, 4)),
    SystemCall("utime", (132, 30, -1, 30), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    SystemCall("utimes", (235, 271, -1, 269), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (-1, 0))),
    SystemCall("futimesat", (261, 299, -1, 326), ArgumentKind.PATH, _path(Access.ATTRIBUTES, (0, 1))),
    SystemCall("utimensat", (280, 320, 88, 348), ArgumentKind.PATH, _at(Access.ATTRIBUTES, 0, 1, 3)),
    SystemCall("utimensat_time64", (-1, 412, -1, 412), ArgumentKind.PATH, _at(Access.ATTRIBUTES, 0, 1, 3)),
    SystemCall("file_setattr", (469, 469, 469, 469), ArgumentKind.PATH, _at(Access.ATTRIBUTES, 0, 1, 4)),
    SystemCall(
        "inotify_add_watch",
        (254, 292, 27, 317),
        ArgumentKind.PATH,
        (PathArgument(Access.WATCH, 1, -1, True, 2, _IN_DONT_FOLLOW),),
    ),
    SystemCall(
        "fanotify_mark",
        (301, -1, 263, -1),
        ArgumentKind.PATH,
        (PathArgument(Access.WATCH, 4, 3, True, 1, _FAN_DONT_FOLLOW),),
    ),
    SystemCall(
        "fanotify_mark",
        (-1, 339, -1, 368),
        ArgumentKind.PATH,
        (PathArgument(Access.WATCH, 5, 4, True, 1, _FAN_DONT_FOLLOW),),
    ),
    SystemCall(
        "connect", (42, 362, 203, 283), ArgumentKind.SOCKET, (PathArgument(Access.CONNECT, 1, flags=2),)
    ),
    SystemCall(
        "bind",
        (49, 361, 200, 282),
        ArgumentKind.SOCKET,
        (PathArgument(Access.BIND, 1, follow=False, flags=2),),
    ),
    SystemCall(
        "socketcall", (-1, 102, -1, -1), ArgumentKind.SOCKETCALL, (PathArgument(Access.CONNECT, 1, flags=2),)
    ),
    SystemCall("mount", (165, 21, 40, 21), ArgumentKind.PATH, _path(Access.MOUNT, (-1, 1)), roots=True),
    SystemCall(
        "umount2",
        (166, 52, 39, 52),
        ArgumentKind.PATH,
        (PathArgument(Access.MOUNT, 0, -1, True, 1, Flag("UMOUNT_NOFOLLOW", 8)),),
    ),
    SystemCall("umount", (-1, 22, -1, 22), ArgumentKind.PATH, _path(Access.MOUNT, (-1, 0))),
    SystemCall(
        "pivot_root",
        (155, 217, 41, 218),
        ArgumentKind.PATH,
        _path(Access.MOUNT, (-1, 0), (-1, 1)),
        roots=True,
    ),
    SystemCall("open_tree", (428, 428, 428, 428), ArgumentKind.PATH, _at(Access.MOUNT, 0, 1, 2)),
    SystemCall("open_tree_attr", (467, 467, 467, 467), ArgumentKind.PATH, _at(Access.MOUNT, 0, 1, 2)),
    SystemCall("move_mount", (429, 429, 429, 429), ArgumentKind.PATH, _MOVED, roots=True),
    SystemCall("mount_setattr", (442, 442, 442, 442), ArgumentKind.PATH, _at(Access.MOUNT, 0, 1, 2)),
    SystemCall(
        "fspick",
        (433, 433, 433, 433),
        ArgumentKind.PATH,
        (PathArgument(Access.MOUNT, 1, 0, True, 2, Flag("FSPICK_SYMLINK_NOFOLLOW", 2)),),
    ),
    SystemCall("swapon", (167, 87, 224, 87), ArgumentKind.PATH, _path(Access.READ, (-1, 0))),
    SystemCall("swapoff", (168, 115, 225, 115), ArgumentKind.PATH, _path(Access.READ, (-1, 0))),
    SystemCall("listen", (50, 363, 201, 284), ArgumentKind.LISTEN, ()),
    SystemCall("setns", (308, 346, 268, 375), ArgumentKind.NOTHING, (), roots=True),
    SystemCall("unshare", (272, 310, 97, 337), ArgumentKind.NOTHING, (), roots=True),
)

BY_NAME = {call.name: call for call in reversed(CALLS)} | {
    "fstatat64": next(call for call in CALLS if call.name == "newfstatat")
}
"""The calls by strace's names; of two calls with one name the first."""

OPEN_FLAGS = {
    name: int(getattr(os, name, 0)) for name in "O_CREAT O_EXCL O_NOFOLLOW O_PATH O_TMPFILE O_TRUNC".split()
}
"""The flags of open(2) that say how a path is used, with the bits of this machine."""


def flag_names(flags: int) -> frozenset[str]:
    """Return the names of the flags that ``opens`` knows, from the bits of this machine's architecture."""
    modes = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR")
    return frozenset({modes[flags & 3], *(name for name, bits in OPEN_FLAGS.items() if flags & bits == bits)})


def opens(flags: Set[str]) -> tuple[Access, bool]:
    """Return how open(2) uses a path, and whether it follows a final symbolic link, by the names of its
    flags."""
    follow = "O_NOFOLLOW" not in flags and not flags >= {"O_CREAT", "O_EXCL"}
    if "O_PATH" in flags:
        return Access.STAT, follow
    if "O_TMPFILE" in flags:
        return Access.WRITE, follow
    if "O_CREAT" in flags:
        return Access.CREATE, follow
    return (Access.WRITE if flags & {"O_WRONLY", "O_RDWR", "O_TRUNC"} else Access.READ), follow
