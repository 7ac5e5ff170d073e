"""The records of a package database that lists the files of each package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

from tracewhale.packages.files import Completeness, substance
from tracewhale.packages.model import OwnedPackage, Package
from tracewhale.rootfs.tree import Entry, Kind, View


class Record(Protocol):
    """One installed package, and the physical paths of its files."""

    @property
    def package(self) -> Package: ...

    @property
    def paths(self) -> AbstractSet[str]: ...


R = TypeVar("R", bound=Record)


def files_of(kept: Mapping[str, Entry]) -> frozenset[str]:
    """Return the paths of kept entries that are not directories."""
    return frozenset(path for path, entry in kept.items() if entry.kind is not Kind.DIRECTORY)


def divide(
    view: View, records: Iterable[R], kept: Mapping[str, Entry]
) -> tuple[list[R], tuple[OwnedPackage, ...], tuple[Package, ...]]:
    """Return the records of packages with kept files, these packages, and the others; packages are sorted."""
    files = files_of(kept)
    present: list[R] = []
    missing: list[Package] = []
    for record in records:
        if substance(record.paths & files):
            present.append(record)
        else:
            missing.append(record.package)
    lacking = {number: sorted(record.paths - kept.keys()) for number, record in enumerate(present)}
    complete = Completeness(view).complete(lacking)
    owned = (
        OwnedPackage(record.package, tuple(sorted(record.paths & files)), number in complete)
        for number, record in enumerate(present)
    )
    return present, tuple(sorted(owned)), tuple(sorted(missing))
