"""Libraries that kept ELF files may open by name (dlopen(3)) and that no header names."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.rootfs.tree import Kind
from tracewhale.units.model import Mechanism, Scene, Unit

USED_WORTH, WORTH = 0.5, 0.3
"""The worth of a library that a used file names, and of one that another kept file names."""


def dlopened(scene: Scene) -> Iterator[Unit]:
    """Yield each library that a kept ELF file names among its string literals, with the links to it."""
    for needer, path in scene.openings:
        found = scene.view.resolve(path)
        if needer not in scene.kept or found.entry is None or scene.is_outside(found.entry.path):
            continue
        steps = (scene.view.lstat(step) for step in found.steps)
        links = [step for step in steps if step is not None and step.kind is Kind.SYMLINK]
        entries = tuple(entry for entry in (*links, found.entry) if entry.path not in scene.kept)
        if entries:
            worth = USED_WORTH if needer in scene.used else WORTH
            yield Unit(Mechanism.DLOPEN, path, needer, entries, worth, whole=True)
