"""The statements of a Python text around some positions in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from tracewhale.languages.excerpt import Excerpt, has_any, without

LONG_STRING = re.compile(
    rb"""(?:[^\#"']++ | \#[^\n]*+
    | "(?!"")(?:[^"\\\n]++|\\.)*+" | '(?!'')(?:[^'\\\n]++|\\.)*+'
    | "{2}(?!") | '{2}(?!')
    )*+
    (?P<string>"{3}(?:[^"\\]++|\\.|"(?!""))*+"{3} | '{3}(?:[^'\\]++|\\.|'(?!''))*+'{3})?""",
    re.VERBOSE | re.DOTALL,
)
"""A string that may have several lines, after comments and other strings (The Python Language Reference, 2.
Lexical analysis)."""

CLAUSE = rb"(?!(?:else|elif|except|finally)\b)"
OUTERMOST = re.compile(rb"\n" + CLAUSE + rb"(?:(?P<decorator>@)|[A-Za-z_])")
"""The end of a line, and the beginning of an outermost statement. Patterns begin with the end of a line, not
with ``^``, because that is found several times faster."""

FUNCTION = rb"(?:(?:async[ \t]+)?def|class)\b"
INNER = re.compile(rb"\n([ \t]{1,80})(?:(?P<decorator>@)|" + FUNCTION + rb")")
"""The end of a line, and the beginning of a function or class inside a statement."""

INNER_SIZE = 1000
"""The least bytes of a statement in which functions and classes are looked for."""

BLANK = bytes(byte if byte == ord("\n") else ord(" ") for byte in range(256))
"""A table that makes spaces of all but the ends of lines."""


def code(content: bytes) -> bytes:
    """Return a text of the same size, in which strings of several lines are blank. All that follows a string
    without an end is on one line."""
    pieces: list[bytes] = []
    done = 0
    for match in LONG_STRING.finditer(content):
        done = match.start("string") if match["string"] is not None else match.end()
        pieces.append(content[match.start() : done])
        if match["string"] is None:
            break
        pieces.append(match["string"].translate(BLANK))
        done = match.end()
    return b"".join((*pieces, content[done:].replace(b"\n", b" ")))


def around(content: bytes, lines: bytes, positions: Sequence[int]) -> Excerpt:
    """Return a text without the functions, classes and outermost statements that have none of the positions.

    ``lines`` are the text's ``code``, and ``positions`` are sorted. The rest is in the same blocks as before.
    It may have a syntax error that the text does not have, because a line in brackets that begins left of its
    statement looks like a new one.
    """
    return without(content, _outermost(lines, positions))


def _outermost(lines: bytes, positions: Sequence[int]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the outermost statements without any of the positions, and what stands for them."""
    match = OUTERMOST.search(lines)
    while match is not None:
        start, header = match.start() + 1, _header(lines, match, len(lines))
        match = OUTERMOST.search(lines, header)
        end = match.start() + 1 if match else len(lines)
        if not has_any(positions, start, end):
            yield start, end, b""
        elif end - start >= INNER_SIZE:
            yield from _inner(lines, header, end, positions)


def _inner(
    lines: bytes, begin: int, limit: int, positions: Sequence[int]
) -> Iterator[tuple[int, int, bytes]]:
    """Yield the functions and classes in a range without any of the positions, and what stands for them."""
    while (match := INNER.search(lines, begin, limit)) is not None:
        start, begin = match.start() + 1, _header(lines, match, limit)
        after = _outside(len(match[1])).search(lines, begin, limit)
        end = after.start() + 1 if after else limit
        if not has_any(positions, start, end):
            yield start, end, match[1] + b"pass\n"  # a block may not be empty
            begin = end - 1


def _header(lines: bytes, start: re.Match[bytes], limit: int) -> int:
    """Return the end of a statement's first words, or of those of the function or class under a decorator."""
    if start["decorator"] is None:
        return start.end()
    indentation = start.start("decorator") - start.start() - 1
    match = _function(indentation).search(lines, start.end(), limit)
    return match.end() if match else limit


@cache
def _function(indentation: int) -> re.Pattern[bytes]:
    """Return the pattern of a function or class with an indentation."""
    return re.compile(rb"\n[ \t]{%d}" % indentation + FUNCTION)


@cache
def _outside(indentation: int) -> re.Pattern[bytes]:
    """Return the pattern of the line that ends a function or class with an indentation."""
    return re.compile(rb"\n[ \t]{0,%d}[A-Za-z_@]" % indentation)
