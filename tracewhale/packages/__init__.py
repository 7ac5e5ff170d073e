"""The package of each kept file, and the metadata that lets scanners find it in the new image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tracewhale.packages.apk import Apk
from tracewhale.packages.contents import Contents, closure
from tracewhale.packages.distribution import distribution, documents
from tracewhale.packages.dpkg import Dpkg
from tracewhale.packages.files import PackageFiles
from tracewhale.packages.java import Java
from tracewhale.packages.model import (
    Distribution,
    Document,
    GeneratedFile,
    Inventory,
    Owned,
    Package,
    PackageFacts,
)
from tracewhale.packages.node import Node
from tracewhale.packages.python import Python
from tracewhale.packages.rpm import Rpm
from tracewhale.packages.ruby import Ruby
from tracewhale.rootfs.tree import Entry, View

__all__ = [
    "Contents",
    "Databases",
    "Distribution",
    "Document",
    "GeneratedFile",
    "Inventory",
    "Owned",
    "Package",
    "closure",
]


class Database(Protocol):
    """The packages of one kind."""

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the packages of some kept physical paths, and what the new image carries for them."""
        ...

    def contents(self, kept: Mapping[str, Entry]) -> tuple[Contents, ...]:
        """All that the packages consist of: of a language's, those near kept paths."""
        ...


class Databases:
    """All package metadata of a tree: pure but for what it reads, and the same answer each time."""

    def __init__(self, view: View) -> None:
        files = self._files = PackageFiles(view)
        self._systems: tuple[Database, ...] = (Dpkg(files), Apk(files), Rpm(files))
        self._languages: tuple[Database, ...] = (Python(files), Node(files), Ruby(files), Java(files))

    def contents(self, kept: Mapping[str, Entry]) -> tuple[Contents, ...]:
        """What the installed packages consist of: all of the distribution, and a language's near kept paths.

        A distribution's package comes first, then what may be inside of one.
        """
        systems = [contents for database in self._systems for contents in database.contents(kept)]
        return (*systems, *self.languages(kept))

    def languages(self, kept: Mapping[str, Entry]) -> tuple[Contents, ...]:
        """What the packages of languages consist of that are near kept paths."""
        return tuple(contents for database in self._languages for contents in database.contents(kept))

    def find(
        self, kept: Mapping[str, Entry], *, licences: bool = True
    ) -> tuple[Inventory, tuple[Document, ...], tuple[GeneratedFile, ...]]:
        """Return the packages of some kept physical paths; what to keep for them, and what to write.

        To be called again when what it names is kept, until it names nothing new: ``licences`` keeps
        copyright and licence files.
        """
        systems = [database.find(kept, licences=licences) for database in self._systems]
        found = [*systems, *(database.find(kept, licences=licences) for database in self._languages)]
        named = documents(self._files) if any(each.kept for each in systems) else []
        return (
            Inventory(
                tuple(sorted(owned for each in found for owned in each.kept)),
                tuple(sorted(package for each in found for package in each.left_out)),
                distribution(self._files),
            ),
            tuple(sorted({*named, *(document for each in found for document in each.documents)})),
            tuple(sorted(written for each in found for written in each.written)),
        )
