"""One family of fonts for a program that can draw text but did not."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.rootfs.tree import Entry, Kind, parent
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.walk import below

CONFIGURATION = "/etc/fonts/fonts.conf"
NAMES = (b"fonts.conf", b"libfontconfig.so")
"""The file that fontconfig reads, and its library. Other libraries contain it, such as libvips of npm."""

LIBRARY_LIMIT = 256 << 20

DIRECTORIES = ("/usr/share/fonts", "/usr/local/share/fonts")
SCALABLE = (".ttf", ".otf", ".ttc")
WORTH = 0.8


def fonts(scene: Scene) -> Iterator[Unit]:
    """Yield the smallest directory of scalable fonts, if kept code uses fontconfig and no font is kept.

    Without any font, a program that draws text fails, and some crash (fonts-conf(5)).
    """
    tops = tuple(f"{directory}/" for directory in DIRECTORIES)
    kept = (path for path, entry in scene.kept.items() if entry.kind is Kind.FILE)
    if CONFIGURATION not in scene.kept or any(path.startswith(tops) for path in kept):
        return
    if not _is_used(scene):
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


def _is_used(scene: Scene) -> bool:
    """Return whether a program read fontconfig's configuration, or a kept ELF file names that."""
    if CONFIGURATION in scene.used:
        return True
    objects = (scene.kept[path] for path in sorted(scene.objects & scene.kept.keys()))
    files = (entry.path for entry in objects if entry.size <= LIBRARY_LIMIT)
    contents = (scene.view.tree.read([(path, 0, -1)])[0] or b"" for path in files)
    return any(name in data for data in contents for name in NAMES)
