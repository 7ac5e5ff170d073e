"""Answers of two runs: what counts as alike."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import partial

import pytest

from tracewhale.driving.compare_answers import Answered, compare_answers
from tracewhale.tracing.exchanges import Answer, Exchange, HttpRequest

HTML = "text/html; charset=utf-8"


def answer(body: str | bytes, status: int = 200, kind: str = HTML, location: str = "") -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    return Answer(status, kind, location, len(raw), hashlib.sha256(raw).hexdigest(), raw)


def exchanges(*answers: Answer | None) -> Answered:
    return Answered([Exchange(HttpRequest("GET", f"/{n}"), each) for n, each in enumerate(answers)])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (answer("a"), answer("a")),
        (
            answer("id 0b7e4cc2-9d3e-4a55-8a3a-0d2f6a4f0b11"),
            answer("id 7a1e4cc2-1d3e-4a55-9a3a-0d2f6a4f0b22"),
        ),
        (
            answer('<input value="7sPq2nUVJvK0fGZr9wTt3XhYbE1mLdQa">'),
            answer('<input value="Zz8k1LmN0pQrStUvWxYz23456789AbCd">'),
        ),
        (
            answer('{"b": 1, "a": 2}', kind="application/json"),
            answer('{"a": 2, "b": 1}', kind="application/json"),
        ),
    ],
)
def test_alike(ours: Answer, theirs: Answer) -> None:
    assert compare_answers(exchanges(ours), exchanges(theirs)).same


@pytest.mark.parametrize(
    ("ours", "theirs", "what"),
    [
        (answer("a"), answer("b"), "1 bytes, then 1 others"),
        (answer("a"), answer("a", 500), "status 200, then 500"),
        (
            answer("{}", kind="application/json"),
            answer("{}", kind="text/plain"),
            "type application/json, ",
        ),
        (answer("", 302, location="/a"), answer("", 302, location="/b"), "redirect to /a, then /b"),
        (answer("a"), Answer(0, error="the connection was refused"), "no answer: the connection was refused"),
        (answer("a"), None, "no answer"),
        (answer(b"\x89PNG\0a"), answer(b"\x89PNG\0b"), "6 bytes, then 6 others"),
        (answer(b"\xff"), answer(b"\xfe"), "1 bytes, then 1 others"),
    ],
)
def test_different(ours: Answer, theirs: Answer | None, what: str) -> None:
    found = compare_answers(exchanges(answer("x"), ours), exchanges(answer("x"), theirs))
    assert (found.total, found.alike, found.unstable) == (2, 1, 0)
    (difference,) = found.differences
    assert difference.request == "GET /1"
    assert difference.what.startswith(what)


def test_a_difference_is_shown_in_a_few_short_lines() -> None:
    ours, theirs = answer("a\nb\nc\n" + "x" * 1000), answer("a\nB\nc\n" + "y" * 1000)
    (difference,) = compare_answers(exchanges(ours), exchanges(theirs)).differences
    assert difference.diff[:2] == ("-b", "+B")
    assert max(map(len, difference.diff)) < 200


def test_what_the_original_does_not_repeat_is_not_compared() -> None:
    first, new, second = answer("seat 3 of row"), answer("seat 7 of row"), answer("seat 5 of row")
    assert not compare_answers(exchanges(first), exchanges(new)).same
    assert compare_answers(exchanges(first), exchanges(new), exchanges(second)).alike == 1
    # What it does repeat still is.
    other = answer("seat 7 of ROW")
    assert not compare_answers(exchanges(first), exchanges(other), exchanges(second)).same


def test_an_answer_of_another_length_each_time_is_counted_apart() -> None:
    first, new, second = answer("a"), answer("a\nb"), answer("a\nb\nc")
    found = compare_answers(exchanges(first), exchanges(new), exchanges(second))
    assert (found.alike, found.unstable, found.same) == (0, 1, True)
    # But the original has always answered.
    failed = compare_answers(exchanges(first), exchanges(answer("boom", 500)), exchanges(second))
    assert failed.unstable == 0


def test_the_callers_normalization_is_used() -> None:
    pair = (exchanges(answer("host abc")), "abc"), (exchanges(answer("host xyz")), "xyz")
    named = [replace(run, normalize=partial(re.sub, name, "H")) for run, name in pair]
    assert compare_answers(*named).same
    assert not compare_answers(*(run for run, _ in pair)).same


def test_a_body_that_was_not_kept_is_compared_by_its_digest() -> None:
    ours, theirs = replace(answer("a"), body=b""), replace(answer("b"), body=b"")
    assert compare_answers(exchanges(ours), exchanges(ours)).same
    assert not compare_answers(exchanges(ours), exchanges(theirs)).same


def test_an_order_that_the_original_does_not_keep_is_not_compared() -> None:
    first, new, second = answer("a\nb\nc"), answer("a\nc\nb"), answer("b\na\nc")
    assert compare_answers(exchanges(first), exchanges(new), exchanges(second)).alike == 1
    other = answer("a\nc\nx")
    assert not compare_answers(exchanges(first), exchanges(other), exchanges(second)).same
