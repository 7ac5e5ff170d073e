"""Patterns of names and paths: what they match, and that no image's can take for ever."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees import MemoryTree
from tracewhale.errors import ImageContentError
from tracewhale.patterns import Effort, name_pattern, path_pattern, reversed_range
from tracewhale.rootfs.tree import View
from tracewhale.rules.globs import GlobBase, expand

GLOBS = st.text(alphabet="ab-*?[]!^", max_size=10)
NAMES = st.text(alphabet="ab-[]!^\n", max_size=10)


@given(GLOBS, NAMES)
def test_names_match_as_in_fnmatch(glob: str, name: str) -> None:
    # A ] that stands first is a member; in fnmatch a set without an end has no members but is literal, too.
    assert bool(name_pattern(glob).fullmatch(name)) == fnmatch.fnmatchcase(name, glob)


@given(
    st.lists(st.sampled_from(["**", "a", "b", "*", "a*", "*b", "a*b*", "?"]), min_size=1, max_size=6),
    st.lists(st.sampled_from(["a", "b", "ab", "aab", "ba", "aabb"]), min_size=1, max_size=6),
)
def test_paths_match_as_a_plain_search_says(glob: list[str], path: list[str]) -> None:
    def matches(parts: list[str], names: list[str]) -> bool:
        if not parts:
            return not names
        if parts[0] == "**":
            return any(matches(parts[1:], names[n:]) for n in range(len(names) + 1))
        return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and matches(parts[1:], names[1:])

    matched = path_pattern("/" + "/".join(glob)).fullmatch("/" + "/".join(path))
    assert bool(matched) == matches(glob, path)


@pytest.mark.parametrize(
    "glob",
    [
        "*a" * 12 + "b",
        "*[ab]*" * 40 + "c",
        "[" * 4000,
        "*" * 4000 + "b",
        "[!]" * 1000 + "b",
        "*" + "a?" * 150,
    ],
)
def test_a_hostile_pattern_of_a_name_ends(glob: str) -> None:
    assert name_pattern(glob).fullmatch("a" * 250) is None


def test_a_hostile_pattern_of_a_path_ends() -> None:
    assert path_pattern("/**/*a*a*a*a*a/x" * 12).fullmatch("/aaaaaaaa" * 400) is None
    assert path_pattern("**/" * 1000 + "b").fullmatch("/a" * 2000) is None


def test_longer_than_any_path_matches_nothing() -> None:
    assert name_pattern("a" * 5000).fullmatch("a" * 5000) is None
    assert path_pattern("/a" * 5000).fullmatch("/a" * 5000) is None


def test_empty_ranges_have_no_character() -> None:
    assert reversed_range("[a-c][z-a]") == "z-a"
    assert reversed_range("[a-c]") == ""
    assert name_pattern("[z-a]").fullmatch("z") is None
    assert name_pattern("[!z-a]").fullmatch("z")


@pytest.mark.filterwarnings("error")
def test_sets_of_any_characters_are_expressions() -> None:
    for members in ("--", "a--b", "[[", "&&", "||", "~~", "\\", "^", "]", "!]", "a-"):
        assert re.compile(name_pattern(f"[{members}]").pattern)


def test_more_than_can_be_compared_is_refused() -> None:
    view = View(MemoryTree("\n".join(f"/d/{n}: x" for n in range(100))))
    with pytest.raises(ImageContentError):
        expand(view, [GlobBase("/d", "*x*y")], Effort(500))
