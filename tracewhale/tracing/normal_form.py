"""The normal form of text: without times, addresses, host names and process numbers, which differ in each
run. Pure."""

from __future__ import annotations

import re

from tracewhale.tracing.events import Outcome

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


def normalized(text: str, outcome: Outcome) -> str:
    """Return text in which the parts that differ between any two containers are replaced by their names."""
    if outcome.hostname:
        text = text.replace(outcome.hostname, "HOSTNAME")
    for address in outcome.addresses:
        text = text.replace(address, "IP")
    for pattern, name in _TIMES:
        text = pattern.sub(name, text)
    return text
