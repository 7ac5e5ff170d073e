"""All that installed packages consist of, whether it is kept or not: what belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracewhale.packages.model import Package

LIBC = re.compile(r".*/(libc\.so\.6|libc\.musl-[^/]+\.so\.1|ld-musl-[^/]+\.so\.1)")
"""Files by which the package of the C library is known, whatever it is called."""


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """One installed package and what it consists of.

    ``paths`` are physical paths, of files that the image may have lost since; ``tops`` are directories that
    belong to the package with all that is below them. ``base`` tells that every system of this kind has the
    package (Essential, required, the C library); ``named`` that the author of the image asked for it, and
    did not get it as a dependency; ``own`` that it was made of the author's files; ``depends`` are names of
    packages of the same kind.
    """

    package: Package
    paths: frozenset[str] = frozenset()
    tops: tuple[str, ...] = ()
    base: bool = False
    named: bool = False
    own: bool = False
    depends: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str, str]:
        """The identity of the package and its version."""
        return self.package.kind, self.package.title, self.tops[0] if self.tops else self.package.version


def closure(names: Iterable[str], depends: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return some packages' names with those of all that they depend on."""
    result: set[str] = set()
    pending = [name for name in names if name in depends]
    while pending:
        name = pending.pop()
        if name not in result:
            result.add(name)
            pending += [depend for depend in depends[name] if depend in depends]
    return result
