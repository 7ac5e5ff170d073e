"""Closures of small trees held in memory: what is said of them, at what cost, and in which order."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping

import pytest

from tests.closure.elfs import FLAGS_1, NEEDED, RPATH, RUNPATH, SONAME, VERDEF, VERNEED, ElfTree, elf, library
from tests.closure.entry_order import sort_entries
from tracewhale.closure import (
    BASELINE,
    Attempt,
    Closure,
    Cpu,
    Edge,
    EdgeKind,
    How,
    Miss,
    Root,
    Variant,
    from_cpuinfo,
    resolve,
)  # fmt: skip
from tracewhale.closure.cache import Cache, CacheEntry
from tracewhale.closure.ldcache import encode
from tracewhale.rootfs.tree import View

LOADER = "/lib64/ld-linux-x86-64.so.2"
AARCH64 = 183
V3 = Cpu(("x86-64-v3", "x86-64-v2"), "haswell", ("x86_64",))


LOADER_DATA = library("ld-linux-x86-64.so.2") + b"glibc-hwcaps/"


def program(*needed: str, **more: object) -> bytes:
    return elf([(NEEDED, name) for name in needed], interpreter=LOADER, **more)  # type: ignore[arg-type]


def closure(
    files: Mapping[str, bytes], *roots: Root | str, text: str = "/etc/\n", cpu: Cpu = BASELINE
) -> Closure:
    tree = ElfTree({LOADER: LOADER_DATA, **files}, text)
    return resolve(View(tree), [Root(r) if isinstance(r, str) else r for r in roots], cpu)


def test_edges_tell_how() -> None:
    found = closure(
        {"/bin/p": program("liba.so"), "/lib64/liba.so": library("liba.so", "ld-linux-x86-64.so.2")}, "/bin/p"
    )
    assert found.edges == (
        Edge("/bin/p", LOADER, LOADER, EdgeKind.INTERPRETER, How.PATH),
        Edge("/bin/p", "liba.so", "/lib64/liba.so", EdgeKind.NEEDED, How.DEFAULT),
        Edge("/lib64/liba.so", "ld-linux-x86-64.so.2", LOADER, EdgeKind.NEEDED, How.LOADED),
    )
    assert found.loaded[Root("/bin/p")] == (("liba.so", "/lib64/liba.so"), (LOADER, LOADER))


def test_misses_tell_every_place() -> None:
    asking = elf([(NEEDED, "liba.so"), (RUNPATH, "/opt/x:/bin")], interpreter=LOADER)
    found = closure({"/bin/p": asking}, "/bin/p")
    assert found.misses == (
        Miss(
            "/bin/p",
            "liba.so",
            EdgeKind.NEEDED,
            (
                Attempt("/opt/x/", How.RUNPATH, "no such directory"),
                Attempt("/bin/liba.so", How.RUNPATH, "no such file"),
                Attempt("/etc/ld.so.cache", How.CACHE, "not in the cache"),
                Attempt("/lib64/liba.so", How.DEFAULT, "no such file"),
                Attempt("/usr/lib64/", How.DEFAULT, "no such directory"),
            ),
        ),
    )


def test_interpreter_that_is_not_there() -> None:
    found = closure({"/bin/p": elf([(NEEDED, "liba.so")], interpreter="/lib/ld.so")}, "/bin/p")
    assert [(m.name, m.kind) for m in found.misses] == [("/lib/ld.so", EdgeKind.INTERPRETER)]
    assert set(found.objects) == {"/bin/p"}


def test_found_paths_keep_their_links_and_objects_do_not() -> None:
    found = closure(
        {"/usr/lib64/liba.so.1.2": library("liba.so.1"), "/bin/p": program("liba.so.1")},
        "/bin/p",
        text="/usr/lib64/liba.so.1 -> liba.so.1.2\n",
    )
    assert found.edges[-1].path == "/usr/lib64/liba.so.1"
    assert "/usr/lib64/liba.so.1.2" in found.objects


def test_baseline_is_kept_and_variants_are_told() -> None:
    files = {
        "/bin/p": program("liba.so"),
        "/lib64/liba.so": library("liba.so"),
        "/lib64/glibc-hwcaps/x86-64-v3/liba.so": library("liba.so"),
        "/lib64/glibc-hwcaps/x86-64-v4/liba.so": library("liba.so"),
    }
    plain, v3 = "/lib64/liba.so", "/lib64/glibc-hwcaps/x86-64-v3/liba.so"
    v4 = "/lib64/glibc-hwcaps/x86-64-v4/liba.so"
    found = closure(files, "/bin/p")
    assert found.edges[-1].path == plain
    assert found.variants == (Variant(v3, plain, "x86-64-v3"), Variant(v4, plain, "x86-64-v4"))
    here = closure(files, "/bin/p", cpu=V3)
    assert (here.edges[-1].path, here.edges[-1].variant) == (v3, "glibc-hwcaps/x86-64-v3")
    assert set(here.variants) == {Variant(v4, v3, "x86-64-v4"), Variant(plain, v3, "")}


def test_variants_in_the_cache() -> None:
    files = {
        "/bin/p": program("liba.so"),
        "/opt/liba.so": library("liba.so"),
        "/opt/glibc-hwcaps/x86-64-v3/liba.so": library("liba.so"),
    }
    entries = [CacheEntry("liba.so", "/opt/liba.so", 0x303)]
    entries.append(CacheEntry("liba.so", "/opt/glibc-hwcaps/x86-64-v3/liba.so", 0x303, "x86-64-v3"))
    files["/etc/ld.so.cache"] = encode(Cache(sort_entries(entries), "new", "ldconfig"))
    assert closure(files, "/bin/p").edges[-1].path == "/opt/liba.so"
    assert closure(files, "/bin/p").variants[0].path == "/opt/glibc-hwcaps/x86-64-v3/liba.so"
    assert closure(files, "/bin/p", cpu=V3).edges[-1].path == "/opt/glibc-hwcaps/x86-64-v3/liba.so"


def test_cache_entries_for_another_architecture() -> None:
    cache = Cache(sort_entries([CacheEntry("liba.so", "/lib/liba.so", 0x0003)]), "new", "ldconfig")
    files = {
        "/bin/p": program("liba.so"),
        "/etc/ld.so.cache": encode(cache),
        "/lib/liba.so": library("liba.so"),
    }
    (miss,) = closure(files, "/bin/p").misses
    assert "only other architectures' are in the cache" in miss.attempts[0].reason


def test_two_architectures_in_one_tree() -> None:
    arm = "/lib/ld-linux-aarch64.so.1"
    files = {
        "/bin/p": program("liba.so"),
        "/bin/q": elf([(NEEDED, "liba.so")], interpreter=arm, machine=AARCH64),
        arm: library("ld-linux-aarch64.so.1", machine=AARCH64),
        "/lib64/liba.so": library("liba.so"),
        "/lib/liba.so": library("liba.so", machine=AARCH64),
    }
    found = closure(files, "/bin/p", "/bin/q")
    paths = {(e.needer, e.path) for e in found.edges if e.name == "liba.so"}
    assert paths == {("/bin/p", "/lib64/liba.so"), ("/bin/q", "/lib/liba.so")}


def test_what_another_library_brought_satisfies_one_opened_later() -> None:
    files = {
        "/bin/p": program(),
        "/opt/a/first.so": elf([(NEEDED, "libx.so"), (RUNPATH, "$ORIGIN")]),
        "/opt/a/libx.so": library("libx.so"),
        "/opt/b/second.so": elf([(NEEDED, "libx.so")]),
    }
    opened = [Root("/opt/b/second.so", "/bin/p"), Root("/opt/a/first.so", "/bin/p")]
    found = closure(files, "/bin/p", *opened)
    assert found.misses == ()
    assert Edge("/opt/b/second.so", "libx.so", "/opt/a/libx.so", EdgeKind.NEEDED, How.LOADED) in found.edges
    assert closure(files, opened[0]).misses != ()


def test_library_that_a_static_program_opens() -> None:
    files = {
        "/bin/static": elf(),
        "/opt/x.so": library("x.so", "liba.so"),
        "/lib64/liba.so": library("liba.so"),
    }
    found = closure(files, Root("/opt/x.so", "/bin/static"), "/bin/static")
    assert found.loaded[Root("/opt/x.so", "/bin/static")] == (("liba.so", "/lib64/liba.so"),)
    assert found.loaded[Root("/bin/static")] == ()
    assert LOADER not in found.objects


def test_missing_versions() -> None:
    defines = struct.pack("<HHHHIII", 1, 0, 1, 1, 0, 20, 0) + struct.pack("<II", 1, 0)
    needs = struct.pack("<HHIII", 1, 1, 1, 16, 0) + struct.pack("<IHHII", 0, 0, 2, 9, 0)
    files = {
        "/bin/p": elf([(NEEDED, "libv.so"), (SONAME, "V_2.38")], interpreter=LOADER, tables={VERNEED: needs}),
        "/lib64/libv.so": elf([(SONAME, "libv.so")], tables={VERDEF: defines}),
    }
    (problem,) = closure(files, "/bin/p").version_problems
    assert (problem.needer, problem.library, problem.version) == ("/bin/p", "/lib64/libv.so", "V_2.38")


def test_roots_that_are_no_elf_files_are_passed_over() -> None:
    found = closure({"/bin/s": b"#!/bin/sh\n", "/bin/e": b""}, "/bin/s", "/bin/e", "/bin/none", "/bin")
    assert found == Closure({}, ())


@pytest.mark.parametrize("seed", range(4))
def test_order_of_the_roots_does_not_matter(seed: int) -> None:
    files = {f"/lib64/lib{i}.so": library(f"lib{i}.so", f"lib{i * 7 % 20}.so") for i in range(20)}
    files |= {f"/bin/p{i}": program(f"lib{i}.so", "libgone.so") for i in range(20)}
    roots = [Root(f"/bin/p{i}") for i in range(20)] + [
        Root(f"/lib64/lib{i}.so", "/bin/p3") for i in range(20)
    ]
    first = closure(files, *roots)
    random.Random(seed).shuffle(roots)
    second = closure(files, *roots)
    assert set(first.edges) == set(second.edges)
    assert set(first.misses) == set(second.misses)
    assert first.objects == second.objects
    assert first.loaded == second.loaded


def test_a_closure_takes_few_exchanges() -> None:
    files = {f"/lib64/lib{i}.so": library(f"lib{i}.so", f"lib{i // 2}.so") for i in range(128)}
    files |= {f"/opt/{i}/libp.so": library("libp.so") for i in range(40)}
    files |= {
        f"/usr/bin/p{i}": elf(
            [(NEEDED, f"lib{i}.so"), (NEEDED, "libp.so"), (RPATH, f"/opt/{i}")], interpreter=LOADER
        )
        for i in range(40)
    }
    tree = ElfTree({LOADER: LOADER_DATA, **files})
    found = resolve(View(tree), [Root(f"/usr/bin/p{i}") for i in range(40)])
    assert len(found.objects) > 100
    assert found.misses == ()
    assert tree.exchanges < 40


def test_nodeflib() -> None:
    files = {"/bin/p": program("liba.so", values=[(FLAGS_1, 0x800)]), "/lib64/liba.so": library("liba.so")}
    assert [m.name for m in closure(files, "/bin/p").misses] == ["liba.so"]


def test_cpu_from_cpuinfo() -> None:
    flags = "fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe"
    assert from_cpuinfo(f"vendor_id\t: GenuineIntel\nflags\t\t: {flags}\n\nflags\t: fpu\n") == V3
    amd = from_cpuinfo(f"vendor_id\t: AuthenticAMD\nflags\t\t: {flags}\n")
    assert (amd.levels, amd.platform) == (V3.levels, "")
    assert from_cpuinfo("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2\n").levels == ()
    assert from_cpuinfo("") == BASELINE


def test_subdirectories_before_and_after_the_older_capabilities() -> None:
    assert V3.subdirectories("haswell", (2, 41)) == (
        "glibc-hwcaps/x86-64-v3/", "glibc-hwcaps/x86-64-v2/", "",
    )  # fmt: skip
    names = "tls/haswell/x86_64/ tls/haswell/ tls/x86_64/ tls/ haswell/x86_64/ haswell/ x86_64/"
    assert V3.subdirectories("haswell", (2, 31)) == (*names.split(), "")
