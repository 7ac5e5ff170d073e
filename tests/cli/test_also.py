"""``--also -- COMMAND`` in the words of a command line."""

from __future__ import annotations

import pytest

from tracewhale.cli.also import split_also


@pytest.mark.parametrize(
    ("words", "first", "others"),
    [
        ("shop -- web", "shop -- web", []),
        ("shop --also -- migrate", "shop", ["migrate"]),
        ("shop -- web --also -- migrate -a --also -- x", "shop -- web", ["migrate -a", "x"]),
        ("--also=migrate shop -- a --also b", "--also=migrate shop -- a --also b", []),
        ("shop --also --", "shop", [""]),
    ],
)
def test_other_commands_follow_two_words(words: str, first: str, others: list[str]) -> None:
    assert split_also(words.split()) == (first.split(), [tuple(each.split()) for each in others])
