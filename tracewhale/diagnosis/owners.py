"""The package of a path of an image, even if the path is missing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property

from tracewhale.packages import Databases, InstalledPackage, Package
from tracewhale.rootfs.tree import Entry, Kind, View, parent

FEW = 3
"""The most packages that may share a directory before it counts as nobody's."""


class Owners:
    """The package databases of one tree, each read once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._databases = Databases(view)
        self._known: dict[str, tuple[Package, ...]] = {}
        self._near: dict[tuple[str, ...], list[InstalledPackage]] = {}

    def of(self, paths: Iterable[str]) -> tuple[Package, ...]:
        """Return the packages of some requested paths, each once.

        A missing path belongs to a package only if the package lists it. A directory that belongs to a
        package with all its contents does not show what is missing in it.
        """
        wanted = list(paths)
        for path in wanted:
            if path not in self._known:
                self._known[path] = self._find(path)
        return tuple(dict.fromkeys(package for path in wanted for package in self._known[path]))

    def lost(self, names: Iterable[str], ending: str = "") -> tuple[str, ...]:
        """Return the missing paths that a package of the distribution lists and that end with one of some
        names. ``ending`` is the text after a name and a dot."""
        packages = [
            path
            for name in names
            for path in self._by_base.get(os.path.basename(name), ())
            if path.endswith(f"/{name.lstrip('/')}")
        ]
        if ending:
            stems = {os.path.basename(name) for name in names}
            packages += [
                path
                for base, paths in self._by_base.items()
                if base.endswith(ending) and base.partition(".")[0] in stems
                for path in paths
            ]
        return tuple(path for path in dict.fromkeys(packages) if not self._view.resolve(path).exists)

    def _find(self, path: str) -> tuple[Package, ...]:
        there = self._view.resolve(path).entry
        place = there.path if there is not None else self._place(path)
        exact = self._systems.get(place, ()) or (self._directories.get(place, ()) if there is None else ())
        if exact or (there is not None and there.kind is Kind.DIRECTORY):
            return exact
        if there is not None:
            inventory = self._databases.find({place: there}, licences=False)[0]
            return inventory.owners.get(place, ())
        return tuple(
            contents.package for contents in self._contents(parent(place)) if place in contents.paths
        )

    def _place(self, path: str) -> str:
        """Return the path of a missing file with the links above it resolved."""
        above = self._view.resolve(parent(path)).entry
        return f"{above.path.rstrip('/')}/{os.path.basename(path)}" if above is not None else path

    def _contents(self, directory: str) -> Sequence[InstalledPackage]:
        """Return the contents of Python packages near a directory: pip lists their files."""
        near: dict[str, Entry] = {}
        place = directory
        while place != "/":
            entry = self._view.resolve(place).entry
            if entry is not None and entry.kind is Kind.DIRECTORY:
                near[entry.path] = entry
            place = parent(place)
        key = tuple(near)
        if key not in self._near:
            self._near[key] = [contents for contents in self._databases.languages(near) if contents.paths]
        return self._near[key]

    @cached_property
    def _systems(self) -> dict[str, tuple[Package, ...]]:
        """The packages of the distribution by path, without directories, which belong to many packages."""
        owners: dict[str, tuple[Package, ...]] = {}
        for contents in self._databases.contents({}):
            above = {parent(path) for path in contents.paths}
            for path in contents.paths - above:
                owners[path] = (*owners.get(path, ()), contents.package)
        return owners

    @cached_property
    def _directories(self) -> dict[str, tuple[Package, ...]]:
        """The owners of each directory that few packages share."""
        whose: dict[str, dict[Package, None]] = {}
        for path, packages in self._systems.items():
            above = parent(path)
            while above != "/":
                whose.setdefault(above, {}).update(dict.fromkeys(packages))
                above = parent(above)
        return {path: tuple(owners) for path, owners in whose.items() if len(owners) <= FEW}

    @cached_property
    def _by_base(self) -> dict[str, list[str]]:
        paths: dict[str, list[str]] = {}
        for path in self._systems:
            paths.setdefault(os.path.basename(path), []).append(path)
        return paths
