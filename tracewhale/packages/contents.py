"""The contents of installed packages, kept or not, from which units are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tracewhale.packages.model import Package
from tracewhale.rootfs.tree import parent

LIBC = re.compile(r".*/(libc\.so\.6|libc\.musl-[^/]+\.so\.1|ld-musl-[^/]+\.so\.1)")
"""Files that identify the package of the C library, whatever its name."""


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """One installed package and its contents.

    ``paths`` are physical paths of files, which the image may lack; ``tops`` are directories that belong to
    the package with everything below them. ``base`` marks a package that every system of this kind has
    (Essential, required, the C library); ``requested`` one that the author of the image requested, and that
    is not just a dependency; ``own`` one made of the author's files; ``depends`` are names of packages of the
    same kind, and ``suggests`` those that a package of Debian can also use.
    """

    package: Package
    paths: frozenset[str] = frozenset()
    tops: tuple[str, ...] = ()
    base: bool = False
    requested: bool = False
    own: bool = False
    depends: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str, str]:
        """The package's identity and its version."""
        return self.package.kind, self.package.title, self.tops[0] if self.tops else self.package.version

    @property
    def source(self) -> str:
        """The name of the source package from which the package is made."""
        return self.package.source or self.package.name


@dataclass(frozen=True)
class Ownership:
    """The installed packages, and the one to which a path belongs."""

    contents: tuple[InstalledPackage, ...] = ()

    @cached_property
    def owners(self) -> Mapping[str, InstalledPackage]:
        """The owner of each path: the distribution's package, else a language's."""
        owners: dict[str, InstalledPackage] = {}
        for contents in reversed(self.contents):
            owners.update(dict.fromkeys(contents.paths, contents))
        return owners

    @cached_property
    def tops(self) -> Mapping[str, InstalledPackage]:
        """Directories that belong to a package with everything below them."""
        return {top: contents for contents in self.contents for top in contents.tops}

    @cached_property
    def shared(self) -> frozenset[str]:
        """Directories in which packages have files."""
        paths: set[str] = set()
        for path in self.owners:
            while (path := parent(path)) not in paths:
                paths.add(path)
        return frozenset(paths)

    def parts(self, contents: InstalledPackage) -> tuple[InstalledPackage, ...]:
        """Return the packages of the same source that a package depends on, such as one with its data.

        Packages of languages have no source package: each has its own.
        """
        depends = (self._titles.get((contents.package.kind, name)) for name in contents.depends)
        return tuple(part for part in depends if part is not None and part.source == contents.source)

    @cached_property
    def _titles(self) -> Mapping[tuple[str, str], InstalledPackage]:
        return {(contents.package.kind, contents.package.name): contents for contents in self.contents}

    def of(self, path: str) -> InstalledPackage | None:
        """Return the package of a path, or None if it belongs to no package."""
        if path in self.owners:
            return self.owners[path]
        while path != "/":
            if path in self.tops:
                return self.tops[path]
            path = parent(path)
        return None


def closure(names: Iterable[str], depends: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the names of some packages and of all their dependencies."""
    result: set[str] = set()
    pending = [name for name in names if name in depends]
    while pending:
        name = pending.pop()
        if name not in result:
            result.add(name)
            pending += [depend for depend in depends[name] if depend in depends]
    return result
