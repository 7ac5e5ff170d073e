"""What a run found and made, as frozen values that both renderings (text and JSON) share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tracewhale.plan.model import Absent, Plan, Why
from tracewhale.tracing.events import Counters, Trace
from tracewhale.verify import Comparison

_LIBRARY = re.compile(r"\.so(?:\.[0-9A-Za-z_.+-]+)?$")


@dataclass(frozen=True, slots=True)
class Libraries:
    """Paths of the kept shared libraries, by who found them."""

    traced: tuple[str, ...]
    closure: tuple[str, ...]
    both: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """A library that is needed and that the original image does not have, with where it was searched."""

    library: str
    needed_by: str
    searched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """An image that was written: its name, its id, docker's Size in bytes, and the original's."""

    name: str
    image: str
    size: int
    original_size: int


@dataclass(frozen=True, slots=True)
class Verification:
    """How often the image was built and run, what had to be added, and the last comparison."""

    verified: bool
    rounds: int
    added: tuple[str, ...]
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Report:
    """All of one command's result; what a command did not do is None."""

    command: str
    target: str
    image: str
    plan: Plan | None = None
    trace: Trace | None = None
    built: Built | None = None
    verification: Verification | None = None
    seconds: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def counters(self) -> Counters | None:
        return None if self.trace is None else self.trace.counters


def libraries(plan: Plan) -> Libraries:
    """Sort the kept shared libraries by whether the trace, the closure, both or neither found them."""
    found: dict[tuple[bool, bool], list[str]] = {}
    for path, kept in plan.kept.items():
        if path in plan.closure.objects and _LIBRARY.search(path):
            whys = {reason.why for reason in kept.reasons}
            key = (Why.ACCESS.value in whys, bool(whys & {Why.NEEDED.value, Why.INTERPRETER.value}))
            found.setdefault(key, []).append(path)
    return Libraries(
        traced=tuple(found.get((True, False), ())),
        closure=tuple(found.get((False, True), ())),
        both=tuple(found.get((True, True), ())),
        other=tuple(found.get((False, False), ())),
    )


def missed(plan: Plan) -> tuple[Missed, ...]:
    """Libraries that are needed by something kept and are nowhere in the original."""
    return tuple(
        Missed(
            miss.name,
            miss.needer,
            tuple(f"{a.place} ({a.how.value}): {a.reason}" for a in miss.attempts),
        )
        for miss in plan.closure.misses
        if not miss.optional
    )


def absent_paths(plan: Plan) -> tuple[Absent, ...]:
    """What the programs asked for and the original does not have either, each path once."""
    once: dict[str, Absent] = {}
    for absent in plan.absent:
        once.setdefault(absent.path, absent)
    return tuple(once.values())
