"""Numbers as shapes: points of a curve and lengths of bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracewhale.driving.saturation import Curve
from tracewhale.report.document import Opened

WIDTH, HEIGHT = 600, 160
"""The size of a curve in units of its view box."""

POINTS = 300
"""The most points of a curve."""

PROGRAMS = 60
"""The most programs on a time line."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its name and bytes, its length in percent of the longest, and a remark."""

    name: str
    size: int
    percent: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Polyline:
    """A curve: points of an SVG polyline, the largest count, the number of slices, and a sentence on it."""

    points: str
    top: int
    slices: int
    sentence: str


def curve(counts: Sequence[int]) -> Polyline | None:
    """Return the curve of new accesses, or None if there are too few counts to draw one."""
    if len(counts) < 3:
        return None
    top = max(counts) or 1
    step = max(1, len(counts) // POINTS)
    chosen = sorted({*range(0, len(counts), step), len(counts) - 1})
    points = " ".join(
        f"{WIDTH * number / (len(counts) - 1):.1f},{HEIGHT - HEIGHT * counts[number] / top:.1f}"
        for number in chosen
    )
    return Polyline(points, top, len(counts), Curve(tuple(counts)).sentence())


@dataclass(frozen=True, slots=True)
class TimeLine:
    """First accesses over time: points of an SVG polyline, the last second, the programs with their times."""

    points: str
    seconds: float
    count: int
    programs: tuple[Opened, ...]


def time_line(opened: Sequence[Opened]) -> TimeLine | None:
    """Return the number of opened files over time; None if the trace has no order, or no time passed."""
    if len(opened) < 3 or not opened[-1].seconds:
        return None
    seconds = max(file.seconds for file in opened)
    step = max(1, len(opened) // POINTS)
    chosen = sorted({*range(0, len(opened), step), len(opened) - 1})
    # A step at each file: before it, one less.
    points = " ".join(
        f"{WIDTH * opened[at].seconds / seconds:.1f},{HEIGHT - HEIGHT * count / len(opened):.1f}"
        for at in chosen
        for count in (max(0, at + 1 - step), at + 1)
    )
    return TimeLine(points, seconds, len(opened), tuple(file for file in opened if file.executed)[:PROGRAMS])


def levels(sizes: Sequence[tuple[str, int]], chosen: str) -> tuple[Bar, ...]:
    """Return a bar for each keep level, the smallest first; the chosen one has a note."""
    longest = max((size for _, size in sizes), default=0) or 1
    return tuple(
        Bar(name, size, 100 * size / longest, "this image" if name == chosen else "")
        for name, size in sorted(sizes, key=lambda pair: pair[1])
    )
