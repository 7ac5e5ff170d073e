"""Globs over kept paths and over trees: what they match, what they pass, and that they end."""

from __future__ import annotations

import fnmatch
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees import MemoryTree
from tracewhale.patterns import Effort
from tracewhale.rootfs.tree import View
from tracewhale.rules.globs import GlobBase, KeptPaths, escape, expand

PATHS = (
    "/",
    "/usr",
    "/usr/lib",
    "/usr/lib/libc.so.6",
    "/usr/lib/x/libc.so.6",
    "/usr/lib/x/gconv/UTF-16.so",
    "/odd/li\nbc.so.6",
    "/odd/[a]",
)


@pytest.mark.parametrize(
    ("glob", "matches"),
    [
        ("/", ["/"]),
        ("libc.so.6", ["/usr/lib/libc.so.6", "/usr/lib/x/libc.so.6"]),
        ("**/lib/libc.so.6", ["/usr/lib/libc.so.6"]),
        ("**/lib/**/libc.so.6", ["/usr/lib/libc.so.6", "/usr/lib/x/libc.so.6"]),
        ("/usr/*/libc.so.6", ["/usr/lib/libc.so.6"]),
        ("/usr/lib/**", [path for path in sorted(PATHS) if path.startswith("/usr/lib")]),
        ("UTF-[0-9][0-9].so", ["/usr/lib/x/gconv/UTF-16.so"]),
        ("UTF-[!2]?.so", ["/usr/lib/x/gconv/UTF-16.so"]),
        ("UTF-[!1]?.so", []),
        ("li?bc.so.*", ["/odd/li\nbc.so.6"]),
        ("[[]a]", ["/odd/[a]"]),
        ("[a]", []),
        ("lib", ["/usr/lib"]),
        ("*lib", ["/usr/lib"]),
        ("**/l*c.so.6", ["/odd/li\nbc.so.6", "/usr/lib/libc.so.6", "/usr/lib/x/libc.so.6"]),
    ],
)
def test_a_glob_matches_kept_paths(glob: str, matches: list[str]) -> None:
    assert list(KeptPaths(PATHS).matching(glob)) == matches


def found(text: str, glob: str, base: str = "/") -> list[str]:
    place = GlobBase(base, glob)
    return list(expand(View(MemoryTree(text)), [place], Effort())[place])


TREE = """
/bin -> usr/bin
/usr/bin/sh -> dash
/usr/bin/dash: ELF
/usr/bin/lost -> nowhere
/etc/conf.d/a.conf: a
/etc/conf.d/b.conf -> ../avail/b.conf
/etc/avail/b.conf: b
/etc/link.d -> conf.d
/srv/a[1]/x: x
/srv/a1/x: x
"""


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("/bin/sh", ["/bin", "/usr/bin/dash", "/usr/bin/sh"]),
        ("/bin/", ["/bin", "/usr/bin"]),
        ("/usr/bin/dash/", []),
        ("/usr/bin/sh/", []),
        ("/usr/bin/lost", ["/usr/bin/lost"]),
        ("/usr/bin/none", []),
        ("/usr/bin/dash/more", []),
        ("/etc/*.d/*.conf", ["/etc/avail/b.conf", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]),
        ("/etc/link.d/a.conf", ["/etc/conf.d/a.conf", "/etc/link.d"]),
        (
            "/etc/conf.d/**",
            ["/etc/avail/b.conf", "/etc/conf.d", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf"],
        ),
        ("/**/a.conf", ["/etc/conf.d/a.conf"]),
        ("/etc/avail/../conf.d/a.conf", ["/etc/conf.d/a.conf"]),
        ("/../etc/conf.d", ["/etc/conf.d"]),
        ("/etc", ["/etc"]),
        ("/etc/", ["/etc"]),
        ("/srv/a[[]1]/x", ["/srv/a[1]/x"]),
        ("/srv/a[1]/x", ["/srv/a1/x"]),
    ],
)
def test_a_glob_finds_paths_of_a_tree(glob: str, paths: list[str]) -> None:
    assert found(TREE, glob) == paths


def test_the_base_is_no_glob() -> None:
    assert found(TREE, "./x", "/srv/a[1]") == ["/srv/a[1]/x"]
    assert found(TREE, "../a1/x", "/srv/a[1]") == ["/srv/a1/x"]


def test_loops_of_links_end() -> None:
    tree = "/a -> b\n/b -> a\n/d/self -> .\n/d/up -> ..\n/d/x: x\n"
    assert found(tree, "/a/x") == []
    assert found(tree, "/a") == ["/a", "/b"]
    assert found(tree, "/d/**") == ["/", "/d", "/d/self", "/d/up", "/d/x"]
    assert found(tree, "/d/*/*/*/x") == []


def test_many_places_take_one_exchange_a_level() -> None:
    tree = MemoryTree("\n".join(f"/lib/p{n}/plugins/x.so: x" for n in range(50)))
    places = [GlobBase("/", f"/lib/p{n}/plugins/*.so") for n in range(50)]
    assert all(expand(View(tree), places, Effort()).values())
    assert tree.exchanges == 4  # "/", /lib, the fifty p*, their fifty plugins


@given(st.text(alphabet="ab.*?[]!-\n", min_size=1, max_size=8).filter(lambda name: name not in (".", "..")))
def test_an_escaped_name_matches_itself_and_nothing_else(name: str) -> None:
    assert KeptPaths([f"/{name}"]).matching(escape(name)) == (f"/{name}",)
    assert KeptPaths([f"/{name}x", "/ab"]).matching(escape(name)) == (("/ab",) if name == "ab" else ())


@given(
    st.text(alphabet="ab*?", min_size=1, max_size=6).filter(lambda glob: "**" not in glob),
    st.text(alphabet="ab", min_size=1, max_size=6),
)
def test_names_match_as_fnmatch_says(glob: str, name: str) -> None:
    matched = KeptPaths([f"/{name}"]).matching(glob)
    assert bool(matched) == fnmatch.fnmatchcase(os.path.basename(f"/{name}"), glob)
