"""A tree with paths of another tree put into it."""

from __future__ import annotations

from tests.trees import MemoryTree
from tracewhale.rootfs.patched_tree import PatchedTree
from tracewhale.rootfs.tree import View

BASE = """
/lib -> usr/lib
/usr/lib/
/usr/bin/whale: whale
"""
FULL = """
/lib -> usr/lib
/usr/lib/x/libwhale.so.1 -> libwhale.so.1.2
/usr/lib/x/libwhale.so.1.2: library
/etc/whale/a: a
/etc/whale/deep/b: b
"""


def patched(*paths: str) -> tuple[PatchedTree, View]:
    tree = PatchedTree(View(MemoryTree(BASE)), View(MemoryTree(FULL)))
    assert [tree.add(path) for path in paths] == [True] * len(paths)
    return tree, View(tree)


def test_a_path_comes_with_its_links_and_directories() -> None:
    """``/lib`` is the base's own link; ``x`` and the two names of the library are the other tree's."""
    tree, view = patched("/lib/x/libwhale.so.1")
    assert tree.paths == ("/usr/lib/x", "/usr/lib/x/libwhale.so.1", "/usr/lib/x/libwhale.so.1.2")
    assert view.resolve("/lib/x/libwhale.so.1").entry == view.lstat("/usr/lib/x/libwhale.so.1.2")
    assert tree.read([("/usr/lib/x/libwhale.so.1.2", 0, -1), ("/usr/bin/whale", 0, -1)]) == [
        b"library",
        b"whale",
    ]


def test_a_directory_comes_with_all_that_is_in_it() -> None:
    tree, view = patched("/etc/whale")
    assert set(view.listing("/etc/whale") or ()) == {"a", "deep"}
    packed = {
        item.entry.path: b"".join(item.chunks) for item in tree.pack(["/usr/bin/whale", "/etc/whale/deep/b"])
    }
    assert packed == {"/usr/bin/whale": b"whale", "/etc/whale/deep/b": b"b"}


def test_what_the_other_tree_lacks_is_not_added() -> None:
    tree = PatchedTree(View(MemoryTree(BASE)), View(MemoryTree(FULL)))
    assert not tree.add("/nowhere")
    assert tree.paths == ()
