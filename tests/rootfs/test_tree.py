"""How asked paths resolve in a tree: path_resolution(7)."""

from __future__ import annotations

import pytest

from tests.trees import MemoryTree
from tracewhale.rootfs.tree import View

TREE = """
    /bin -> usr/bin
    /usr/bin/sh -> dash
    /usr/bin/dash: the shell
    /lib -> usr/lib
    /usr/lib/a.so -> /usr/lib/real/a.so.1
    /usr/lib/real/a.so.1: library
    /usr/lib/up -> ../bin
    /loop -> loop
    /dangling -> /nowhere
    /jail/etc/passwd: jailed
    /jail/etc/link -> /etc/passwd
    /jail/etc/escape -> ../../../usr
    /file: x
"""


@pytest.mark.parametrize(
    ("path", "follow", "steps", "end"),
    [
        ("/bin/sh", True, "/ /bin /usr /usr/bin /usr/bin/sh", "/usr/bin/dash"),
        ("/bin/sh", False, "/ /bin /usr /usr/bin", "/usr/bin/sh"),
        ("/lib/a.so", True, "/ /lib /usr /usr/lib /usr/lib/a.so /usr/lib/real", "/usr/lib/real/a.so.1"),
        ("/usr/lib/up/../lib/real", True, "/ /usr /usr/lib /usr/lib/up /usr/bin", "/usr/lib/real"),
        ("/usr/lib/../bin", True, "/ /usr /usr/lib", "/usr/bin"),
        ("//usr/./bin//dash", True, "/ /usr /usr/bin", "/usr/bin/dash"),
        ("/../../file", True, "/", "/file"),
        ("/file/", True, "/", None),
        ("/file/x", True, "/", None),
        ("/bin/", False, "/ /bin /usr", "/usr/bin"),
        ("/dangling", True, "/ /dangling", None),
        ("/dangling", False, "/", "/dangling"),
        ("/usr/none/../bin", True, "/ /usr", None),
        ("/", True, "", "/"),
    ],
)
def test_resolve(path: str, follow: bool, steps: str, end: str | None) -> None:
    found = View(MemoryTree(TREE)).resolve(path, follow=follow)
    assert (" ".join(found.steps), found.entry and found.entry.path) == (steps, end)


def test_a_loop_ends_as_eloop() -> None:
    assert View(MemoryTree(TREE)).resolve("/loop").loop


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/etc/link", "/jail/etc/passwd"),
        ("/etc/escape/bin", None),
        ("/../../etc/passwd", "/jail/etc/passwd"),
        ("/usr", None),
    ],
)
def test_another_root_is_never_left(path: str, end: str | None) -> None:
    found = View(MemoryTree(TREE)).resolve(path, root="/jail")
    assert (found.entry and found.entry.path) == end


def test_each_directory_is_scanned_once() -> None:
    tree = MemoryTree(TREE)
    view = View(tree)
    view.prefetch(["/", "/usr", "/usr/bin"])
    view.resolve("/bin/sh")
    view.resolve("/bin/dash")
    assert tree.exchanges == 1
