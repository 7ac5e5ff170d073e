"""What units were kept and left out, added up for a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tracewhale.units.budget import Choice
from tracewhale.units.model import Level, Mechanism, Unit


@dataclass(frozen=True, slots=True)
class Total:
    """One package, directory or link: what was added of it and what was left out, in bytes of files."""

    mechanism: Mechanism
    name: str
    because: str
    kept: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Summary:
    """The units of a plan. ``levels`` are the bytes of files that each level keeps, about."""

    level: Level = Level.TOUCHED
    limit: float = 0
    totals: tuple[Total, ...] = ()
    levels: Mapping[Level, int] = field(default_factory=dict)

    @property
    def left_out(self) -> tuple[Total, ...]:
        """What was left out for want of room, the largest first."""
        return tuple(sorted((t for t in self.totals if t.left_out), key=lambda t: (-t.left_out, t.name)))


def totals(choice: Choice) -> tuple[Total, ...]:
    """A choice added up by mechanism and name."""
    kept, left = _sizes(choice.kept), _sizes(choice.left_out)
    because = {(u.mechanism, u.name): u.because for u in (*choice.left_out, *choice.kept)}
    return tuple(
        Total(
            mechanism,
            name,
            because[mechanism, name],
            kept.get((mechanism, name), 0),
            left.get((mechanism, name), 0),
        )
        for mechanism, name in sorted(because, key=lambda key: (key[0].value, key[1]))
    )


def _sizes(units: Iterable[Unit]) -> dict[tuple[Mechanism, str], int]:
    found: dict[tuple[Mechanism, str], int] = {}
    for unit in units:
        key = (unit.mechanism, unit.name)
        found[key] = found.get(key, 0) + unit.size
    return found
