"""The files that the original image has and the new one lacks, summed up by place and by package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from tracewhale.packages import Databases
from tracewhale.plan.model import Plan
from tracewhale.rootfs.tree import Entry, Kind, View, parent
from tracewhale.rootfs.walk import walk

SHARE = 1000
"""A place has its own row if it holds more than one part in this number of all removed bytes."""

MOST = 200_000
"""The most entries of the original that are read: a whole machine may have millions."""


@dataclass(frozen=True, slots=True)
class RemovedPlace:
    """Removed files in one place: one file, or those below a directory that have no place of their own."""

    path: str
    files: int
    size: int
    directory: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """Regular files of the original that are not kept: their number and their bytes.

    ``packages`` are triples of a package (``TYPE:NAME@VERSION``), files and bytes, the largest first.
    ``complete`` is false if the original has more entries than were read.
    """

    files: int = 0
    size: int = 0
    places: tuple[RemovedPlace, ...] = ()
    packages: tuple[tuple[str, int, int], ...] = ()
    complete: bool = True


def survey(view: View, plan: Plan, most: int = MOST) -> Removed:
    """Return the files that a plan leaves out of the original, after reading all of its directories."""
    entries = list(islice(walk(view), most + 1))
    removed_files = [e for _, e in entries[:most] if e.kind is Kind.FILE and e.path not in plan.kept]
    kept = {path: planned.entry for path, planned in plan.kept.items()}
    return Removed(
        len(removed_files),
        sum(entry.size for entry in removed_files),
        places({entry.path: entry.size for entry in removed_files}),
        _packages(view, kept, removed_files),
        len(entries) <= most,
    )


def places(sizes: Mapping[str, int]) -> tuple[RemovedPlace, ...]:
    """Sum up removed files, given by path with their bytes, to places in the order of their paths.

    A file that is too small for its own row belongs to that of the nearest directory above it.
    """
    below: Counter[str] = Counter()
    for path, size in sizes.items():
        for directory in _above(path):
            below[directory] += size
    least = sum(sizes.values()) / SHARE
    files: Counter[tuple[str, bool]] = Counter()
    total: Counter[tuple[str, bool]] = Counter()
    for path, size in sizes.items():
        large = size > least
        place = path if large else next((d for d in _above(path) if below[d] > least or d == "/"), "/")
        files[place, not large] += 1
        total[place, not large] += size
    return tuple(
        RemovedPlace(path, files[path, is_dir], total[path, is_dir], is_dir) for path, is_dir in sorted(files)
    )


def _above(path: str) -> Iterable[str]:
    """Return the directories of a path, the nearest first."""
    while path != "/":
        path = parent(path)
        yield path


def _packages(
    view: View, kept: Mapping[str, Entry], entries: Iterable[Entry]
) -> tuple[tuple[str, int, int], ...]:
    ownership = Databases(view).ownership(kept)
    files: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for entry in entries:
        if (contents := ownership.of(entry.path)) is not None:
            package = contents.package
            name = f"{package.kind}:{package.title}@{package.version}"
            files[name] += 1
            total[name] += entry.size
    return tuple((name, files[name], total[name]) for name in sorted(files, key=lambda n: (-total[n], n)))
