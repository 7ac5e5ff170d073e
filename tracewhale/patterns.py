"""Turn globs from an image into regular expressions that no name and no glob can slow down.

A ``*`` is an atomic group that ends with the first occurrence of the text after it. A later occurrence never
helps (after the first there is the most text left to match), so nothing is tried twice, and the time is
linear in the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tracewhale.errors import ImageContentError

MAGIC = re.compile(r"[*?\[]")
PATH_MAX = 4096
"""Bytes of the longest path, with its NUL (limits.h)."""
ANYTHING = "**"
EFFORT = 100_000_000
"""The most characters of expressions that are compared with names."""

_ONE = "[^/]"
_NOTHING = "(?!)"


class Effort:
    """A budget for the comparisons that an image's files cause; exceeding it raises ImageContentError."""

    def __init__(self, left: int = EFFORT) -> None:
        self._left = left

    def spend(self, amount: int) -> None:
        """Count characters of comparisons."""
        self._left -= amount
        if self._left < 0:
            raise ImageContentError(
                "The image's configuration files have more patterns than can be compared with its names.",
                "Look at what /etc/ld.so.conf includes; --no-rule NAME leaves out a rule that reads others.",
            )


@lru_cache(maxsize=4096)
def name_pattern(component: str) -> re.Pattern[str]:
    """Return the expression for a whole name, with the meaning of fnmatch(3) with FNM_PATHNAME and
    FNM_NOESCAPE.

    A component longer than PATH_MAX matches nothing.
    """
    return re.compile(_translate(component) if len(component) < PATH_MAX else _NOTHING, re.DOTALL)


@lru_cache(maxsize=4096)
def path_pattern(glob: str) -> re.Pattern[str]:
    """Return the expression for a whole physical path: ``**`` is any number of components, even none."""
    if len(glob) >= PATH_MAX:
        return re.compile(_NOTHING)
    runs: list[list[str]] = [[]]
    for part in glob.strip("/").split("/") if glob.strip("/") else ():
        if part == ANYTHING:
            runs.append([])
        else:
            runs[-1].append("/" + _translate(part))
    first, *others = ("".join(run) for run in runs)
    if not others:
        return re.compile(first or "/", re.DOTALL)
    *between, last = others
    text = first + "".join(rf"(?>(?:/[^/]*)*?{run}(?=/|\Z))" for run in between if run)
    return re.compile(f"{text}(?:/[^/]*)*?{last}" if last else f"{text}(?:/.*)?", re.DOTALL)


def reversed_range(component: str) -> str:
    """Return the first range of a glob's sets that ends before it begins, so that it has no character."""
    for token in _tokens(component):
        for low, high in _ranges(token[1:-1].removeprefix("!")) if len(token) > 1 else ():
            if low > high:
                return f"{low}-{high}"
    return ""


def _translate(component: str) -> str:
    """Return the expression of a whole name: literal runs, each found after the star before it."""
    runs = [""]
    for token in _tokens(component):
        if token == "*":
            runs.append("")
        else:
            runs[-1] += _ONE if token == "?" else _set(token[1:-1]) if len(token) > 1 else re.escape(token)
    first, *others = runs
    if not others:
        return first
    *between, last = others
    middle = "".join(f"(?>{_ONE}*?{run})" for run in between if run)
    return f"{first}{middle}{_ONE}*{last}" + (r"(?=/|\Z)" if last else "")


def _tokens(component: str) -> Iterator[str]:
    """Yield stars, question marks, sets with their brackets, and single characters."""
    at, closing = 0, component.rfind("]")
    while at < len(component):
        end = at + 1
        if component[at] == "[" and at < closing:
            # The first ] is a member where it stands first.
            end_of_set = component.find("]", at + 2 + component.startswith("!", at + 1))
            end = end_of_set + 1 if end_of_set >= 0 else end
        yield component[at:end]
        at = end


def _set(members: str) -> str:
    """Return a set's expression; empty ranges have no character."""
    negated = members.startswith("!")
    text = "".join(
        re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}"
        for low, high in _ranges(members.removeprefix("!"))
        if low <= high
    )
    if negated:
        return f"[^/{text}]"
    return f"[{text}]" if text else _NOTHING


def _ranges(members: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(members):
        wide = members.startswith("-", at + 1) and at + 2 < len(members)
        yield members[at], members[at + 2 if wide else at]
        at += 3 if wide else 1
