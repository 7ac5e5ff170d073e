"""Excerpts of texts: the names in them are those of the whole texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
from tree_sitter import Tree

from tests.trees import MemoryTree
from tracewhale.languages.excerpt import Excerpt, outside_comments, without
from tracewhale.languages.files import Files
from tracewhale.languages.javascript import JavaScript
from tracewhale.languages.model import Environment, Language
from tracewhale.languages.python import Python
from tracewhale.languages.ruby import Ruby
from tracewhale.languages.syntax import Grammar, Text
from tracewhale.rootfs.tree import View

UNUSED = {
    "py": "def unused{n}():\n    return {n}\n\n",
    "rb": "  def unused{n}\n    {n}\n  rescue\n    0\n  end\n\n",
    "js": "  unused{n}() {{\n    return {{ a: `{n}` }};\n  }}\n\n",
}
TEXTS = {
    "py": """import os
def f():
    return __import__("json")
UNUSED
if True:
    import sys
UNUSED
class A:
    x = "a.b"
    def g(self): pass
""",
    "rb": """require "json"
module A
  autoload :B
UNUSED
  class C
    autoload :D
    def self.f = 1
    def g
      require_relative "late"
    rescue LoadError
      `ls -l`
    end
  end
end
UNUSED
DOC = <<-X
  def f
    require "no"
  end
X
""",
    "js": """import {
  a,
} from "a";
const b = function () {
  return require("late");
};
class A {
UNUSED
  f() {
    const { c } = await import("c");
  }
UNUSED
}
(function () {
  require("now");
})();
const t = `
  {
    require("no")
  }
`;
""",
}


def mentions(ending: str, text: str) -> list[object]:
    files = Files(View(MemoryTree("")), Environment(), ())
    makers: dict[str, Callable[[Files], Language]] = {"py": Python, "rb": Ruby, "js": JavaScript}
    return list(makers[ending](files).mentions(f"/x.{ending}", text.encode()))


@pytest.mark.parametrize("ending", TEXTS)
def test_an_excerpt_has_the_names_of_the_text(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXTS[ending]
    while "UNUSED" in text:
        text = text.replace("UNUSED", "".join(UNUSED[ending].format(n=n) for n in range(50)), 1)
    sizes: list[int] = []
    tree, parse = Grammar._tree, Grammar.parse

    def sized(grammar: Grammar, content: bytes, end: float) -> Tree:
        sizes.append(len(content))
        return tree(grammar, content, end)

    def whole(grammar: Grammar, content: bytes, excerpt: Excerpt | None = None) -> Text:
        return parse(grammar, content)

    monkeypatch.setattr(Grammar, "_tree", sized)
    by_excerpt = mentions(ending, text)
    monkeypatch.setattr(Grammar, "parse", whole)
    assert by_excerpt == mentions(ending, text)
    assert len(by_excerpt) >= 4
    assert len(sizes) == 2
    assert sizes[0] < sizes[1] / 2 < len(text)


def test_offsets_in_an_excerpt_lead_back_to_the_text() -> None:
    excerpt = without(b"abcdefghij", [(1, 3, b"-"), (5, 8, b"")])
    assert excerpt.content == b"a-deij"
    for at in (0, 3, 4, 8, 9):
        place = excerpt.place(at)
        assert excerpt.content[place : place + 1] == b"abcdefghij"[at : at + 1]
        assert excerpt.offset(place) == at


def test_positions_in_comments_are_left_out() -> None:
    text = b"# a a\na # a\n  # a\n\na"
    positions: Iterable[int] = [m.start() for m in re.finditer(b"a", text)]
    assert list(outside_comments(text, positions, re.compile(rb"[ \t]*#"))) == [6, 10, 19]
