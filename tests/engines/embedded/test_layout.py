"""The mounts of a sandbox, as text: no kernel is asked."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from tests.trees import MemoryTree
from tracewhale.engines.embedded.layout import (
    MASKED,
    PROTECTED,
    ContainerFiles,
    container,
    host_root,
    restrict,
    user_mounts,
)
from tracewhale.engines.embedded.machine import Machine, Mount
from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Entry, Kind
from tracewhale.running.options import parse_options

FILES = ContainerFiles("/w/hostname", "/w/hosts", "/w/resolv.conf")

TREE = MemoryTree(
    """
    /bin -> usr/bin
    /usr/bin/sh: x
    /etc/passwd: x
    /var/lib/db/file: x
    /var/log/file: x
    /proc/
    /run/
    /home/somebody/
    /readme: x
    """
)

MOUNTS = (
    Mount("/proc", "proc"),
    Mount("/run/lock", "tmpfs"),
    Mount("/var/lib/db", "xfs"),
    Mount("/var/lib/container", "overlay"),
    Mount("/home", "ext4"),
)


def machine(uid: int) -> Machine:
    return Machine(uid, uid, uid != 0, "here", "amd64", MOUNTS)


def lines(words: tuple[str, ...]) -> list[str]:
    """One line a mount, as the probe reads them."""
    found: list[list[str]] = []
    for word in words:
        if word.startswith("--"):
            found.append([])
        found[-1].append(word.removeprefix("--"))
    return [shlex.join(each) for each in found]


def listing(directory: str) -> list[Entry]:
    return list((TREE.scan([directory])[directory] or {}).values())


def test_root_sees_this_machine_through_an_overlay_a_disk() -> None:
    assert lines(host_root(machine(0), listing)) == [
        "overlay / / root",
        "overlay /var/lib/db /var/lib/db 'root?'",
        "overlay /home /home 'root?'",
        "tmpfs /run mode=755 s",
    ]


def test_a_user_sees_it_through_one_for_each_directory_without_mounts() -> None:
    assert lines(host_root(machine(1000), listing)) == [
        "tmpfs / mode=555 ''",
        "symlink /bin usr/bin",
        "overlay /usr /usr 'user?'",
        "overlay /etc /etc 'user?'",
        "directory /var 555",
        "directory /var/lib 555",
        "overlay /var/lib/db /var/lib/db 'user?'",
        "overlay /var/log /var/log 'user?'",
        "directory /proc 555",
        "directory /run 555",
        "overlay /home /home 'user?'",
        "bind /readme /readme 'ro?'",
    ]


@pytest.mark.parametrize(
    ("uid", "mode", "allowed"),
    [(0, 0o755, 0o555), (0, 0o1777, 0o1777), (0, 0o700, 0o000), (1000, 0o700, 0o700)],
)
def test_a_user_who_owns_a_copy_may_do_with_it_what_others_may(uid: int, mode: int, allowed: int) -> None:
    entry = Entry("/d", Kind.DIRECTORY, mode, uid, uid, 0, 0)
    assert restrict(entry, 1000).mode == allowed


def asked(**options: Any) -> list[str]:
    return lines(container(parse_options(environ={}, **options), FILES))


def test_what_every_container_has() -> None:
    assert asked() == [
        "proc",
        "dev mode=1777,size=67108864",
        "sys",
        *(f"protect {path}" for path in PROTECTED),
        *(f"mask {path}" for path in MASKED),
        "bind /etc/resolv.conf /w/resolv.conf rw",
        "bind /etc/hostname /w/hostname rw",
        "bind /etc/hosts /w/hosts rw",
    ]


@pytest.mark.parametrize(
    ("options", "mounts"),
    [
        ({"shm_size": "1m"}, ["dev mode=1777,size=1048576"]),
        ({"tmpfs": ["/t"]}, ["tmpfs /t '' sx"]),
        ({"tmpfs": ["/t:size=1m,mode=700,exec,suid,ro"]}, ["tmpfs /t size=1m,mode=700 r"]),
        ({"mount": ["type=tmpfs,dst=/t,tmpfs-size=1m"]}, ["tmpfs /t mode=1777,size=1048576 sx"]),
        ({"volume": ["/a:/b"]}, ["bind /b /a rw"]),
        ({"volume": ["/a:/b:ro,z"]}, ["bind /b /a ro"]),
        ({"mount": ["type=bind,src=/a,dst=/b,readonly"]}, ["bind /b /a ro"]),
        ({"volume": ["/a:/x/y", "/b:/x"], "tmpfs": ["/x/y/z"]}, ["bind /x /b rw", "bind /x/y /a rw"]),
        ({"volume": ["/anonymous"]}, []),
    ],
)
def test_what_the_user_mounts(options: dict[str, Any], mounts: list[str]) -> None:
    new = [line for line in asked(**options) if line not in asked()]
    assert new[: len(mounts)] == mounts
    assert bool(new) == bool(mounts)


def test_a_mount_lies_on_those_above_it() -> None:
    options = {"volume": ["/a:/x/y", "/b:/x"], "tmpfs": ["/x/y/z"]}
    assert [line.split()[1] for line in asked(**options)[-3:]] == ["/x", "/x/y", "/x/y/z"]


def test_unconfined_system_paths_are_left_alone() -> None:
    words = [line.split()[0] for line in asked(security_opt=["systempaths=unconfined"])]
    assert not {"mask", "protect"} & set(words)


@pytest.mark.parametrize("options", [{"volume": ["name:/b"]}, {"mount": ["type=volume,src=name,dst=/b"]}])
def test_volumes_are_an_engines(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Docker engine"):
        asked(**options)


def test_the_places_of_user_mounts() -> None:
    options = parse_options(environ={}, volume=["/a:/b", "/anonymous"], tmpfs=["/t"])
    assert user_mounts(options) == ("/b", "/t")
