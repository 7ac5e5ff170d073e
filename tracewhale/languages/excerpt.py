"""Excerpts of texts: what is left of a text without the statements that do not matter, because parsing them
takes long."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Pieces of a text: their contents, and for each the offset of its beginning in the text and in the
    excerpt."""

    content: bytes
    starts: tuple[int, ...] = (0,)
    places: tuple[int, ...] = (0,)

    def place(self, offset: int) -> int:
        """Return the offset in the excerpt of a byte that is in one of the pieces."""
        piece = bisect_right(self.starts, offset) - 1
        return self.places[piece] + offset - self.starts[piece]


def without(content: bytes, parts: Iterable[tuple[int, int, bytes]]) -> Excerpt:
    """Return an excerpt without some parts, each given with its beginning, its end and what replaces it, in
    their order."""
    pieces: list[bytes] = []
    starts, places = [0], [0]
    begin = size = 0
    for start, end, filling in parts:
        pieces += content[begin:start], filling
        size += start - begin + len(filling)
        starts.append(end)
        places.append(size)
        begin = end
    return Excerpt(b"".join((*pieces, content[begin:])), tuple(starts), tuple(places))


def has_any(positions: Sequence[int], start: int, end: int) -> bool:
    """Return whether any of the sorted positions is in a range."""
    at = bisect_left(positions, start)
    return at < len(positions) and positions[at] < end
