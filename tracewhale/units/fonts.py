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
WORTH, OTHERS_WORTH = 0.8, 0.4
"""The worth of the first family, and of the others in its directory."""


def fonts(scene: Scene) -> Iterator[Unit]:
    """Yield a family of scalable fonts from the smallest directory of them, if kept code uses fontconfig and
    no font is kept; or the directory's other families if the one that is kept was not used.

    Without any font, a program that draws text fails, and some crash (fonts-conf(5)).
    """
    tops = tuple(f"{directory}/" for directory in DIRECTORIES)
    kept = {path for path, entry in scene.kept.items() if entry.kind is Kind.FILE and path.startswith(tops)}
    if CONFIGURATION not in scene.kept or kept & scene.used:
        return
    directories: dict[str, list[Entry]] = {}
    for entry in below(scene.view, DIRECTORIES, lambda path: not scene.is_outside(f"{path}/")):
        if entry.kind is Kind.FILE and entry.path.endswith(SCALABLE):
            directories.setdefault(parent(entry.path), []).append(entry)
    if not directories:
        return
    directory = min(directories, key=lambda path: (sum(entry.size for entry in directories[path]), path))
    members = directories[directory]
    if kept:
        members = [entry for entry in members if entry.path not in kept]
    else:
        first = min(map(_family, members), key=_preference)
        members = [entry for entry in members if _family(entry) == first]
    if members and _is_used(scene):  # that reads files, so it comes last
        worth = OTHERS_WORTH if kept else WORTH
        yield Unit(Mechanism.FONTS, directory, CONFIGURATION, tuple(members), worth, indivisible=True)


def _family(entry: Entry) -> str:
    return entry.path.rpartition("/")[2].partition(".")[0].partition("-")[0]


def _preference(family: str) -> tuple[bool, int, str]:
    """Return the rank of a family: a sans-serif one, which fontconfig takes for unknown names (fonts.conf),
    and the shorter name, without a script or width in it."""
    return "sans" not in family.lower(), len(family), family


def _is_used(scene: Scene) -> bool:
    """Return whether a program read fontconfig's configuration, or a kept ELF file names that."""
    if CONFIGURATION in scene.used:
        return True
    objects = (scene.kept[path] for path in sorted(scene.objects & scene.kept.keys()))
    files = (entry.path for entry in objects if entry.size <= LIBRARY_LIMIT)
    contents = (scene.view.tree.read([(path, 0, -1)])[0] or b"" for path in files)
    return any(name in data for data in contents for name in NAMES)
