"""Excerpts of Python texts: what is left around some positions, and where it was."""

from __future__ import annotations

import pytest

from tracewhale.languages.python import names
from tracewhale.languages.python.statements import around, code
from tracewhale.languages.syntax import Text

FILLER = "".join(f"    def unused_{n}(self):\n        return [{n},\n    {n}]\n\n" for n in range(40))
TEXT = f'''"""Text with import words and

def f():
    import no
"""
import os

class A:
    """Its
def g(): import no
    """
{FILLER}
    @decorated(
        "x.y"
    )
    def f(self):  # import no
        if TYPE_CHECKING:
            import never
        else:
            from a import (b,
                c)
{FILLER}
@decorated
def unused():
    pass

if __name__ == "__main__":
    import main
elif x:
    def inner():
        import deep
    class Empty:
        def only(self):
            return """
"""
'''


def test_statements_without_positions_are_left_out() -> None:
    content = TEXT.encode()
    positions = [content.index(word) for word in (b"import os", b"import (b", b"import deep")]
    excerpt = around(content, code(content), positions)
    assert b"unused" not in excerpt.content
    assert len(excerpt.content) < len(content) / 4
    for at in positions:
        place = excerpt.place(at)
        assert excerpt.content[place : place + 9] == content[at : at + 9]


def test_names_are_those_of_the_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    content = TEXT.encode()
    mentions = list(names.mentions(content))
    parse = type(names.GRAMMAR).parse
    parsed: list[bytes] = []

    def whole(grammar: object, text: bytes, excerpt: object = None) -> Text:
        parsed.append(text)
        return parse(names.GRAMMAR, text)

    monkeypatch.setattr(type(names.GRAMMAR), "parse", whole)
    assert mentions == list(names.mentions(content))
    assert parsed == [content]
    assert {mention.name for mention in mentions} == {"os", "a", "main", "deep", "x.y"}
    lines = {mention.name: mention.line for mention in mentions}
    assert content.splitlines()[lines["deep"] - 1].strip() == b"import deep"


def test_an_excerpt_with_a_syntax_error_is_not_used() -> None:
    text = b"x = [\nimport_module('a'),\ny(\n1),\n]\n\ndef f():\n    g(\nimport_module('b'))\n"
    assert [mention.name for mention in names.mentions(text)] == ["a", "b"]


@pytest.mark.parametrize("piece", [b'\\"""', b"@x\n", b"#import "])
def test_hostile_texts_take_linear_time(piece: bytes) -> None:
    assert [mention.name for mention in names.mentions(b"import a\n" + piece * 20_000)] == ["a"]
