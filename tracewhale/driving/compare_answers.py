"""Compare the answers of two runs to the same requests. Pure.

Answers are compared by status, media type and body: byte for byte; else with times, addresses and host names
replaced (``Answered.normalize``), and then ids and tokens; else against a second run of the original, without
the words in which the original's two runs differ.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

from tracewhale.tracing.exchanges import ANSWER_LIMIT, Answer, Exchange

Normalize = Callable[[str], str]

DIFF_LINES = 6
"""The most lines of a difference that are shown."""
LINE_LENGTH = 160

IDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "UUID"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "TOKEN"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,}\b", re.IGNORECASE), "ID"),
    # Long, with letters of both cases and a digit: no word of a language.
    (
        re.compile(r"(?<![\w/+-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{24,}={0,2}(?![\w/+-])"),
        "TOKEN",
    ),
)
"""Values that a server generates for each answer: UUIDs, JSON web tokens, digests, nonces."""

WORDS = re.compile(r"\w+|\W")


@dataclass(frozen=True, slots=True)
class Answered:
    """The exchanges of one run; ``normalize`` replaces the values specific to it: its host's name, the
    time."""

    exchanges: Sequence[Exchange]
    normalize: Normalize = lambda text: text


@dataclass(frozen=True, slots=True)
class AnswerDifference:
    """One request with different answers: the difference, and a few lines of it."""

    request: str
    what: str
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """The agreement of two runs' answers: ``alike`` of ``total`` requests have answers that agree.

    ``unstable`` counts the requests that the original itself answers differently each time, so that only
    status and media type could be compared.
    """

    total: int = 0
    alike: int = 0
    unstable: int = 0
    differences: tuple[AnswerDifference, ...] = ()

    @property
    def same(self) -> bool:
        return not self.differences

    def __add__(self, other: Answers) -> Answers:
        return Answers(
            self.total + other.total,
            self.alike + other.alike,
            self.unstable + other.unstable,
            self.differences + other.differences,
        )


def compare_answers(original: Answered, again: Answered, second: Answered | None = None) -> Answers:
    """Compare the answers of the new image with the original's, in order.

    ``second`` is another run of the original. A request without an answer in ``again`` is a difference.
    """
    alike = unstable = 0
    differences: list[AnswerDifference] = []
    for index, exchange in enumerate(original.exchanges):
        ours, theirs = _side(original, index), _side(again, index)
        other = _side(second, index) if second is not None else None
        what, diff = _difference(ours, theirs, other)
        if not what:
            alike += 1
        elif _unstable(ours, theirs, other):
            unstable += 1
        else:
            differences.append(AnswerDifference(str(exchange.request), what, diff))
    return Answers(len(original.exchanges), alike, unstable, tuple(differences))


class _Side:
    """One run's answer to a request, in the form for the comparison."""

    def __init__(self, answer: Answer, normalize: Normalize) -> None:
        self.answer = answer
        self.normalize = normalize

    @property
    def kind(self) -> tuple[int, str, str]:
        """The status, media type and place of a redirect; a multipart boundary is left out, because it
        differs each time."""
        media_type = self.answer.type.partition(";")[0].strip().lower()
        return self.answer.status, media_type, self.normalize(self.answer.location)

    @cached_property
    def lines(self) -> tuple[str, ...] | None:
        """The body without values that a server generates each time; None if it is not text."""
        text = _decoded(self.answer)
        if text is None or "\0" in text:
            return None
        if "json" in self.answer.type:
            with suppress(ValueError, RecursionError):
                text = json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False)
        text = self.normalize(text)
        for pattern, name in IDS:
            text = pattern.sub(name, text)
        return tuple(text.splitlines())


def _side(run: Answered, index: int) -> _Side | None:
    """Return a run's answer by its number, or None if there is none."""
    answer = run.exchanges[index].answer if index < len(run.exchanges) else None
    return None if answer is None else _Side(answer, run.normalize)


def _difference(ours: _Side | None, theirs: _Side | None, again: _Side | None) -> tuple[str, tuple[str, ...]]:
    """Return the difference between two answers, empty if there is none, and a few lines of it."""
    if ours is None or not ours.answer.status:
        return "", ()
    if theirs is None or not theirs.answer.status:
        reason = theirs.answer.error if theirs is not None else ""
        return "no answer" + (f": {reason}" if reason else ""), ()
    for name, first, new in zip(("status", "type", "redirect to"), ours.kind, theirs.kind, strict=True):
        if first != new:
            return f"{name} {first or 'none'}, then {new or 'none'}", _diff(ours, theirs)
    if ours.answer.digest == theirs.answer.digest or _same_text(ours, theirs, again):
        return "", ()
    return f"{ours.answer.size} bytes, then {theirs.answer.size} others", _diff(ours, theirs)


def _decoded(answer: Answer) -> str | None:
    try:
        return answer.body.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character of a body that was cut may be, too.
        if len(answer.body) == ANSWER_LIMIT and error.start >= ANSWER_LIMIT - 4:
            return answer.body[: error.start].decode("utf-8")
        return None


def _same_text(ours: _Side, theirs: _Side, new: _Side | None) -> bool:
    # Of a body that was not kept, or not whole, the rest may differ.
    if ours.lines is None or theirs.lines is None or not (_has_all(ours.answer) and _has_all(theirs.answer)):
        return False
    if ours.lines == theirs.lines:
        return True
    if new is None or new.lines is None:
        return False
    if ours.lines != new.lines and sorted(ours.lines) == sorted(new.lines):  # in no particular order
        return sorted(theirs.lines) == sorted(ours.lines)
    lines = (ours.lines, theirs.lines, new.lines)
    return len({*map(len, lines)}) == 1 and all(map(_same_line, *lines))


def _has_all(answer: Answer) -> bool:
    """Return whether all of the body was kept. A length in characters replaces one in bytes for text."""
    return len(answer.body) == answer.size


def _same_line(ours: str, theirs: str, other: str) -> bool:
    """Return whether a line agrees except for the words in which the original's own two runs differ."""
    a, b, c = map(WORDS.findall, (ours, theirs, other))
    if len(a) != len(c):
        return True
    return len(a) == len(b) and all(x == y or x != z for x, y, z in zip(a, b, c, strict=True))


def _unstable(ours: _Side | None, theirs: _Side | None, new: _Side | None) -> bool:
    """Return whether the original's own two runs differ in the same part as the new image, beyond some
    words."""
    if ours is None or new is None or theirs is None or not theirs.answer.status:
        return False
    if ours.kind != new.kind:
        return ours.kind != theirs.kind
    if ours.kind != theirs.kind:
        return False
    if ours.lines is None or new.lines is None or not _has_all(ours.answer):
        return ours.answer.digest != new.answer.digest
    return len(ours.lines) != len(new.lines)


def _diff(ours: _Side, theirs: _Side) -> tuple[str, ...]:
    a, b = ours.lines, theirs.lines
    if a is None or b is None:
        return ()
    # Not difflib's own search on much text: it is quadratic, and a few lines are shown.
    at = next((n for n, (x, y) in enumerate(zip_longest(a, b)) if x != y), 0)
    lines = list(difflib.unified_diff(a[at : at + 40], b[at : at + 40], n=0, lineterm=""))[2:]
    shown = [line for line in lines if not line.startswith("@@")][:DIFF_LINES]
    return tuple(line if len(line) <= LINE_LENGTH else f"{line[:LINE_LENGTH]}…" for line in shown)
