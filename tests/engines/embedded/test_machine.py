"""This machine's mounts, as mountinfo tells them."""

from __future__ import annotations

import os

import pytest

from tracewhale.engines.embedded.machine import Mount, is_below, may_mount, parse_mountinfo, this_machine

LINES = rb"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 254:16 / /home rw,relatime shared:7 master:1 - ext4 /dev/vdb rw
25 22 0:40 / /a\040b\134c rw - tmpfs tmpfs rw
26 24 0:41 / /home/x rw - fuse.sshfs you rw
27 22 0:42 / /home rw - xfs /dev/vdc rw
28 22 0:43 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw
29 22 0:44 / /run/user/0 rw - tmpfs tmpfs rw
""".lstrip()


def test_the_last_mount_at_a_place_counts() -> None:
    assert parse_mountinfo(LINES.splitlines()) == (
        Mount("/proc", "proc"),
        Mount("/a b\\c", "tmpfs"),
        Mount("/home/x", "fuse.sshfs"),
        Mount("/home", "xfs"),
        Mount("/var/lib/docker/overlay2/1/merged", "overlay"),
        Mount("/run/user/0", "tmpfs"),
    )


def test_what_is_of_an_image() -> None:
    real = [mount.point for mount in parse_mountinfo(LINES.splitlines()) if mount.real]
    assert real == ["/a b\\c", "/home/x", "/home"]


@pytest.mark.parametrize(
    ("path", "tops", "below"),
    [
        ("/a/b", ["/a"], True),
        ("/a", ["/a"], True),
        ("/ab", ["/a"], False),
        ("/x", ["/"], True),
        ("/x", [], False),
        ("/a", ["/a/b", "/c"], False),
    ],
)
def test_below(path: str, tops: list[str], below: bool) -> None:
    assert is_below(path, tops) is below


def test_this_machine_is_what_the_kernel_says() -> None:
    machine = this_machine()
    assert (machine.uid, machine.gid, machine.hostname) == (os.geteuid(), os.getegid(), os.uname().nodename)
    assert "/proc" in [mount.point for mount in machine.mounts]
    assert not machine.user  # these tests run as root


@pytest.mark.parametrize(
    ("status", "may"),
    [
        ("CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n", True),
        ("CapPrm:\t000001ffffffffff\nCapEff:\t00000000a80425fb\n", False),
        ("CapEff:\t0000000000000000\n", False),
        ("Name:\tx\n", False),
    ],
)
def test_who_may_mount(status: str, may: bool) -> None:
    assert may_mount(status) is may
