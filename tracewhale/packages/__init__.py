"""The package of each kept file, and the metadata that lets scanners find it in the new image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

from tracewhale.packages.apk import Apk
from tracewhale.packages.contents import InstalledPackage, Ownership, closure
from tracewhale.packages.distribution import distribution, documents
from tracewhale.packages.dpkg import Dpkg
from tracewhale.packages.files import PackageFiles
from tracewhale.packages.java import JavaPackages
from tracewhale.packages.model import (
    Distribution,
    Document,
    GeneratedFile,
    Inventory,
    OwnedPackage,
    Package,
    PackageFacts,
)
from tracewhale.packages.node import NodePackages
from tracewhale.packages.python import PythonPackages
from tracewhale.packages.rpm import Rpm
from tracewhale.packages.ruby import RubyPackages
from tracewhale.rootfs.tree import Entry, View

__all__ = [
    "Databases",
    "Distribution",
    "Document",
    "GeneratedFile",
    "InstalledPackage",
    "Inventory",
    "OwnedPackage",
    "Ownership",
    "Package",
    "closure",
]


class Database(Protocol):
    """The packages of one kind."""

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the packages of some kept physical paths, and the metadata of the new image for them."""
        ...

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return the contents of all packages of a distribution; of a language's, those near kept paths."""
        ...


class Databases:
    """All package metadata of a tree. It only reads, and gives the same answer each time."""

    def __init__(self, view: View) -> None:
        files = self._files = PackageFiles(view)
        self._systems: tuple[Database, ...] = (Dpkg(files), Apk(files), Rpm(files))
        self._languages: tuple[Database, ...] = (
            PythonPackages(files),
            NodePackages(files),
            RubyPackages(files),
            JavaPackages(files),
        )
        self._ownership = Ownership()

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return the contents of the installed packages: all of the distribution, and a language's near kept
        paths.

        A distribution's package comes before packages that may be inside it.
        """
        return (*self._installed, *self.languages(kept))

    def ownership(self, kept: Mapping[str, Entry]) -> Ownership:
        """Return the packages of all paths: of ``contents``, those of the last call if it was the same."""
        contents = self.contents(kept)
        if contents != self._ownership.contents:
            self._ownership = Ownership(contents)
        return self._ownership

    @cached_property
    def _installed(self) -> tuple[InstalledPackage, ...]:
        return tuple(contents for database in self._systems for contents in database.contents({}))

    def languages(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return the contents of the packages of languages near kept paths."""
        return tuple(contents for database in self._languages for contents in database.contents(kept))

    def find(
        self, kept: Mapping[str, Entry], *, licences: bool = True
    ) -> tuple[Inventory, tuple[Document, ...], tuple[GeneratedFile, ...]]:
        """Return the packages of some kept physical paths, the documents to keep for them, and the files to
        write.

        Call it again when its documents are kept, until it names no new ones: ``licences`` keeps copyright
        and licence files.
        """
        systems = [database.find(kept, licences=licences) for database in self._systems]
        facts = [*systems, *(database.find(kept, licences=licences) for database in self._languages)]
        licence_paths = (
            documents(self._files) if any(database_facts.kept_packages for database_facts in systems) else []
        )
        return (
            Inventory(
                tuple(sorted(owned for database_facts in facts for owned in database_facts.kept_packages)),
                tuple(sorted(package for database_facts in facts for package in database_facts.left_out)),
                distribution(self._files),
            ),
            tuple(
                sorted(
                    {
                        *licence_paths,
                        *(document for database_facts in facts for document in database_facts.documents),
                    }
                )
            ),
            tuple(sorted(file for database_facts in facts for file in database_facts.generated_files)),
        )
