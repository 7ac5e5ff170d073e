"""The model of units: files that belong together, of which the trace saw a part in use."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import takewhile

from tracewhale.packages import InstalledPackage, Ownership
from tracewhale.rootfs.tree import Entry, Kind, View, parent

ALTERNATIVES = "/etc/alternatives"
"""The directory of the links that choose among commands of the same use (update-alternatives(1))."""


class Level(Enum):
    """The extent of the units kept beside the touched paths, from the least to the most."""

    TOUCHED = "touched"
    MODULE = "module"
    PACKAGE = "package"
    INSTALLED = "installed"

    @property
    def rank(self) -> int:
        """The position in the order of levels: each keeps everything that those before it keep."""
        return list(Level).index(self)


class Mechanism(Enum):
    """The kinds of units, with the names in the report and in ``--no-unit``."""

    OWN = "own-files"
    PATHS = "paths"
    LANGUAGES = "languages"
    PLUGINS = "plugins"
    DLOPEN = "dlopen"
    FONTS = "fonts"
    LINKS = "links"
    PACKAGES = "packages"
    COMMANDS = "commands"
    NAMED = "named"

    @property
    def level(self) -> Level:
        """The lowest level that keeps units of this kind."""
        packages = (Mechanism.PACKAGES, Mechanism.COMMANDS, Mechanism.NAMED)
        return Level.PACKAGE if self in packages else Level.MODULE


@dataclass(frozen=True, slots=True)
class Unit:
    """Files that are not kept yet, and that belong to a thing with other files that are used.

    ``name`` is that thing: a package (``deb:git``), a directory, or a file that names them; ``because`` is a
    used path. ``worth`` is the likelihood that a run needs any of the files, between 0 and 1. Units of a
    ``tier`` are taken before all those of a higher one. An ``indivisible`` unit is useless in part. ``own``
    is true if the author's own code names it. ``after`` is a path without which the unit is of no use, or
    empty.
    """

    mechanism: Mechanism
    name: str
    because: str
    entries: tuple[Entry, ...]
    worth: float
    tier: int = 0
    indivisible: bool = False
    own: bool = False
    after: str = ""

    @property
    def size(self) -> int:
        """The bytes of the regular files."""
        return sum(entry.size for entry in self.entries if entry.kind is Kind.FILE)


def distinct_entries(units: Iterable[Unit]) -> dict[str, Entry]:
    """Return the entries of units by path. Thousands of units may share one tuple of entries."""
    tuples = {id(unit.entries): unit.entries for unit in units}
    return {entry.path: entry for entries in tuples.values() for entry in entries}


@dataclass(frozen=True)
class Scene:
    """The facts in which units are found. ``kept`` are all physical paths that are kept so far.

    ``used`` are those that a program executed, read or mapped, or that another file needs to be loaded;
    ``executed`` and ``dlopened`` (no header of a kept file needs it) are parts of it; ``objects`` are kept
    ELF files, ``targets`` are files that others name in their languages; ``openings`` are pairs of a kept ELF
    file and a library that it may open by a name in its read-only data. ``places`` are the working directory
    and the user's home, ``commands`` the directories of PATH, ``words`` the values of variables and the
    command; ``mounts`` are directories that are not the image's.
    """

    view: View
    kept: Mapping[str, Entry]
    used: frozenset[str]
    executed: frozenset[str] = frozenset()
    dlopened: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    openings: tuple[tuple[str, str], ...] = ()
    places: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    ownership: Ownership = Ownership()

    @property
    def contents(self) -> tuple[InstalledPackage, ...]:
        """The installed packages: see ``Databases.contents``."""
        return self.ownership.contents

    @property
    def owners(self) -> Mapping[str, InstalledPackage]:
        """The owner of each path: the distribution's package, else a language's."""
        return self.ownership.owners

    @property
    def tops(self) -> Mapping[str, InstalledPackage]:
        """Directories that belong to a package with everything below them."""
        return self.ownership.tops

    @property
    def shared(self) -> frozenset[str]:
        """Directories in which packages have files."""
        return self.ownership.shared

    def owner(self, path: str) -> InstalledPackage | None:
        """Return the package of a path, or None if it belongs to no package."""
        return self.ownership.of(path)

    def used_below(self, top: str) -> list[str]:
        """Return the used files below a directory."""
        begin = bisect_left(self._sorted, f"{top}/")
        return list(takewhile(lambda path: path.startswith(f"{top}/"), self._sorted[begin:]))

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.used)

    @cached_property
    def alternatives(self) -> Mapping[str, Sequence[str]]:
        """The alternative names of each path. A link may lead to it through others, such as /bin."""
        names: dict[str, list[str]] = {}
        for name, entry in (self.view.listing(ALTERNATIVES) or {}).items():
            if (target := self.view.resolve(entry.path).entry) is not None:
                names.setdefault(target.path, []).append(name)
        return names

    def is_outside(self, path: str) -> bool:
        """Return whether a path is below a mount."""
        return any(path.startswith(f"{mount}/") for mount in self.mounts)

    def distance(self, directory: str) -> int:
        """Return the number of directories between a directory and the nearest one with a used file in it."""
        best = 12
        up = 0
        while up < best:
            if directory in self._depths:
                best = min(best, up + self._depths[directory])
            if directory == "/":
                break
            directory = parent(directory)
            up += 1
        return best

    @cached_property
    def _depths(self) -> Mapping[str, int]:
        """The depth of the nearest used file below each directory above a used file."""
        depths: dict[str, int] = {}
        for path in self.used:
            depth = 0
            while path != "/":
                path = parent(path)
                if depths.get(path, depth + 1) <= depth:
                    break
                depths[path] = depth
                depth += 1
        return depths
