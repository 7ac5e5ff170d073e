"""Messages that say what is missing, found in what a command printed. The patterns are messages.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

MAX_LINES = 4000
"""Lines of output that are searched: the last ones."""

MAX_LINE = 1000
"""Characters of a line that are searched."""


@dataclass(frozen=True, slots=True)
class Message:
    """One form of words: its kind of trouble, whose they are, and what in them is a fact.

    ``cause`` and ``fixes`` are those of a message that says all there is to know, with facts in braces.
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
    """A message that was printed: ``facts`` are the named groups of its pattern, ``number`` is its line's."""

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
        """Return the first of some facts that the message has; empty for none."""
        return next((self.facts[name] for name in names if self.facts.get(name)), "")


@cache
def messages() -> tuple[Message, ...]:
    """Return all the forms, as messages.toml and advice.toml have them."""
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
    """Return the messages in some output, in the order of their lines; equal ones once, where they
    came last."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Complaint] = {}
    for number, whole in enumerate(output.splitlines()[-MAX_LINES:]):
        line = whole[:MAX_LINE]
        for message in messages():
            match = message.pattern.search(line)
            if match is None:
                continue
            facts = {name: text for name, text in match.groupdict().items() if text}
            key = (message.kind, tuple(sorted(facts.items())))
            found.pop(key, None)
            found[key] = Complaint(
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
    return tuple(found.values())
