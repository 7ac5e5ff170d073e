"""Names from images as text that any terminal can show."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text that any terminal can show: what is not printable or not UTF-8 is escaped."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
