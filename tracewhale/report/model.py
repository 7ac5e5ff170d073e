"""The results of a run, as frozen values for every format."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracewhale.errors import TraceWhaleError
from tracewhale.plan.model import Absent, Plan
from tracewhale.plan.reasons import Why
from tracewhale.report.removed import Removed
from tracewhale.tracing.events import Counters, Trace
from tracewhale.verification import Verification

_LIBRARY = re.compile(r"\.so(?:\.[0-9A-Za-z_.+-]+)?$")


@dataclass(frozen=True, slots=True)
class Libraries:
    """Paths of the kept shared libraries, by what found them."""

    traced: tuple[str, ...]
    closure: tuple[str, ...]
    both: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MissingLibrary:
    """A needed library that the original image lacks, with the searched places."""

    library: str
    needed_by: str
    searched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """A written image: its name, its id, docker's Size in bytes, and the original's.

    ``left_out`` are pairs of a path that could not be written completely and the reason. ``start`` are the
    words of the command that runs it as it was traced, if an engine has it.
    """

    name: str
    image: str
    size: int
    original_size: int
    left_out: tuple[tuple[str, str], ...] = ()
    start: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LockEntry:
    """A new image compared with its entry in the lock file: the accepted bytes, and the new and removed
    paths."""

    size: int
    new: tuple[str, ...] = ()
    removed_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All results of one command; a value is None if the command has no such result.

    ``seconds`` are those of each stage in the order of their beginning. ``error`` is set if the command
    failed: the new image behaves differently, or the library raised it. ``left_out`` are pairs of a kept path
    that an image cannot hold completely and the reason. ``removed`` is computed only if a report needs it;
    ``accepted`` compares with the lock file.
    """

    command: str
    target: str
    image: str
    plan: Plan | None = None
    trace: Trace | None = None
    built: BuiltImage | None = None
    verification: Verification | None = None
    seconds: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    error: TraceWhaleError | None = None
    removed: Removed | None = None
    accepted: LockEntry | None = None

    @property
    def counters(self) -> Counters | None:
        return None if self.trace is None else self.trace.counters


def libraries(plan: Plan) -> Libraries:
    """Return the kept shared libraries, grouped by whether the trace, the closure, both or neither found
    them."""
    groups: dict[tuple[bool, bool], list[str]] = {}
    for path, kept in plan.kept.items():
        if path in plan.closure.objects and _LIBRARY.search(path):
            whys = {reason.why for reason in kept.reasons}
            key = (Why.ACCESS.value in whys, bool(whys & {Why.NEEDED.value, Why.INTERPRETER.value}))
            groups.setdefault(key, []).append(path)
    return Libraries(
        traced=tuple(groups.get((True, False), ())),
        closure=tuple(groups.get((False, True), ())),
        both=tuple(groups.get((True, True), ())),
        other=tuple(groups.get((False, False), ())),
    )


def missing_libraries(plan: Plan) -> tuple[MissingLibrary, ...]:
    """Return the libraries that kept files need and the original lacks."""
    return tuple(
        MissingLibrary(
            miss.name,
            miss.needer,
            tuple(f"{a.place} ({a.how.value}): {a.reason}" for a in miss.attempts),
        )
        for miss in plan.closure.misses
        if not miss.optional
    )


def absent_paths(plan: Plan) -> tuple[Absent, ...]:
    """Return the paths that programs requested and the original does not have either, each once."""
    once: dict[str, Absent] = {}
    for absent in plan.absent:
        once.setdefault(absent.path, absent)
    return tuple(once.values())
