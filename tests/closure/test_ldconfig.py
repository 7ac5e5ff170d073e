"""ld.so.cache, byte for byte what this machine's ldconfig writes for the same tree."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loader import recipes
from tracewhale.closure import Resolver, ldcache, ldconfig
from tracewhale.closure.loader import Loader
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import View

CACHES = Path(__file__).parent / "caches"
ELFS: list[dict[str, Any]] = [
    {"path": "/usr/lib/x86_64-linux-gnu/libz.so.1.2", "soname": "libz.so.1"},
    {"path": "/usr/lib/libplain.so", "soname": ""},
    {"path": "/usr/lib/liba.so.1", "soname": "liba.so.1"},
    {"path": "/usr/lib/liba.so.1.10", "soname": "liba.so.1"},
    {"path": "/usr/lib/liba.so.1.9", "soname": "liba.so.1"},
    {"path": "/usr/lib/libodd.so.7", "soname": "libeven.so.7"},
    {"path": "/opt/one/liba.so.1", "soname": "liba.so.1"},
    {"path": "/opt/one/glibc-hwcaps/x86-64-v3/liba.so.1", "soname": "liba.so.1"},
    {"path": "/opt/one/glibc-hwcaps/x86-64-v2/liba.so.1.5", "soname": "liba.so.1"},
    {"path": "/opt/one/glibc-hwcaps/.hidden/liba.so.1", "soname": "liba.so.1"},
    {"path": "/opt/one/glibc-hwcaps/with:colon/liba.so.1", "soname": "liba.so.1"},
    {"path": "/opt/one/tls/haswell/libt.so.1"},
    {"path": "/opt/one/haswell/libt.so.1"},
    {"path": "/opt/one/x86_64/libt.so.1"},
    {"path": "/opt/two/lib32.so.1", "bits": 32},
    {"path": "/opt/two/lib32c.so.1", "bits": 32, "needed": ["libc.so.6"]},
    {"path": "/opt/two/liba.so.1", "bits": 32},
    {"path": "/opt/five/lib32.so.2", "bits": 32},
    {"path": "/opt/two/libarm.so.1", "machine": 183},
    {"path": "/opt/two/libprogram.so.1", "kind": "program"},
    {"path": "/opt/two/libcut.so.1", "truncate": 70},
    {"path": "/opt/two/other.so.1"},
    {"path": "/opt/three/libdeep.so.1"},
    {"path": "/opt/real/libreal.so.1.0", "soname": "libreal.so.1"},
    {"path": "/opt/real/liblink-target.so", "soname": "libfor-ld.so.3"},
]
LINKS = {
    "/usr/lib/libz.so": "x86_64-linux-gnu/libz.so.1.2",
    "/usr/lib/x86_64-linux-gnu/libz.so.1": "libz.so.1.2",
    "/usr/lib/x86_64-linux-gnu/libz.so": "libz.so.1",
    "/usr/lib/libdangling.so.1": "nothing.so",
    "/usr/lib/libeven.so.7": "libodd.so.7",
    "/lib": "usr/lib",
    "/opt/alias": "real",
    "/opt/real/libreal.so.1": "libreal.so.1.0",
    "/opt/real/libfor-ld.so": "liblink-target.so",
    "/opt/real/libfor-ld.so.3": "liblink-target.so",
    "/opt/real/libother-name.so.9": "liblink-target.so",
    "/opt/one/glibc-hwcaps/away": "/opt/three",
}
TEXTS = {
    "/etc/ld.so.conf": "include ld.so.conf.d/*.conf\n/opt/alias/ \n#/opt/no\n/nowhere\ninclude /etc/other\n",
    "/etc/ld.so.conf.d/b.conf": "  /opt/two  # the other\n/opt/five=libc5\nhwcap 1 nosegneg\n",
    "/etc/ld.so.conf.d/a.conf": "/opt/one//\n",
    "/etc/ld.so.conf.d/.c.conf": "/opt/three\n",
    "/etc/ld.so.conf.d/d.txt": "/opt/three\n",
    "/etc/other": "/opt/one\n/opt/real\ninclude /etc/other-still",
    "/opt/two/libtext.so": "GROUP ( liba.so ) - a linker script of more bytes than the size of a header\n",
    "/opt/two/libempty.so": "",
    "/opt/one/glibc-hwcaps/file": "no directory",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with what ldconfig treats in a way of its own."""
    root, work = tmp_path / "root", tmp_path / "work"
    work.mkdir()
    recipes.beneath(root, "/usr/lib/x86_64-linux-gnu/x")
    recipes.beneath(root, "/opt/real/x")
    recipes.beneath(root, "/opt/one/glibc-hwcaps/unused/x")
    case = recipes.Case("ldconfig", "", {}, ELFS, texts=TEXTS, links=LINKS)
    recipes.build(case, root, work, Path())
    return root


@pytest.fixture
def view(root: Path) -> Iterator[View]:
    with DirectoryTree(str(root)) as tree:
        yield View(tree)


def _loader(view: View) -> Loader:
    loader = Resolver(view).loader(recipes.LOADER)
    assert loader is not None
    return loader


def _ldconfig(root: Path, form: str = "new") -> bytes:
    command = ["/sbin/ldconfig", "-X", "-i", "-r", str(root), "-c", form]
    subprocess.run(command, check=True, capture_output=True)
    return (root / "etc/ld.so.cache").read_bytes()


def test_cache_equals_ldconfigs(root: Path, view: View) -> None:
    written = ldconfig.build(view, _loader(view))
    theirs = _ldconfig(root)
    assert set(ldcache.parse(written).entries) == set(ldcache.parse(theirs).entries)
    assert written == theirs


@pytest.mark.parametrize("form", ["new", "old", "compat"])
def test_rewritten_cache_equals_ldconfigs(root: Path, form: str) -> None:
    # The names of subdirectories stay among the strings unused, and over the older ones ldconfig aborts.
    if form != "new":
        for name in ("tls", "haswell", "x86_64", "glibc-hwcaps"):
            shutil.rmtree(root / "opt/one" / name)
    else:
        (root / "opt/one/glibc-hwcaps/unused").rmdir()
        (root / "opt/one/glibc-hwcaps/away").unlink()
    data = _ldconfig(root, form)
    assert len(ldcache.parse(data).entries) > 10
    (root / "usr/lib/libeven.so.7").unlink()
    (root / "usr/lib/libodd.so.7").unlink()
    (root / "opt/two/liba.so.1").unlink()
    gone = {"/lib/libeven.so.7", "/opt/two/liba.so.1"}
    assert ldcache.rewritten(data, lambda path: path not in gone) == _ldconfig(root, form)


@pytest.mark.parametrize("name", ["glibc-2.31-new", "glibc-2.31-compat", "glibc-2.41-new"])
def test_rewritten_cache_of_other_versions(name: str) -> None:
    """The files are what those ldconfigs wrote for this tree, and for it without three libraries."""
    data, fewer = ((CACHES / f"{name}{suffix}").read_bytes() for suffix in ("", "-fewer"))
    gone = {"/lib/libeven.so.7", "/opt/two/liba.so.1"}
    assert ldcache.rewritten(data, lambda path: True) == data
    assert ldcache.rewritten(data, lambda path: path not in gone) == fewer


def test_cache_of_what_is_kept(root: Path, view: View) -> None:
    kept = {"/usr", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu/libz.so.1"}
    kept |= {"/usr/lib/x86_64-linux-gnu/libz.so.1.2", "/usr/lib/libdangling.so.1", "/usr/lib/libz.so"}
    entries = ldcache.parse(ldconfig.build(view, _loader(view), kept.__contains__)).entries
    assert [e.path for e in entries] == ["/lib/x86_64-linux-gnu/libz.so.1", "/lib/libz.so"]


def test_configured_directories(view: View) -> None:
    assert ldconfig.configured_directories(view) == (
        "/opt/one", "/opt/two", "/opt/five", "/opt/alias", "/nowhere", "/opt/one", "/opt/real",
    )  # fmt: skip
