"""Facts about this machine: mounts, processor, user. Read once, then plain values."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracewhale.platforms import architecture
from tracewhale.rootfs.mountinfo import unescape

PSEUDO = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fuse.lxcfs fusectl "
    "hugetlbfs mqueue nsfs overlay proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs".split()
)
"""File system types whose files belong to no image. Overlays other than the root belong to containers."""

RUNTIME = ("/proc", "/sys", "/dev", "/run")
"""Directories that each container has of its own."""

SYS_ADMIN = 21
"""The number of CAP_SYS_ADMIN (capability.h)."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo (proc(5)): where something is mounted, and its type."""

    point: str
    type: str

    @property
    def real(self) -> bool:
        """Whether its files are stored on a disk of this machine."""
        return self.type not in PSEUDO and not is_below(self.point, RUNTIME)


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts about this machine. ``user`` says that we may not mount and need a user name space."""

    uid: int
    gid: int
    user: bool
    hostname: str
    architecture: str
    mounts: tuple[Mount, ...]


def this_machine() -> Machine:
    """Return the facts about this machine. The architecture has the name that images use (Go's GOARCH)."""
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = parse_mountinfo(file)
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        user = not may_mount(file.read())
    return Machine(os.geteuid(), os.getegid(), user, platform.node(), architecture(), mounts)


def may_mount(status: str) -> bool:
    """Return whether a process has CAP_SYS_ADMIN, by its /proc/PID/status; in most containers root lacks
    it."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(match and int(match[1], 16) >> SYS_ADMIN & 1)


def parse_mountinfo(lines: Iterable[bytes]) -> tuple[Mount, ...]:
    """Return the mounts below the root, one for each place: the last mount there hides the others."""
    result: dict[str, Mount] = {}
    for line in lines:
        before, _, after = line.partition(b" - ")
        point, kind = os.fsdecode(unescape(before.split(b" ")[4])), after.split(b" ")[0].decode()
        result.pop(point, None)
        result[point] = Mount(point, kind)
    result.pop("/", None)
    return tuple(result.values())


def is_below(path: str, tops: Iterable[str]) -> bool:
    """Return whether a path is one of some directories, or in it."""
    return any(path == top or path.startswith(f"{top.rstrip('/')}/") for top in tops)
