"""Does the new image behave as the original did? Pure comparisons of two traces of the same request.

An image is verified when its run ends the same way, prints the same (a one-shot command), its workload
passes, and nothing that the original had was asked for and absent. How outputs are compared:

1. byte for byte; else
2. with what differs between any two containers replaced: the container's host name and addresses, dates,
   times of day, durations, times since the epoch, process numbers in brackets, and hexadecimal addresses;
   else
3. where the command listed directories, whose order is the file system's own, in any order of lines; else
4. against a second run of the original: a line that differs between two runs of the original is not
   compared. Where the original's own two runs have different numbers of lines, nothing is, and it is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from tracewhale.plan.model import RUNTIME_PATHS, Absent
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Access, Outcome, Trace

STOPPED = frozenset({0, 128 + 2, 128 + 3, 128 + 9, 128 + 15})
"""Statuses with which a command ends that was asked to stop: SIGINT, SIGQUIT, SIGKILL, SIGTERM."""


class Output(Enum):
    """How far the printed output of the two runs agrees."""

    SAME = "same"
    SAME_BUT_TIMES = "same but for times, addresses and host names"
    REORDERED = "the same lines in another order: directories are listed in none"
    VARIES = "the original itself prints differently each time; the lines that it repeats are the same"
    UNSTABLE = "not compared: two runs of the original print different numbers of lines"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared: the command was stopped, not ended"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What verification found: the paths missing in the new image, and how the two runs differ.

    ``failure`` says what went wrong when the new image's run could not be ended.
    """

    missing: tuple[Absent, ...]
    status: tuple[int, int]
    output: Output
    difference: str = ""
    failure: str = ""

    @property
    def same(self) -> bool:
        ended_alike = self.status[0] == self.status[1] and not self.failure
        return ended_alike and not self.missing and self.output is not Output.DIFFERENT


def compare(
    view: View,
    has: Callable[[str], bool],
    excluded: Iterable[str],
    original: Trace,
    again: Trace,
    second: Outcome | None = None,
    failure: str = "",
) -> Comparison:
    """Compare the new image's trace ``again`` with the original's.

    ``view`` is the original's tree; ``has`` tells whether the new image has a physical path; ``excluded``
    are paths that the user took away; ``second`` is another run of the original. Both traces must have
    an outcome.
    """
    if original.outcome is None or again.outcome is None:
        raise ValueError("a trace without an outcome cannot be compared")
    output, difference = compare_output(original.outcome, again.outcome, second, any_order=listed(original))
    status = (original.outcome.status, again.outcome.status)
    # A command that was stopped may handle the signal, die of it, or outlast it and be killed: a race.
    if original.outcome.stopped and again.outcome.stopped and set(status) <= STOPPED:
        status = (status[0], status[0])
    return Comparison(missing(view, has, excluded, again), status, output, difference, failure)


def missing(
    view: View, has: Callable[[str], bool], excluded: Iterable[str], again: Trace
) -> tuple[Absent, ...]:
    """What the new image was asked for and does not have, and the original did."""
    outside = tuple(f"{mount}/" for mount in (*RUNTIME_PATHS, *again.mounts))
    gone = frozenset(excluded)
    found: set[Absent] = set()
    for event in again.events:
        resolution = view.resolve(event.path, follow=event.follow, root=event.root)
        if resolution.entry is None:
            continue
        for path in (*resolution.steps, resolution.entry.path):
            if path not in gone and not path.startswith(outside) and not has(path):
                found.add(Absent(path, event.access, event.program))
    return tuple(sorted(found))


def compare_output(
    first: Outcome, again: Outcome, second: Outcome | None = None, *, any_order: bool = False
) -> tuple[Output, str]:
    """How the outputs agree, and the first line that differs where they do not."""
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


_TIMES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"\b\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:Z| ?[+-]\d{2}:?\d{2})?"
        ),
        "DATE",
    ),
    (
        re.compile(r"\b\d{1,2}[/ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[/ -]\d{4}\b"),
        "DATE",
    ),
    (
        re.compile(
            r"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?"
            r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* +\d{1,2}(?:,? \d{4})?\b"
        ),
        "DATE",
    ),
    (re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?: ?[AP]M)?\b"), "TIME"),
    (re.compile(r"\b1[6-9]\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?\b"), "EPOCH"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|secs?|seconds?|minutes?)\b"), "DURATION"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,16}\b"), "ADDRESS"),
    (re.compile(r"\[\d+\]|\bpid[ =:]+\d+\b", re.IGNORECASE), "PID"),
)


def _lines(output: bytes, outcome: Outcome) -> tuple[str, ...]:
    """Output as lines, with what differs between any two containers replaced by its name."""
    text = output.decode("utf-8", "backslashreplace")
    if outcome.hostname:
        text = text.replace(outcome.hostname, "HOSTNAME")
    for address in outcome.addresses:
        text = text.replace(address, "IP")
    for pattern, name in _TIMES:
        text = pattern.sub(name, text)
    return tuple(text.splitlines())


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


def listed(trace: Trace) -> bool:
    """Whether the command listed any directory, so that names alone may be its answer."""
    return any(event.access == Access.LIST.value and event.present for event in trace.events)
