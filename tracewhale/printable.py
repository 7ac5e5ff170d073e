"""Names from images as text that any terminal can show."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return text that any terminal can show: characters that are not printable are escaped.

    A byte that is not UTF-8 (a surrogate of ``os.fsdecode``) becomes ``\xNN``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()
