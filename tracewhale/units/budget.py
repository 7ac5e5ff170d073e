"""Which units are kept: in the order of their worth for each byte, as long as they fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Entry, Kind
from tracewhale.units.model import Unit

PAGE = 4096
"""Bytes below which a file's size does not matter."""

FLOOR = 20_000_000
SPARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[kMG]?B?)", re.IGNORECASE)
FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True, slots=True)
class Spare:
    """What may be added: a share of what is kept anyhow, and bytes; whichever is more."""

    share: float = 0.4
    least: int = FLOOR

    def limit(self, size: int) -> float:
        """Bytes that may be added to so many."""
        return max(self.share * size, self.least)


UNLIMITED = Spare(math.inf)


def spare(text: str) -> Spare:
    """A budget as the user writes it: ``40%`` (but at least 20 MB), ``50MB``, ``0``. Raises UsageError."""
    match = SPARE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--spare {text} is no amount", "give a share such as 40%, or a size such as 50MB")
    number = float(match[1])
    if match[2] == "%":
        return Spare(number / 100, FLOOR if number else 0)
    return Spare(0, int(number * FACTORS[match[2].lower().rstrip("b")]))


@dataclass(frozen=True, slots=True)
class Choice:
    """Units that are kept, and those that are left out for want of room."""

    kept: tuple[Unit, ...] = ()
    left_out: tuple[Unit, ...] = ()


def choose(
    units: Iterable[Unit], limit: float, needs: Callable[[Unit], Mapping[str, Entry]], known: Iterable[str]
) -> Choice:
    """Take units while they fit into ``limit`` bytes, the one with most worth for each byte first.

    ``needs`` tells what else is kept when a unit is, by path (the libraries that its programs need);
    ``known`` are the paths that are kept already. A unit that does not fit does not end the choice.
    """
    have = set(known)
    kept: list[Unit] = []
    left: list[Unit] = []
    spent = 0
    for unit in ranked(units):
        entries = {entry.path: entry for entry in unit.entries if entry.path not in have}
        if not entries:
            continue
        if spent + _cost(entries) <= limit:
            entries |= {path: entry for path, entry in needs(unit).items() if path not in have}
        cost = _cost(entries)
        if spent + cost > limit:
            left.append(unit)
            continue
        spent += cost
        have |= entries.keys()
        kept.append(unit)
    return Choice(tuple(kept), tuple(left))


def ranked(units: Iterable[Unit]) -> Sequence[Unit]:
    """Units in the order in which they are taken: by tier, by their worth for each byte, then by name."""
    return sorted(
        units,
        key=lambda unit: (unit.tier, -density(unit), unit.mechanism.value, unit.name, unit.entries[0].path),
    )


def density(unit: Unit) -> float:
    """Worth beside the mean size of the files: of a larger one more is used, but not as much more."""
    return unit.worth / math.sqrt(max(PAGE, unit.size / len(unit.entries)))


def _cost(entries: Mapping[str, Entry]) -> int:
    return sum(entry.size for entry in entries.values() if entry.kind is Kind.FILE)
