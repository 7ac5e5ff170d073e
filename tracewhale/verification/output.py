"""Do two runs of one command print the same? Pure.

How outputs are compared:

1. byte for byte; else
2. with the parts that differ between any two containers replaced: the container's host name and addresses,
   dates, times of day, durations, times since the epoch, process numbers in brackets, and hexadecimal
   addresses; else
3. if the command listed directories, whose order is the file system's own, in any order of lines; else
4. against a second run of the original: a line that differs between two runs of the original is not
   compared. If the original's own two runs have different numbers of lines, nothing is compared, and the
   verdict says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from tracewhale.tracing.events import Outcome
from tracewhale.tracing.normal_form import normalized


class Output(Enum):
    """The degree to which the output of the two runs agrees."""

    SAME = "same"
    SAME_BUT_TIMES = "same but for times, addresses and host names"
    REORDERED = "the same lines in another order: directories are listed in none"
    VARIES = "the original itself prints differently each time; the lines that it repeats are the same"
    UNSTABLE = "not compared: two runs of the original print different numbers of lines"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared: the command was stopped, not ended"


def compare_output(
    first: Outcome, again: Outcome, second: Outcome | None = None, *, any_order: bool = False
) -> tuple[Output, str]:
    """Return the degree to which the outputs agree, and the first line that differs, if any."""
    if first.stopped or again.stopped:
        return Output.NOT_COMPARED, ""
    if (first.stdout, first.stderr) == (again.stdout, again.stderr):
        return Output.SAME, ""
    ours = (*_lines(first.stdout, first), "", *_lines(first.stderr, first))
    theirs = (*_lines(again.stdout, again), "", *_lines(again.stderr, again))
    if ours == theirs:
        return Output.SAME_BUT_TIMES, ""
    if any_order and sorted(ours) == sorted(theirs):
        return Output.REORDERED, ""
    volatile: frozenset[int] = frozenset()
    if second is not None:
        third = (*_lines(second.stdout, second), "", *_lines(second.stderr, second))
        if len(third) != len(ours):
            return Output.UNSTABLE, ""
        volatile = frozenset(n for n, (a, b) in enumerate(zip(ours, third, strict=True)) if a != b)
        if len(theirs) == len(ours) and all(
            a == b or n in volatile for n, (a, b) in enumerate(zip(ours, theirs, strict=True))
        ):
            return Output.VARIES, ""
    return Output.DIFFERENT, _first_difference(ours, theirs, volatile)


def _lines(output: bytes, outcome: Outcome) -> tuple[str, ...]:
    """Return output as lines, with the parts that differ between any two containers replaced by their
    names."""
    return tuple(normalized(output.decode("utf-8", "backslashreplace"), outcome).splitlines())


def _first_difference(ours: tuple[str, ...], theirs: tuple[str, ...], volatile: Iterable[int]) -> str:
    skip = frozenset(volatile)
    for number in range(max(len(ours), len(theirs))):
        a = ours[number] if number < len(ours) else None
        b = theirs[number] if number < len(theirs) else None
        if a != b and number not in skip:
            return f"the original prints {_quote(a)}, the new image {_quote(b)}"
    return ""


def _quote(line: str | None) -> str:
    return "nothing" if line is None else repr(line if len(line) <= 160 else f"{line[:160]}…")
