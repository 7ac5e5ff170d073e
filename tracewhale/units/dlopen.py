"""Libraries that kept ELF files may open by name (dlopen(3)) and that no header names."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.packages import InstalledPackage
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.walk import way

USED_WORTH, WORTH, LEAST_WORTH = 0.5, 0.3, 0.15
"""The worth of a library that a used file names, of one that another kept file names, and of one that only a
library of every system names, or one whose package works without it."""

DEBIAN = "deb"

BASE_SIZE = 150_000
"""The most bytes of a library that only one of every system names: larger ones are left to rules, such as the
one for names of hosts that are not ASCII."""


def dlopened(scene: Scene) -> Iterator[Unit]:
    """Yield each library among the string literals of a kept ELF file, with the links to it."""
    for needer, path in scene.openings:
        entries = way(scene, path) if needer in scene.kept else ()
        if entries:
            owner = scene.owner(needer)
            base = owner is not None and owner.base
            if base and sum(entry.size for entry in entries) > BASE_SIZE:
                continue
            strange = base or _is_strange(scene, owner, entries[-1].path)
            worth = LEAST_WORTH if strange else USED_WORTH if needer in scene.used else WORTH
            yield Unit(Mechanism.DLOPEN, path, needer, entries, worth, indivisible=True)


def _is_strange(scene: Scene, owner: InstalledPackage | None, path: str) -> bool:
    """Return whether a library is of a package of Debian that the one that names it does not even suggest:
    OpenJDK asks GLib for proxies where a desktop has it, and is installed without."""
    other = scene.owner(path)
    if owner is None or other is None or owner.package.kind != DEBIAN or other.package.kind != DEBIAN:
        return False
    return owner.source != other.source and other.package.name not in {*owner.depends, *owner.suggests}
