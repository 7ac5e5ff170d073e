"""Distributions of Python: ``*.dist-info`` (PyPA, "Recording installed projects") and ``*.egg-info``.

RECORD, or pip's ``installed-files.txt``, lists the files of a distribution; if its packager removed these,
they are the packages in ``top_level.txt``. Trivy (language/python/packaging) and Syft (cataloger/python) read
METADATA and PKG-INFO.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser

from tracewhale.packages.contents import InstalledPackage
from tracewhale.packages.files import PackageFiles, decode, encode, normal, substance, words
from tracewhale.packages.model import NOTHING, Document, OwnedPackage, Package, PackageFacts
from tracewhale.packages.walk import complete_packages
from tracewhale.packages.walk import licences as licence_files
from tracewhale.rootfs.tree import Entry, Kind, join, parent

INFO = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-py[\d.]+)?(-[^-]+)?\.(dist|egg)-info|.+\.egg-info")
INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
"""Distributions of every environment, which install the others (PyPA, "Creating virtual environments")."""

COMPILED = re.compile(r"(?P<directory>.*)/__pycache__/(?P<module>[^/.]+)\.[^/]*\.pyc")


@dataclass(frozen=True, slots=True)
class _Distribution:
    """One ``*-info`` with its directory, the file with its metadata, and its files."""

    info: Entry
    base: str
    metadata: str
    record: frozenset[str]
    tops: tuple[str, ...]


class PythonPackages:
    """Distributions in the directories that hold kept files."""

    def __init__(self, files: PackageFiles) -> None:
        self._files = files
        self._known: dict[str, list[_Distribution]] = {}

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the distributions of some kept paths, and their metadata."""
        distributions = [distribution for base in self._bases(kept) for distribution in self._known[base]]
        if not distributions:
            return NOTHING
        files = [path for path, entry in kept.items() if entry.kind is not Kind.DIRECTORY]
        paths = _assign(distributions, files)
        there = [
            distribution for distribution in distributions if substance(paths.get(distribution.info.path, ()))
        ]
        complete = complete_packages(
            self._files.view,
            kept,
            {
                distribution.info.path: [*(distribution.record or distribution.tops), distribution.info.path]
                for distribution in there
            },
        )
        metadata = self._files.read(distribution.metadata for distribution in there)
        owned, documents = [], []
        for distribution in there:
            package = _package(distribution.info, words(metadata.get(distribution.metadata, b"")))
            owned.append(
                OwnedPackage(
                    package, tuple(sorted(paths[distribution.info.path])), distribution.info.path in complete
                )
            )
            documents.append(Document(distribution.metadata, package.name, "metadata"))
            if licences and distribution.info.kind is Kind.DIRECTORY:
                licences_found = licence_files(self._files.view, distribution.info.path)
                documents += [Document(path, package.name, "licence") for path in licences_found]
        left_out = [
            _package(distribution.info, "") for distribution in distributions if distribution not in there
        ]
        return PackageFacts(tuple(sorted(owned)), tuple(sorted(left_out)), tuple(sorted(documents)))

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return all distributions in kept directories. pip writes REQUESTED for a requested one (PEP 376),
        and direct_url.json for one that comes from no index (PEP 610)."""
        distributions = [distribution for base in self._bases(kept) for distribution in self._known[base]]
        metadata = self._files.read(distribution.metadata for distribution in distributions)
        return tuple(
            InstalledPackage(
                _package(distribution.info, ""),
                paths=distribution.record,
                tops=() if distribution.record else distribution.tops,
                base=_package(distribution.info, "").name in INSTALLERS,
                requested="REQUESTED" in (self._files.view.listing(distribution.info.path) or {}),
                own="direct_url.json" in (self._files.view.listing(distribution.info.path) or {}),
                depends=_requirements(words(metadata.get(distribution.metadata, b""))),
            )
            for distribution in distributions
        )

    def _bases(self, kept: Mapping[str, Entry]) -> list[str]:
        """Return kept directories with distributions, after reading new ones."""
        view = self._files.view
        bases = [
            path
            for path, entry in kept.items()
            if entry.kind is Kind.DIRECTORY
            and any(name.endswith("-info") and INFO.fullmatch(name) for name in view.listing(path) or {})
        ]
        unknown = [base for base in bases if base not in self._known]
        infos = [
            entry
            for base in unknown
            for name, entry in (view.listing(base) or {}).items()
            if INFO.fullmatch(name) and entry.kind in (Kind.FILE, Kind.DIRECTORY)
        ]
        view.prefetch(entry.path for entry in infos if entry.kind is Kind.DIRECTORY)
        names = ("RECORD", "installed-files.txt", "top_level.txt")
        contents = self._files.read(join(info.path, name) for info in infos for name in names)
        for base in unknown:
            self._known[base] = []
        for info in infos:
            texts = [decode(contents.get(join(info.path, name), b"")) for name in names]
            self._known[parent(info.path)].append(_distribution(info, *texts))
        return bases


def _distribution(info: Entry, record: str, installed: str, top_level: str) -> _Distribution:
    base = parent(info.path)
    if info.kind is Kind.FILE:
        metadata = info.path
    else:
        metadata = join(info.path, "METADATA" if info.path.endswith(".dist-info") else "PKG-INFO")
    listed = {normal(f"{base}/{row[0]}") for row in _rows(record) if row and row[0]}
    listed |= {normal(f"{info.path}/{line}") for line in installed.splitlines() if line}
    tops = top_level.split() or [_package(info, "").name.lower().replace("-", "_")]
    return _Distribution(
        info,
        base,
        metadata,
        frozenset(listed),
        tuple(join(base, normal(top)[1:] + ending) for top in tops for ending in ("", ".py")),
    )


def _rows(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text.splitlines())
    except csv.Error:
        return


def _assign(distributions: Iterable[_Distribution], files: Iterable[str]) -> dict[str, set[str]]:
    """Return the kept files of each distribution, by the path of its ``*-info``."""
    recorded: dict[str, list[str]] = {}
    tops: dict[str, list[str]] = {}
    for distribution in distributions:
        for path in distribution.record:
            recorded.setdefault(path, []).append(distribution.info.path)
        for path in () if distribution.record else distribution.tops:
            tops.setdefault(path, []).append(distribution.info.path)
        tops.setdefault(distribution.info.path, []).append(distribution.info.path)
    result: dict[str, set[str]] = {}
    for path in files:
        compiled = COMPILED.fullmatch(path)
        source = f"{compiled['directory']}/{compiled['module']}.py" if compiled else path
        owners = recorded.get(path) or recorded.get(source)
        if not owners:
            owners = next((tops[p] for p in _upwards(source) if p in tops), [])
        for owner in owners:
            result.setdefault(owner, set()).add(path)
    return result


def _requirements(metadata: str) -> tuple[str, ...]:
    """Return the unconditional names in Requires-Dist (core metadata, PEP 508)."""
    fields = HeaderParser().parsestr(metadata.partition("\n\n")[0])
    requirements = [
        str(value) for value in fields.get_all("Requires-Dist") or [] if "extra ==" not in str(value)
    ]
    return tuple(
        match[0] for value in requirements if (match := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", value))
    )


def _upwards(path: str) -> Iterator[str]:
    while path != "/":
        yield path
        path = parent(path)


def _package(info: Entry, metadata: str) -> Package:
    """Return a package from its core metadata (packaging.python.org), else from the name of the
    ``*-info``."""
    name = words(encode(info.path.rpartition("/")[2]))
    parts = INFO.fullmatch(name)
    fields = HeaderParser().parsestr(metadata.partition("\n\n")[0])
    plain = name.removesuffix(".egg-info").removesuffix(".dist-info")
    return Package(
        kind="pypi",
        name=str(fields.get("Name") or (parts and parts["name"]) or plain).strip(),
        version=str(fields.get("Version") or (parts and parts["version"]) or "").strip(),
        licence=str(fields.get("License-Expression") or fields.get("License") or "").strip().split("\n")[0],
        supplier=str(fields.get("Author") or fields.get("Author-email") or "").strip().split("\n")[0],
    )
