"""Directories of interchangeable modules, one of which was loaded by a computed name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from tracewhale.packages.contents import LIBC
from tracewhale.rootfs.tree import Kind, parent
from tracewhale.rules import symbols
from tracewhale.rules.engine import DEFAULT_DIRECTORY
from tracewhale.units.ballast import kinds
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.packages import uses
from tracewhale.units.walk import below, group

LIBRARY = re.compile(r"\.so(\.[\d.]+)?$")
SUFFIX = re.compile(r"\.so(\.[\d.]+)?$|\.[^./]+$")
MINIMUM = 3
"""The least number of modules with one suffix in a directory of plugins, and of languages in one of data."""

LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Z][a-z]{3})?([_-]([A-Z]{2}|\d{3}))?")
"""A tag of a language with a script and a region (RFC 5646), as files are named."""

ENGLISH = ("en", "en_us")

CATALOGS = frozenset("i18n intl l10n lang langs language languages locale locales translations".split())
"""The usual names of directories with the translations of a program."""

ZONES = "/usr/share/zoneinfo"
WORTH = 0.6


def plugins(scene: Scene) -> Iterator[Unit]:
    """Yield the other modules of a directory if a library was loaded from it that no header of a kept file
    names, or a module that no kept file imports by its name; also all time zones, data for the languages of
    the author's catalogs, and the C library's converters if a program can request one.

    They have the same suffix. A directory with libraries that headers name is not one of plugins.
    """
    yield from _zones(scene)
    yield from _translations(scene)
    yield from _modules(scene)
    needed = {parent(path) for path in scene.used - scene.dlopened if LIBRARY.search(path)}
    for directory, because in sorted({**_converters(scene), **_directories(scene)}.items()):
        if directory in needed or DEFAULT_DIRECTORY.fullmatch(directory):
            continue
        suffix = _suffix(because) if because.startswith(f"{directory}/") else ".so"
        listing = scene.view.listing(directory) or {}
        alike = [e for e in listing.values() if e.kind is not Kind.DIRECTORY and _suffix(e.path) == suffix]
        if len(alike) >= MINIMUM:
            guessed = not because.startswith(f"{directory}/")
            for unit in group(scene, Mechanism.PLUGINS, directory, because, alike, WORTH, 1):
                yield replace(unit, tier=3) if guessed else unit


def _translations(scene: Scene) -> Iterator[Unit]:
    """Yield the data for the languages of the author's own catalogs and for English, with what all languages
    share, in directories of used packages in which most files are named by languages.

    A catalog is a file such as ``locale/de/LC_MESSAGES/a.mo`` or ``lang/messages.de.yml``.
    """
    languages = {language for path in scene.kept for language in _languages(scene, path)}
    for directory, because in sorted(_by_language(scene).items()):
        files = [e for e in (scene.view.listing(directory) or {}).values() if e.kind is Kind.FILE]
        suffix = Counter(_suffix(e.path) for e in files if LANGUAGE.fullmatch(_stem(e.path))).most_common(1)
        alike = [e for e in files if suffix and _suffix(e.path) == suffix[0][0]]
        if sum(LANGUAGE.fullmatch(_stem(entry.path)) is not None for entry in alike) <= len(files) / 2:
            continue
        useful = [entry for entry in alike if not kinds(entry.path)]
        wanted = [e for e in useful if _language(_stem(e.path)) in languages or _is_common(_stem(e.path))]
        for unit in group(scene, Mechanism.PLUGINS, directory, because, wanted, WORTH, 1):
            yield replace(unit, own=bool(languages))


def _by_language(scene: Scene) -> dict[str, str]:
    """Return the directories of used packages with several files that are named by languages, each with a
    used file of the package."""
    directories: dict[str, str] = {}
    for contents in scene.contents:
        used = set() if contents.base else uses(scene, contents) or contents.paths & scene.targets
        if not used:
            continue
        paths = (path for part in (contents, *scene.ownership.parts(contents)) for path in part.paths)
        tags = Counter(parent(path) for path in paths if LANGUAGE.fullmatch(_stem(path)))
        places = [directory for directory, number in tags.items() if number >= MINIMUM]
        places += [f"{top}/{name}" for top in contents.tops for name in CATALOGS]
        directories |= dict.fromkeys(places, min(used))
    return directories


def _is_common(stem: str) -> bool:
    """Return whether data are for English, or for no one language."""
    return LANGUAGE.fullmatch(stem) is None or _language(stem) in ENGLISH


def _languages(scene: Scene, path: str) -> Iterator[str]:
    """Yield the language of a catalog of the author's, and that without its region."""
    parts = path.split("/")
    at = next((at for at, part in enumerate(parts[:-1]) if part in CATALOGS), None)
    if at is None or ((owner := scene.owner(path)) is not None and not owner.own):
        return
    for name in (*parts[at + 1 : -1], *parts[-1].split(".")[:-1]):
        if LANGUAGE.fullmatch(name):
            yield from (_language(name), re.split("[_-]", name)[0])


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _language(name: str) -> str:
    return name.replace("-", "_").lower()


def _zones(scene: Scene) -> Iterator[Unit]:
    """Yield all time zones (tzfile(5)), whichever the run requested, but not their copies with leap
    seconds."""
    library = (path for path in sorted(scene.used) if LIBC.fullmatch(path))
    because = next(library, min(scene.executed, default=""))  # a static program reads them itself
    copies = (f"{ZONES}/right", f"{ZONES}/posix")
    if because and scene.view.listing(ZONES) is not None:
        entries = below(scene.view, [ZONES], lambda path: path not in copies)
        files = [entry for entry in entries if entry.kind is not Kind.DIRECTORY]
        for unit in group(scene, Mechanism.PLUGINS, ZONES, because, files, WORTH, 1):
            yield replace(unit, own=True)


def _modules(scene: Scene) -> Iterator[Unit]:
    """Yield the modules of a Python package, one of which was imported by a computed name."""
    modules: dict[str, str] = {}
    for path in sorted(scene.used - scene.targets - scene.executed) if scene.targets else ():
        if path.endswith(".py") and not path.endswith("/__init__.py") and scene.owner(path) is not None:
            modules.setdefault(parent(path), path)
    for directory, because in modules.items():
        listing = scene.view.listing(directory) or {}
        alike = [e for e in listing.values() if e.kind is Kind.FILE and e.path.endswith(".py")]
        if "__init__.py" in listing and len(alike) > MINIMUM:
            yield from group(scene, Mechanism.PLUGINS, directory, because, alike, WORTH, 1)


def _converters(scene: Scene) -> dict[str, str]:
    """Yield ``gconv`` beside the C library if a program, or a library that it opened, imports
    iconv_open(3)."""
    candidates = sorted((scene.executed | scene.dlopened) & scene.objects)
    names = symbols.symbol_names(scene.view, candidates, frozenset({"iconv_open"}))
    because = next((path for path in candidates if names[path]), "")
    directories = {parent(path) for path in scene.used if LIBC.fullmatch(path)}
    return {f"{directory}/gconv": because for directory in sorted(directories) if because}


def _directories(scene: Scene) -> dict[str, str]:
    directories: dict[str, str] = {}
    for path in sorted(path for path in scene.dlopened if LIBRARY.search(path)):
        directories.setdefault(parent(path), path)
    return directories


def _suffix(path: str) -> str:
    match = SUFFIX.search(path.rpartition("/")[2])
    return re.sub(r"[\d.]+$", "", match[0]) if match else ""
