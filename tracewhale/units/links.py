"""Kept symbolic links that would dangle in the new image, but not in the original."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.rootfs.tree import Kind
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.walk import way


def links(scene: Scene) -> Iterator[Unit]:
    """Yield the target of each kept link, with the links and directories on the way; a directory without its
    contents."""
    for path, entry in sorted(scene.kept.items()):
        if entry.kind is Kind.SYMLINK and (entries := way(scene, path)):
            yield Unit(Mechanism.LINKS, path, path, entries, 1.0)
