"""One family of fonts for a program that could draw text but did not."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.rootfs.tree import Entry, Kind, parent
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.walk import below

CONFIGURATION = "/etc/fonts/fonts.conf"
DIRECTORIES = ("/usr/share/fonts", "/usr/local/share/fonts")
SCALABLE = (".ttf", ".otf", ".ttc")
WORTH = 0.8


def fonts(scene: Scene) -> Iterator[Unit]:
    """Yield the smallest directory of scalable fonts, if fontconfig is configured and no font is kept.

    Without any font, a program that draws text fails, and some crash (fonts-conf(5)).
    """
    tops = tuple(f"{directory}/" for directory in DIRECTORIES)
    kept = (path for path, entry in scene.kept.items() if entry.kind is Kind.FILE)
    if CONFIGURATION not in scene.kept or any(path.startswith(tops) for path in kept):
        return
    families: dict[str, list[Entry]] = {}
    for entry in below(scene.view, DIRECTORIES, lambda path: not scene.is_outside(f"{path}/")):
        if entry.kind is Kind.FILE and entry.path.endswith(SCALABLE):
            families.setdefault(parent(entry.path), []).append(entry)
    if families:
        directory = min(families, key=lambda path: (sum(entry.size for entry in families[path]), path))
        yield Unit(
            Mechanism.FONTS, directory, CONFIGURATION, tuple(families[directory]), WORTH, indivisible=True
        )
