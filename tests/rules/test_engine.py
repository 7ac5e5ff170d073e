"""How rules are applied: conditions, relative places, includes, what is dropped, and at what cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.pictures import Elf, Picture, elf_file
from tests.trees import MemoryTree
from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import View
from tracewhale.rules import Addition, Rule, Rulebook, apply, load
from tracewhale.rules.readers import READERS, dlopen_note
from tracewhale.rules.symbols import symbol_names

PLUGIN = Rule("plugin", "a test", when=("libp.so",), keep=("$LIB/p/*.so", "./q.so"))


def additions(picture: str, *rules: Rule, without: frozenset[str] = frozenset()) -> list[Addition]:
    drawn = Picture(picture)
    return list(apply(View(drawn.tree), drawn.kept, drawn.objects, rules, without))


def test_an_addition_names_its_rule_and_the_path_that_triggered_it() -> None:
    picture = "* /usr/lib/libp.so\n* /opt/p/lib/libp.so\n  /opt/p/lib/p/a.so\n  /usr/lib/q.so\n"
    assert additions(picture, PLUGIN) == [
        Addition("/opt/p/lib/p/a.so", "plugin", "/opt/p/lib/libp.so"),
        Addition("/usr/lib/q.so", "plugin", "/usr/lib/libp.so"),
    ]


def test_what_a_file_names_is_because_of_that_file() -> None:
    picture = "* /usr/lib/libc.so.6\n  /etc/nsswitch.conf: hosts: db\n  /usr/lib/libnss_db.so.2\n"
    rule = Rule("nss", "a test", when=("libc.so.6",), read=("/etc/nsswitch.conf",), reader="nsswitch")
    assert additions(picture, rule) == [
        Addition("/etc/nsswitch.conf", "nss", "/usr/lib/libc.so.6"),
        Addition("/usr/lib/libnss_db.so.2", "nss", "/etc/nsswitch.conf"),
    ]


def test_each_condition_must_hold() -> None:
    rule = Rule("r", "a test", when=("a", "b"), also=("c",), unless=("/no",), keep=("/x",))
    assert additions("* /a\n* /c\n  /x\n", rule)
    assert additions("* /b\n* /c\n  /x\n", rule)
    assert not additions("* /a\n  /c\n  /x\n", rule)
    assert not additions("* /c\n  /x\n", rule)
    assert not additions("* /a\n* /c\n  /no\n  /x\n", rule)


def test_a_rule_can_be_dropped() -> None:
    assert not additions("* /lib/libp.so\n  /lib/q.so\n", PLUGIN, without=frozenset({"plugin"}))


def test_to_drop_a_rule_that_is_not_there_is_an_error_with_the_close_names() -> None:
    with pytest.raises(UsageError, match="--no-rule plugins: there is no rule") as caught:
        additions("* /lib/libp.so\n", PLUGIN, without=frozenset({"plugins"}))
    assert "plugin" in caught.value.hint


@given(st.lists(st.sampled_from(
    ["/usr/lib/libp.so", "/opt/p/lib/libp.so", "/opt/p/lib/libc.so.6", "/usr/lib/libc.so.6", "/etc/db.conf"]
), max_size=6))  # fmt: skip
def test_a_rulebook_adds_to_growing_and_shrinking_paths_what_a_new_one_adds(order: list[str]) -> None:
    picture = Picture(
        "* /usr/lib/libp.so\n* /opt/p/lib/libp.so\n* /usr/lib/libc.so.6\n* /opt/p/lib/libc.so.6\n"
        "  /etc/nsswitch.conf: hosts: db\n  /usr/lib/libnss_db.so.2\n  /opt/p/lib/libnss_db.so.2\n"
        "  /opt/p/lib/p/a.so\n  /usr/lib/q.so\n* /etc/db.conf\n"
    )
    rules = (
        PLUGIN,
        Rule(
            "nss",
            "a test",
            when=("libc.so.6",),
            also=("db.conf",),
            read=("/etc/nsswitch.conf",),
            reader="nsswitch",
        ),
    )
    book = Rulebook(View(picture.tree), rules)
    for kept in [{*order[:n]} for n in (*range(len(order)), *reversed(range(len(order))))]:
        assert book.apply(kept, {}) == apply(View(picture.tree), kept, {}, rules)


def test_exchanges_follow_the_depth_of_the_tree_and_not_the_number_of_rules() -> None:
    rules = [
        Rule(f"r{n}", "a test", when=("libp.so",), keep=(f"/usr/share/{n}/*/x", f"$LIB/{n}/*.so"))
        for n in range(100)
    ]
    picture = Picture(
        "* /usr/lib/libp.so\n" + "".join(f"  /usr/share/{n}/d/x\n  /usr/lib/{n}/a.so\n" for n in range(100))
    )
    assert len(apply(View(picture.tree), picture.kept, {}, rules)) == 200
    assert picture.tree.exchanges <= 6


def test_shipped_rules_over_many_kept_paths_are_asked_by_name() -> None:
    """Ten thousand paths that no rule speaks of add nothing and cost no exchange below them."""
    tree = MemoryTree("/srv/data/\n/etc/passwd: root:x:0:0::/root:/bin/sh")
    kept = {"/", "/srv", "/srv/data", *(f"/srv/data/{n}.bin" for n in range(10_000))}
    added = apply(View(tree), kept, {}, load())
    assert {addition.path for addition in added} == {"/etc", "/etc/passwd"}
    assert tree.exchanges < 12


@pytest.mark.parametrize("wide", [True, False])
def test_symbols_are_found_in_dynamic_string_tables(wide: bool) -> None:
    tree = MemoryTree("/a: x\n/b: x\n/c: x\n/cut: x\n/none: text")
    whole = elf_file(("pthread_cancel", "open"), wide=wide)
    tree.contents |= {
        "/a": whole,
        "/b": elf_file(("open",), wide=wide),
        "/c": whole[:40],
        "/cut": whole[:-18],
    }
    wanted = frozenset({"pthread_cancel", "backtrace"})
    view = View(tree)
    assert symbol_names(view, ["/a", "/b", "/c", "/cut", "/none", "/gone"], wanted) == {
        "/a": frozenset({"pthread_cancel"}),
        "/b": frozenset(),
        "/c": frozenset(),
        "/cut": frozenset(),
        "/none": frozenset(),
        "/gone": frozenset(),
    }
    before = tree.exchanges
    symbol_names(view, ["/a", "/b"], wanted)
    assert tree.exchanges == before


@given(st.binary(max_size=200), st.integers(0, 400), st.sampled_from([True, False]))
def test_hostile_elf_files_name_nothing_and_raise_nothing(junk: bytes, at: int, wide: bool) -> None:
    whole = elf_file(("pthread_cancel",), wide=wide)
    tree = MemoryTree("/x: x")
    tree.contents["/x"] = whole[:at] + junk + whole[at + len(junk) :]
    assert symbol_names(View(tree), ["/x"], frozenset({"pthread_cancel"}))["/x"] <= {"pthread_cancel"}


@pytest.mark.parametrize("name", READERS)
@given(text=st.text(alphabet=st.sampled_from("ab:=/\\\"'{}[]()#;@.,*? \n\t0"), max_size=120))
def test_readers_take_any_text(name: str, text: str) -> None:
    for found in READERS[name](text):
        assert found.glob.startswith(("/", "./", "$LIB/"))


@given(st.binary(max_size=60))
def test_notes_take_any_bytes(description: bytes) -> None:
    assert list(dlopen_note(description)) == []


def test_deep_json_is_refused() -> None:
    assert list(READERS["library_path"]("[" * 100_000)) == []
    assert list(dlopen_note(b"[" * 100_000)) == []


def test_objects_that_are_not_kept_do_not_count() -> None:
    drawn = Picture("* /lib/libc.so.6\n  /lib/libgcc_s.so.1\n  /bin/app: x\n")
    drawn.tree.contents["/bin/app"] = elf_file(("pthread_cancel",))
    objects = {"/bin/app": Elf(("libc.so.6",))}
    rule = Rule("gcc", "a test", imports=("pthread_cancel",), keep=("$LIB/libgcc_s.so.1",))
    assert apply(View(drawn.tree), drawn.kept, objects, (rule,)) == ()
    assert apply(View(drawn.tree), drawn.kept | {"/bin/app"}, objects, (rule,)) != ()
