"""Estimate how complete the observed paths are, and whether a further run would add new ones. Pure.

For one run, the time of each path's first request is known. For several runs, the number of runs with each
path is known, from which the unseen paths are estimated: Chao2 (Chao 1987) for their least number, and the
coverage deficit of Good and Turing for incidences (Chao and Jost 2012) for the probability that the next
access is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
LITTLE = 0.5
"""A probability above which a curve says little."""
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40
"""The most bars of a curve."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Distinct accesses at the end of each slice of one run: of each request, command or second."""

    counts: tuple[int, ...]

    @property
    def quiet(self) -> int:
        """The number of last slices without new accesses; the first slice always has some."""
        quiet = 0
        for before, after in zip(self.counts[-2::-1], self.counts[:0:-1], strict=True):
            if after > before:
                break
            quiet += 1
        return quiet

    @property
    def risk(self) -> float:
        """The largest probability, with 95 % confidence, that a further slice adds something new.

        With the true probability p, so many quiet slices in a row have the probability (1 - p)^quiet.
        """
        return 1 - (1 - CONFIDENCE) ** (1 / self.quiet) if self.quiet else 1.0

    def bars(self) -> str:
        """Return the curve as a line of bars."""
        step = max(1, -(-len(self.counts) // WIDTH))
        shown = self.counts[step - 1 :: step] or self.counts
        top = max(shown, default=0) or 1
        return "".join(BARS[count * (len(BARS) - 1) // top] for count in shown)

    def sentence(self) -> str:
        """Return the meaning of the curve in one sentence; empty if it is too short."""
        slices = len(self.counts)
        if slices < 2:
            return ""
        if not self.quiet:
            new = self.counts[-1] - self.counts[-2]
            return f"the last of {slices} steps still brought {new} new accesses: more of them may bring more"
        last = f"last {self.quiet}" if self.quiet > 1 else "last"
        doubt = ", which says little" if self.risk > LITTLE else ""
        return (
            f"the {last} of {slices} steps brought nothing new: one more like that brings something new with "
            f"a probability below {self.risk:.0%}{doubt}"
        )


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of several runs: their number, the distinct paths, and the paths seen in exactly one and
    two of them."""

    runs: int
    seen: int
    once: int
    twice: int
    incidences: int

    @property
    def unseen(self) -> float:
        """The least number of paths that further runs would add, by Chao2 with its correction for bias."""
        share = (self.runs - 1) / self.runs
        return share * self.once * (self.once - 1) / (2 * (self.twice + 1))

    @property
    def deficit(self) -> float:
        """The probability that an access of a further run is to a new path."""
        rest = (self.runs - 1) * self.once
        if not self.once or not self.incidences:
            return 0.0
        return self.once / self.incidences * (rest / (rest + 2 * self.twice) if rest else 1.0)

    def sentence(self) -> str:
        """Return the estimate in one sentence."""
        if self.runs < 2:
            return "one run alone does not tell how complete it is"
        return (
            f"{self.once} of {self.seen} paths were seen in one of {self.runs} runs only: further runs would "
            f"bring at least about {self.unseen:.0f} more, with {self.deficit:.1%} of their accesses"
        )


def coverage_of(runs: Sequence[Collection[str]]) -> Coverage:
    """Count the runs with each path; ``runs`` has the distinct paths of each."""
    seen = Counter(path for run in runs for path in run)
    times = Counter(seen.values())
    return Coverage(len(runs), len(seen), times[1], times[2], sum(seen.values()))
