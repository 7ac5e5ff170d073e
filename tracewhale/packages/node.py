"""Packages of Node: directories with a ``package.json`` that has a name and a version (docs.npmjs.com).

Trivy (language/nodejs/pkg) and Syft (cataloger/javascript) read every ``package.json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tracewhale.packages.contents import InstalledPackage
from tracewhale.packages.files import PackageFiles, encode, words
from tracewhale.packages.model import NOTHING, Document, OwnedPackage, Package, PackageFacts
from tracewhale.packages.walk import above, complete_packages
from tracewhale.packages.walk import licences as licence_files
from tracewhale.rootfs.tree import Entry, Kind, View, join

NAME = re.compile(r"(@[\w.~-]+/)?[\w~-][\w.~-]*")
"""Names of packages (docs.npmjs.com, "package.json"), which are safe as parts of a path."""

CODE = (".js", ".mjs", ".cjs", ".json", ".node", ".wasm")


class NodePackages:
    """Packages in the directories above kept files of Node."""

    def __init__(self, files: PackageFiles) -> None:
        self._files = files

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the packages of some kept paths, and their ``package.json``."""
        view = self._files.view
        files = [path for path, entry in kept.items() if entry.kind is not Kind.DIRECTORY]
        packages = self._packages(self._candidates(files))
        if not packages:
            return NOTHING
        paths: dict[str, list[str]] = {}
        for path in files:
            directory = next((place for place in above(path) if place in packages), None)
            if directory is not None:
                paths.setdefault(directory, []).append(path)
        complete = complete_packages(view, kept, {directory: [directory] for directory in paths})
        documents = [
            Document(join(directory, "package.json"), packages[directory].title, "metadata")
            for directory in paths
        ]
        if licences:
            documents += [
                Document(path, packages[directory].title, "licence")
                for directory in paths
                for path in licence_files(view, directory)
            ]
        owned = [
            OwnedPackage(packages[directory], tuple(sorted(package_paths)), directory in complete)
            for directory, package_paths in paths.items()
        ]
        left_out = _siblings(view, set(paths))
        return PackageFacts(tuple(sorted(owned)), tuple(sorted(left_out)), tuple(sorted(documents)))

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return the packages of kept files, and the dependencies of the application's ``package.json`` with
        all of theirs."""
        files = [path for path, entry in kept.items() if entry.kind is not Kind.DIRECTORY]
        candidates = self._candidates(files)
        result: set[str] = set()
        for directory in candidates:
            if "node_modules" not in directory.split("/"):
                result.update(self._wanted(directory))
        known = set(candidates)
        pending = result - known
        while pending:
            known |= pending
            self._files.read(join(directory, "package.json") for directory in sorted(pending))
            pending = {needed for directory in pending for needed in self._wanted(directory)} - known
        return tuple(
            InstalledPackage(
                package,
                tops=(directory,),
                requested=directory in result,
                depends=tuple(_dependencies(self._files.text(join(directory, "package.json")))),
            )
            for directory, package in self._packages(known).items()
            if "node_modules" in directory.split("/") or "nodejs" in directory.split("/")
        )

    def _wanted(self, directory: str) -> Iterator[str]:
        """Yield directories of a package's dependencies at the places where Node.js searches them
        (modules.html, "Loading from node_modules folders")."""
        view = self._files.view
        for name in _dependencies(self._files.text(join(directory, "package.json"))):
            places = (
                join(above_directory, f"node_modules/{name}")
                for above_directory in (directory, *above(directory))
            )
            home = next((place for place in places if "package.json" in (view.listing(place) or {})), "")
            if home:
                yield home

    def _candidates(self, files: list[str]) -> set[str]:
        """Return directories above kept files of Node that have a ``package.json``."""
        return {
            directory
            for path in files
            if path.endswith(CODE)
            for directory in above(path)
            if directory != "/" and "package.json" in (self._files.view.listing(directory) or {})
        }

    def _packages(self, directories: set[str]) -> dict[str, Package]:
        contents = self._files.read(join(directory, "package.json") for directory in sorted(directories))
        result = {}
        for path, content in contents.items():
            package = _package(content)
            if package is not None:
                result[path.rpartition("/")[0] or "/"] = package
        return result


def _dependencies(manifest: str) -> Iterator[str]:
    """Yield names of the dependencies in a ``package.json`` that do not only serve development."""
    try:
        value = json.loads(manifest)
    except (ValueError, RecursionError):
        return
    for field in ("dependencies", "optionalDependencies"):
        names = value.get(field) if isinstance(value, dict) else None
        yield from (name for name in names if NAME.fullmatch(name)) if isinstance(names, dict) else ()


def _siblings(view: View, directories: set[str]) -> set[Package]:
    """Return packages beside these in the same ``node_modules`` or, in Debian, ``nodejs``: by their names,
    because their versions would have to be read."""
    homes = {
        home
        for directory in directories
        for home in above(directory)
        if home.endswith(("/node_modules", "/share/nodejs", "/lib/nodejs"))
    }
    result: set[Package] = set()
    for home in homes:
        for name, entry in (view.listing(home) or {}).items():
            below = view.listing(entry.path) if name.startswith("@") else None
            for sibling in (entry,) if below is None else below.values():
                if sibling.kind is Kind.DIRECTORY and sibling.path not in directories and name[0] != ".":
                    plain = words(encode(sibling.path.rpartition("/")[2]))
                    scope = "" if below is None else words(encode(name))
                    result.add(Package("npm", plain, "", namespace=scope))
    return result


def _package(content: bytes) -> Package | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    name, version = value.get("name"), value.get("version")
    if not (isinstance(name, str) and isinstance(version, str) and name and version):
        return None
    name, version = clean(name), clean(version)
    scope, slash, plain = name.partition("/")
    scoped = bool(slash) and scope.startswith("@")
    return Package(
        kind="npm",
        name=plain if scoped else name,
        version=version,
        namespace=scope if scoped else "",
        licence=_text(value.get("license"), "type"),
        supplier=_text(value.get("author"), "name"),
    )


def _text(value: Any, member: str) -> str:
    """Return a text, or the text in an older form's object."""
    if isinstance(value, dict):
        value = value.get(member)
    return clean(value) if isinstance(value, str) else ""


def clean(text: str) -> str:
    """Return text without lone surrogates, which JSON can contain."""
    return text.encode("utf-8", "backslashreplace").decode()
