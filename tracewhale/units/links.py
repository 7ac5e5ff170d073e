"""Symbolic links that are kept and would dangle, though they do not in the original."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.rootfs.tree import Kind
from tracewhale.units.model import Mechanism, Scene, Unit


def links(scene: Scene) -> Iterator[Unit]:
    """Yield what each kept link leads to, with the links and directories on the way: a directory as such."""
    for path, entry in sorted(scene.kept.items()):
        if entry.kind is not Kind.SYMLINK:
            continue
        found = scene.view.resolve(path)
        if found.entry is None or found.entry.path in scene.kept or scene.is_outside(found.entry.path):
            continue
        steps = (scene.view.lstat(step) for step in found.steps)
        way = tuple(
            step
            for step in steps
            if step is not None and step.kind is Kind.SYMLINK and step.path not in scene.kept
        )
        yield Unit(Mechanism.LINKS, path, path, (*way, found.entry), 1.0)
