"""The choice of units to keep: in the order of their worth per byte, as long as they fit."""

from __future__ import annotations

import math
import posixpath
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Entry, Kind, parent
from tracewhale.units.model import Mechanism, Unit

PAGE = 4096
"""The bytes below which a file's size does not matter."""

SMALL = 64 << 10
"""The bytes of a unit with its dependencies that is never passed over in favour of another."""

LARGE = 1 << 20
"""The bytes of a file with its dependencies that waits until the smaller ones have their room."""

LEAST_USE = 0.035e-6
"""The worth per byte below which a unit is left out even if it fits."""

HEAVY = 4
"""The ratio of dependencies to the size of a directory's files above which each file is ranked by itself."""

FLOOR = 20_000_000
MORE = 1.46
"""The factor by which the imports of the author's own code may exceed the budget of all other units."""

SPARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[kMG]?B?)", re.IGNORECASE)
FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}

Needs = Callable[[Iterable[Entry]], Mapping[str, Entry]]
"""Returns further files that are kept together with some files, by path: the libraries that programs among
them need."""


@dataclass(frozen=True, slots=True)
class Spare:
    """The size that may be added: the larger one of a share of the other kept files and a number of bytes."""

    share: float = 0.4
    least: int = FLOOR

    def limit(self, size: int) -> float:
        """Return the bytes that may be added to so many."""
        return max(self.share * size, self.least)

    def most(self, size: int) -> float:
        """Return the bytes that may be added to so many if the author's own code names the units."""
        return max(MORE * self.share * size, self.least)


UNLIMITED = Spare(math.inf)


def spare(text: str) -> Spare:
    """Parse the user's budget: ``40%`` (but at least 20 MB), ``50MB``, ``0``. Raise UsageError."""
    match = SPARE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"--spare {text} is not an amount.", "Give a share such as 40%, or a size such as 50MB."
        )
    number = float(match[1])
    if match[2] == "%":
        return Spare(number / 100, FLOOR if number else 0)
    return Spare(0, int(number * FACTORS[match[2].lower().rstrip("b")]))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit with its dependencies: ``missing`` are its entries and their dependencies that are not kept yet,
    and ``cost`` their bytes; ``largest`` are the bytes of the unit's largest file."""

    unit: Unit
    missing: tuple[Entry, ...]
    cost: int
    largest: int

    @property
    def tier(self) -> int:
        """The rank of small units, which come first: together they are small, and each may be needed by a
        request."""
        if self.cost <= SMALL or self.unit.own:
            return self.unit.tier
        large = self.largest > LARGE or self.cost > 3 * LARGE
        return max(self.unit.tier, 2 if large else 1)

    def density(self, size: float) -> float:
        """Return the worth per mean size of the files, or per size of a whole unit: a larger unit has more
        used files, but less than in proportion.

        An unused package that the author installed by name is kept as a whole, but is ranked as the rest of
        a used one is.

        ``size`` are the bytes of the missing files, of which those that other units need count in part.
        """
        requested = self.unit.mechanism is Mechanism.NAMED and self.unit.tier < 2
        files = 1 if self.unit.indivisible and not requested else len(self.unit.entries)
        return self.unit.worth / math.sqrt(max(PAGE, size / files))


@dataclass(frozen=True, slots=True)
class Choice:
    """The units to keep, and those without room, each with its cost."""

    kept: tuple[Candidate, ...] = ()
    left_out: tuple[Candidate, ...] = ()


def choose(
    units: Iterable[Unit],
    limit: float,
    most: float,
    needs: Needs,
    known: Iterable[str],
    largest: float = math.inf,
) -> Choice:
    """Take units while they fit into ``limit`` bytes, the one with the most worth per byte first.

    Units that the author's own code names may bring the total up to ``most`` bytes; the others may use the
    rest of these. ``known`` are the paths that are already kept, ``largest`` are the most bytes of one
    unit. A unit that does not fit does not end the choice; one whose ``after`` is not kept waits for it.
    """
    have = set(known)
    kept: list[Candidate] = []
    left: list[Candidate] = []
    spent = own = 0
    # Thousands of units share their files, so missing files are computed only after something was kept.
    remaining: dict[int, tuple[int, Candidate | None]] = {}
    pending = deque(ranked(units, needs, have))
    waiting: dict[str, list[Candidate]] = {}
    while pending:
        candidate = pending.popleft()
        unit, key = candidate.unit, id(candidate.missing)
        if unit.after and unit.after not in have:
            waiting.setdefault(unit.after, []).append(candidate)
            continue
        count, rest = remaining.get(key, (0, candidate))
        if rest is not None and count != len(have):
            rest = _remaining(rest, have)
            remaining[key] = len(have), rest
        if rest is None:
            continue
        candidate, cost = replace(rest, unit=unit), rest.cost
        room = most if unit.own else min(most, limit + own)
        if (
            cost > largest
            or spent + cost > room
            or (room < math.inf and not unit.own and unit.worth < LEAST_USE * cost)
        ):
            left.append(candidate)
            continue
        spent += cost
        own += cost if unit.own else 0
        have.update(entry.path for entry in candidate.missing)
        kept.append(candidate)
        ready = [other for entry in candidate.missing for other in waiting.pop(entry.path, ())]
        pending.extendleft(reversed(ready))
    left += [candidate for candidates in waiting.values() for candidate in candidates]
    return Choice(tuple(kept), tuple(left))


def ranked(units: Iterable[Unit], needs: Needs, known: set[str]) -> list[Candidate]:
    """Return units in the order in which they are taken: by tier, by worth per byte, then by name.

    The size of a file that several of the author's units need is shared among them.
    """
    units = list(units)
    costs: dict[int, Candidate | None] = {}
    candidates = [candidate for unit in units for candidate in _candidates(unit, needs, known, costs)]
    shares = Counter(
        entry.path for candidate in candidates if candidate.unit.own for entry in candidate.missing
    )
    missing = {id(candidate.missing): candidate.missing for candidate in candidates}
    sizes = {key: _shared_size(entries, shares) for key, entries in missing.items()}
    return sorted(
        candidates,
        key=lambda candidate: (
            candidate.tier,
            -candidate.density(sizes[id(candidate.missing)]),
            candidate.unit.mechanism.value,
            candidate.unit.name,
            candidate.unit.entries[0].path,
        ),
    )


def _candidates(
    unit: Unit, needs: Needs, known: set[str], costs: dict[int, Candidate | None]
) -> Iterator[Candidate]:
    """Yield a unit with its cost, or each of its files as a unit if their dependencies are much larger than
    they are.

    A link comes with its target, because it would dangle otherwise. ``costs`` are the candidates so far, by
    the identity of their entries, which units may share.
    """
    key = id(unit.entries)
    if key not in costs:
        entries = [entry for entry in unit.entries if entry.path not in known]
        costs[key] = _candidate(unit, entries, needs, known) if entries else None
    candidate = costs[key]
    if candidate is None:
        return
    candidate = replace(candidate, unit=unit)
    entries = [] if unit.indivisible else [entry for entry in unit.entries if entry.path not in known]
    if len(entries) > 1 and candidate.cost > max(HEAVY * _cost(entries), LARGE):
        by_path = {entry.path: entry for entry in entries}
        for entry in entries:
            target = by_path.get(posixpath.normpath(posixpath.join(parent(entry.path), entry.target)))
            files = [entry, target] if entry.kind is Kind.SYMLINK and target is not None else [entry]
            yield _candidate(replace(unit, entries=tuple(files)), files, needs, known)
    else:
        yield candidate


def _candidate(unit: Unit, entries: list[Entry], needs: Needs, known: set[str]) -> Candidate:
    needed = [entry for path, entry in needs(entries).items() if path not in known]
    missing = tuple({entry.path: entry for entry in (*entries, *needed)}.values())
    return Candidate(unit, missing, _cost(missing), max(map(_size, unit.entries), default=0))


def _remaining(candidate: Candidate, have: set[str]) -> Candidate | None:
    """Return a candidate without the files that are kept meanwhile, or None if its unit has no others."""
    if have.issuperset(entry.path for entry in candidate.unit.entries):
        return None
    missing = tuple(entry for entry in candidate.missing if entry.path not in have)
    return replace(candidate, missing=missing, cost=_cost(missing))


def _shared_size(entries: Iterable[Entry], shares: Mapping[str, int]) -> float:
    """Return the bytes of files, each divided by the number of units that need its path."""
    return sum(_size(entry) / max(1, shares.get(entry.path, 1)) for entry in entries)


def _cost(entries: Iterable[Entry]) -> int:
    return sum(map(_size, entries))


def _size(entry: Entry) -> int:
    return entry.size if entry.kind is Kind.FILE else 0
