"""The packages of an image, their kept files, and their metadata in the new image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One installed package. ``kind`` is the package-url type: deb, rpm, apk, pypi, npm, gem, maven.

    ``namespace`` is the npm scope with its ``@`` or the Maven group; ``source`` and ``source_version`` name
    the source package of a distribution's package, empty if they are the same. ``licence`` is in the
    package's own form, ``supplier`` its maintainer, vendor or author.
    """

    kind: str
    name: str
    version: str
    architecture: str = ""
    namespace: str = ""
    source: str = ""
    source_version: str = ""
    licence: str = ""
    supplier: str = ""

    @property
    def title(self) -> str:
        """The name that people use: with its scope or group."""
        if not self.namespace:
            return self.name
        return f"{self.namespace}{':' if self.kind == 'maven' else '/'}{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class OwnedPackage:
    """A package with kept files: their physical paths, and whether these are all its files."""

    package: Package
    paths: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True, order=True)
class Document:
    """A path of the original to keep because of a package: it is the ``what`` of ``whom``.

    The path is a requested one: the links on its way are kept, too.
    """

    path: str
    whom: str
    what: str


@dataclass(frozen=True, slots=True, order=True)
class GeneratedFile:
    """A file of the new image that the original lacks, or has with more contents."""

    path: str
    content: bytes
    mtime_ns: int
    whom: str
    what: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """The facts in ``os-release`` (os-release(5)): ``id`` such as ``debian``, ``version`` its VERSION_ID."""

    id: str = ""
    version: str = ""
    name: str = ""


@dataclass(frozen=True)
class Inventory:
    """The packages with kept files, sorted, and those without."""

    kept_packages: tuple[OwnedPackage, ...] = ()
    left_out: tuple[Package, ...] = ()
    distribution: Distribution = field(default_factory=Distribution)

    @cached_property
    def owners(self) -> Mapping[str, tuple[Package, ...]]:
        """The packages of each kept path that has one."""
        result: dict[str, list[Package]] = {}
        for owned in self.kept_packages:
            for path in owned.paths:
                result.setdefault(path, []).append(owned.package)
        return {path: tuple(packages) for path, packages in result.items()}


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """The facts about some kept paths in one package manager's metadata."""

    kept_packages: tuple[OwnedPackage, ...] = ()
    left_out: tuple[Package, ...] = ()
    documents: tuple[Document, ...] = ()
    generated_files: tuple[GeneratedFile, ...] = ()


NOTHING = PackageFacts()
