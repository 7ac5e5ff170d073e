"""Gems of Ruby: ``gems/NAME-VERSION[-PLATFORM]/`` with ``specifications/NAME-VERSION[-PLATFORM].gemspec``.

Trivy (language/ruby/gemspec) and Syft (cataloger/ruby) read the specifications.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tracewhale.packages.contents import InstalledPackage
from tracewhale.packages.files import PackageFiles, encode, words
from tracewhale.packages.model import NOTHING, Document, OwnedPackage, Package, PackageFacts
from tracewhale.packages.walk import complete_packages
from tracewhale.packages.walk import licences as licence_files
from tracewhale.rootfs.tree import Entry, Kind

FILE = re.compile(r"(?P<home>.*)/gems/(?P<full>[^/]+-\d[^/]*)/.+", re.DOTALL)
FULL_NAME = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*)(-(?P<platform>.+))?")
LICENCE = re.compile(r"\.licenses?\s*=\s*\[?\s*[\"']([^\"']+)[\"']")
AUTHORS = re.compile(r"\.authors?\s*=\s*\[?\s*[\"']([^\"']+)[\"']")


class RubyPackages:
    """Gems in the directories of kept files."""

    def __init__(self, files: PackageFiles) -> None:
        self._files = files

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the gems of some kept paths, and their specifications."""
        view = self._files.view
        gems: dict[tuple[str, str], list[str]] = {}
        for path, entry in kept.items():
            match = FILE.fullmatch(path) if entry.kind is not Kind.DIRECTORY else None
            if match:
                gems.setdefault((match["home"], match["full"]), []).append(path)
        homes = {home for home, _ in gems}
        view.prefetch(f"{home}/specifications" for home in homes)
        known = {
            (home, name.removesuffix(".gemspec")): f"{home}/specifications/{name}"
            for home in homes
            for name in view.listing(f"{home}/specifications") or {}
            if name.endswith(".gemspec")
        }
        there = {gem: known[gem] for gem in gems if gem in known}
        if not there:
            return NOTHING
        contents = self._files.read(there.values())
        directories = {gem: f"{gem[0]}/gems/{gem[1]}" for gem in there}
        complete = complete_packages(
            view, kept, {directory: [directory] for directory in directories.values()}
        )
        owned, documents = [], []
        for gem, specification in there.items():
            package = _package(gem[1], words(contents.get(specification, b"")))
            own = [specification] if specification in kept else []
            owned.append(OwnedPackage(package, tuple(sorted(gems[gem] + own)), directories[gem] in complete))
            documents.append(Document(specification, package.name, "metadata"))
            if licences:
                licence_paths = licence_files(view, directories[gem])
                documents += [Document(path, package.name, "licence") for path in licence_paths]
        left_out = {_package(full, "") for home, full in known if (home, full) not in there}
        return PackageFacts(tuple(sorted(owned)), tuple(sorted(left_out)), tuple(sorted(documents)))

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return the gems in the gem directories of kept files."""
        view = self._files.view
        matches = (FILE.fullmatch(path) for path, entry in kept.items() if entry.kind is not Kind.DIRECTORY)
        homes = {match["home"] for match in matches if match}
        view.prefetch(f"{home}/gems" for home in homes)
        return tuple(
            InstalledPackage(_package(full, ""), tops=(f"{home}/gems/{full}",))
            for home in sorted(homes)
            for full in view.listing(f"{home}/gems") or {}
        )


def _package(full: str, specification: str) -> Package:
    full = words(encode(full))
    parts = FULL_NAME.fullmatch(full)
    licence, author = LICENCE.search(specification), AUTHORS.search(specification)
    return Package(
        kind="gem",
        name=parts["name"] if parts else full,
        version=parts["version"] if parts else "",
        architecture=(parts["platform"] or "") if parts else "",
        licence=licence[1] if licence else "",
        supplier=author[1] if author else "",
    )
