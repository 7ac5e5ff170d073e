"""Malformed and hostile ELF files: a clear answer for that file, in bounded time and memory."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.closure import elfs
from tests.closure.elfs import DYNAMIC, LOAD, NEEDED, NOTE, RPATH, RUNPATH, SONAME, VERNEED, ElfTree, elf
from tests.closure.entry_order import sort_entries
from tracewhale.closure import Closure, Elf, Root, UnreadableElf, ldcache, resolve
from tracewhale.closure.cache import Cache, CacheEntry, lookup
from tracewhale.closure.files import ElfFiles
from tracewhale.closure.ldcache import encode
from tracewhale.closure.literals import literals
from tracewhale.rootfs.tree import View

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
MEMORY = 64 << 20
"""Bytes that one hostile file may make us use at most."""

RANGES = 4096
BYTES = 40 << 20
"""Ranges asked for and bytes read, for one file."""

GOOD = elf(
    [(NEEDED, "liba.so"), (SONAME, "libx.so"), (RUNPATH, "$ORIGIN:/lib")],
    interpreter="/lib64/ld-linux-x86-64.so.2",
    notes=elfs.note("GNU", 3, b"123456"),
    tables={VERNEED: struct.pack("<HHIII", 1, 1, 1, 16, 0) + struct.pack("<IHHII", 0, 0, 2, 1, 0)},
)


def verdict(data: bytes) -> Elf | UnreadableElf | None:
    """Return what a file holds, after a check that reading it cost little."""
    tree = ElfTree({"/bin/f": data})
    tracemalloc.start()
    try:
        found = ElfFiles(View(tree)).get(tree.entries["/bin/f"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    assert tree.ranges < RANGES
    assert tree.bytes < BYTES
    return found


def closure(data: bytes) -> Closure:
    """The closure of a tree in which everything is that file."""
    names = ("/bin/f", "/lib/liba.so", "/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2")
    return resolve(View(ElfTree(dict.fromkeys(names, data))), map(Root, names))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_corpus(path: Path) -> None:
    data = path.read_bytes()
    wanted = path.suffix
    found = verdict(data)
    assert isinstance(found, UnreadableElf) == (wanted == ".unreadable"), found
    result = closure(data)
    told = {unreadable.path for unreadable in result.unreadable}
    assert ("/bin/f" in told) == (wanted == ".unreadable")
    literals(View(ElfTree({"/bin/f": data})), ["/bin/f"])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=12))
def test_changed_bytes(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    verdict(bytes(data))
    closure(bytes(data))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, len(GOOD) // 8 - 1),
    st.sampled_from([0, 1, 7, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 64) - 1]),
)
def test_changed_words(at: int, value: int) -> None:
    data = bytearray(GOOD)
    struct.pack_into("<Q", data, at * 8, value)
    verdict(bytes(data))
    closure(bytes(data))
    literals(View(ElfTree({"/bin/f": bytes(data)})), ["/bin/f"])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD)))
def test_truncated(size: int) -> None:
    found = verdict(GOOD[:size])
    assert isinstance(found, UnreadableElf) or size < 4 or size >= len(GOOD)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
@example(b"")
def test_noise_after_the_magic(noise: bytes) -> None:
    verdict(b"\x7fELF" + noise)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([NEEDED, SONAME, RPATH, RUNPATH]),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
        ),
        max_size=6,
    ),
    st.lists(st.tuples(st.integers(0, 1 << 63), st.integers(0, (1 << 64) - 1)), max_size=4),
    st.lists(
        st.tuples(
            st.sampled_from([LOAD, DYNAMIC, NOTE, 3, 0x6474E553]),
            st.integers(0, (1 << 64) - 1),
            st.integers(0, (1 << 64) - 1),
            st.integers(0, (1 << 64) - 1),
        ),
        max_size=4,
    ),
)
def test_odd_sections(
    strings: list[tuple[int, str]],
    values: list[tuple[int, int]],
    extra: list[tuple[int, int, int, int]],
) -> None:
    data = elf([(tag, text) for tag, text in strings], values, extra=extra)
    verdict(data)
    closure(data)


CACHE = encode(
    Cache(
        sort_entries(
            [
                CacheEntry("liba.so.1", "/lib/liba.so.1", 0x303),
                CacheEntry("liba.so.1", "/lib/glibc-hwcaps/x86-64-v2/liba.so.1", 0x303, "x86-64-v2"),
                CacheEntry("libb.so.22", "/lib/libb.so.22", 0x303),
            ]
        ),
        "new",
        "ldconfig",
    )
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(CACHE) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(CACHE)),
)
def test_changed_cache(changes: list[tuple[int, int]], size: int) -> None:
    data = bytearray(CACHE)
    for at, value in changes:
        data[at] = value
    for cut in (bytes(data), bytes(data[:size])):
        cache = ldcache.parse(cut)
        lookup(cache.with_name("liba.so.1"), frozenset([0x303]), {"x86-64-v2": 1})
        ldcache.rewritten(cut, lambda path: True)


def test_cache_of_one_long_string_shared_by_all() -> None:
    count = 100_000
    head = ldcache.NEW_HEADER.pack(ldcache.NEW_MAGIC, count, 0, 2, 0)
    strings = 48 + 24 * count
    rows = b"".join(ldcache.NEW_ENTRY.pack(0x303, strings + i, strings + i, 0, 0) for i in range(count))
    tracemalloc.start()
    try:
        cache = ldcache.parse(head + rows + b"a" * 4000 * 2 + b"\0" + (b"a" * 4000 + b"\0") * 30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache == Cache()
    assert peak < 2 * MEMORY


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_loader_of_noise(noise: bytes) -> None:
    loader = elfs.library("ld.so") + b"\0/lib/\0" + noise + b"/\0/lib/x/\0release version 2." + noise
    tree = ElfTree({"/bin/p": GOOD, "/lib64/ld-linux-x86-64.so.2": loader, "/etc/ld.so.preload": noise})
    resolve(View(tree), [Root("/bin/p")])


def test_a_hostile_file_does_not_stop_the_others() -> None:
    tree = ElfTree(
        {
            "/bin/bad": GOOD[:100],
            "/bin/good": elf([(NEEDED, "liba.so")], interpreter="/lib64/ld.so"),
            "/lib64/ld.so": elfs.library("ld.so"),
            "/lib64/liba.so": elfs.library("liba.so"),
        }
    )
    result = resolve(View(tree), [Root("/bin/bad"), Root("/bin/good")])
    assert [u.path for u in result.unreadable] == ["/bin/bad"]
    assert set(result.objects) == {"/bin/good", "/lib64/ld.so", "/lib64/liba.so"}
