"""Numbers as shapes: points of a curve and lengths of bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracewhale.driving.saturation import Curve

WIDTH, HEIGHT = 600, 160
"""The size of a curve in units of its view box."""

POINTS = 300
"""Points of a curve at most."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its name and bytes, its length in percent of the longest, and a remark."""

    name: str
    size: int
    percent: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: points of an SVG polyline, the largest count, how many slices, and what it says."""

    points: str
    top: int
    slices: int
    sentence: str


def curve(counts: Sequence[int]) -> Line | None:
    """Return the curve of new accesses; None where there are too few counts to draw one."""
    if len(counts) < 3:
        return None
    top = max(counts) or 1
    step = max(1, len(counts) // POINTS)
    chosen = sorted({*range(0, len(counts), step), len(counts) - 1})
    points = " ".join(
        f"{WIDTH * number / (len(counts) - 1):.1f},{HEIGHT - HEIGHT * counts[number] / top:.1f}"
        for number in chosen
    )
    return Line(points, top, len(counts), Curve(tuple(counts)).sentence())


def levels(sizes: Sequence[tuple[str, int]], chosen: str) -> tuple[Bar, ...]:
    """Return a bar for each keep level, the smallest first; the chosen one has a note."""
    longest = max((size for _, size in sizes), default=0) or 1
    return tuple(
        Bar(name, size, 100 * size / longest, "this image" if name == chosen else "")
        for name, size in sorted(sizes, key=lambda pair: pair[1])
    )
