"""The process ``probe serve``: its option --bare, and its end by a signal."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.rootfs.test_served_tree import SECONDS, root, running

__all__ = ["root"]


BARE = """
mount -t tmpfs one "$1/directory"; echo shadow > "$1/directory/shadow"
mkdir "$1/directory/in"; mount -t tmpfs two "$1/directory/in"
mount --bind /etc/hostname "$1/file"; mkdir "$1/with space"; mount -t tmpfs three "$1/with space"
touch "$1/with space/x"
exec "$2" "$3" --bare
"""


def test_bare_shows_what_is_beneath_the_mounts(probe: Path, root: str) -> None:
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--propagation", "private"]
    with running(probe, *namespaces, "/bin/sh", "-ec", BARE, "sh", root) as (process, tree):
        assert process.stdin
        assert tree.read([(f"{root}/file", 0, -1)]) == [b"contents"]
        listings = tree.scan([f"{root}/directory", f"{root}/with space", "/proc", "/dev"])
        assert [set(listing or {}) for listing in listings.values()][:3] == [{"below"}, set(), set()]
        process.stdin.close()
        assert process.wait(SECONDS) == 0
    assert os.listdir("/proc"), "the mounts of this machine are still there"


def test_bare_is_for_process_1_only(probe: Path) -> None:
    done = subprocess.run([probe, "serve", "--bare"], capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 64
    assert b"process 1" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(probe: Path, number: signal.Signals) -> None:
    with running(probe) as (process, tree):
        assert tree.scan(["/"])
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
