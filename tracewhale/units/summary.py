"""Sums of the kept and the omitted units, for a report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tracewhale.rootfs.tree import Kind
from tracewhale.units.budget import Candidate, Choice
from tracewhale.units.model import Level, Mechanism


@dataclass(frozen=True, slots=True)
class Total:
    """The sum for one package, directory or link: the bytes of its added and of its omitted files, with their
    dependencies."""

    mechanism: Mechanism
    name: str
    because: str
    kept: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Summary:
    """The units of a plan. ``levels`` are the approximate bytes of files that each level keeps."""

    level: Level = Level.TOUCHED
    limit: float = 0
    totals: tuple[Total, ...] = ()
    levels: Mapping[Level, int] = field(default_factory=dict)

    @property
    def left_out(self) -> tuple[Total, ...]:
        """The units without room, the largest first."""
        return tuple(sorted((t for t in self.totals if t.left_out), key=lambda t: (-t.left_out, t.name)))


def totals(choice: Choice, known: Collection[str]) -> tuple[Total, ...]:
    """Return a choice summed up by mechanism and name; ``known`` are all paths that are kept in the end."""
    kept: dict[tuple[Mechanism, str], int] = {}
    for candidate in choice.kept:
        key = (candidate.unit.mechanism, candidate.unit.name)
        kept[key] = kept.get(key, 0) + candidate.cost
    left: dict[tuple[Mechanism, str], list[Candidate]] = {}
    for candidate in choice.left_out:
        left.setdefault((candidate.unit.mechanism, candidate.unit.name), []).append(candidate)
    missing = {key: together(candidates, known) for key, candidates in left.items()}
    units = (candidate.unit for candidate in (*choice.left_out, *choice.kept))
    because = {(unit.mechanism, unit.name): unit.because for unit in units}
    return tuple(
        Total(*key, because[key], kept.get(key, 0), missing.get(key, 0))
        for key in sorted(because, key=lambda key: (key[0].value, key[1]))
    )


def together(candidates: Iterable[Candidate], known: Collection[str]) -> int:
    """Return the total cost of several omitted units: a dependency of several counts once, and a path
    ``known`` to be kept does not count."""
    missing = {id(candidate.missing): candidate.missing for candidate in candidates}
    entries = {
        entry.path: entry for entries in missing.values() for entry in entries if entry.path not in known
    }
    return sum(entry.size for entry in entries.values() if entry.kind is Kind.FILE)
