"""Find messages about missing things in the output of a command. Their patterns are in messages.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

MAX_LINES = 4000
"""The number of output lines, from the end, that are searched."""

MAX_LINE = 1000
"""The characters of a line that are searched."""


@dataclass(frozen=True, slots=True)
class Message:
    """The pattern of a message: its kind of trouble, its program, and its facts.

    ``cause`` and ``fixes`` are set if the message needs no further explanation; they contain facts in braces.
    """

    kind: str
    source: str
    pattern: re.Pattern[str]
    weight: int = 0
    soft: bool = False
    cause: str = ""
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Complaint:
    """A printed message: ``facts`` are the named groups of its pattern, ``number`` is its line's."""

    kind: str
    source: str
    line: str
    number: int
    facts: Mapping[str, str]
    weight: int = 0
    soft: bool = False
    cause: str = ""
    fixes: tuple[str, ...] = ()

    def fact(self, *names: str) -> str:
        """Return the first of some facts that the message has, or an empty string."""
        return next((self.facts[name] for name in names if self.facts.get(name)), "")


@cache
def messages() -> tuple[Message, ...]:
    """Return all patterns of messages.toml and advice.toml."""
    folder = files("tracewhale.diagnosis")
    texts = [folder.joinpath(name).read_text("utf-8") for name in ("messages.toml", "advice.toml")]
    return tuple(
        Message(
            m["kind"],
            m["source"],
            re.compile(m["pattern"]),
            m.get("weight", 0),
            m.get("soft", False),
            m.get("cause", ""),
            tuple(m.get("fixes", ())),
        )
        for text in texts
        for m in tomllib.loads(text)["message"]
    )


def complaints(output: str) -> tuple[Complaint, ...]:
    """Return the messages in some output, in the order of their lines; equal ones once, at their last
    place."""
    distinct: dict[tuple[str, tuple[tuple[str, str], ...]], Complaint] = {}
    for number, full_line in enumerate(output.splitlines()[-MAX_LINES:]):
        line = full_line[:MAX_LINE]
        for message in messages():
            match = message.pattern.search(line)
            if match is None:
                continue
            facts = {name: text for name, text in match.groupdict().items() if text}
            key = (message.kind, tuple(sorted(facts.items())))
            distinct.pop(key, None)
            distinct[key] = Complaint(
                message.kind,
                message.source,
                line.strip(),
                number,
                facts,
                message.weight,
                message.soft,
                message.cause,
                message.fixes,
            )
    return tuple(distinct.values())
