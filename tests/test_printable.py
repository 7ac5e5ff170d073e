"""Names from images as text that any terminal can show."""

from __future__ import annotations

from tracewhale.printable import printable


def test_a_terminal_cannot_be_controlled() -> None:
    assert printable("a\x1b[2Jb\n\u202ec\udcff") == "a\\x1b[2Jb\\n\\u202ec\\xff"


def test_text_that_is_printable_stays() -> None:
    assert printable("Grüße (c) 1") == "Grüße (c) 1"
