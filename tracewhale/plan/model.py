"""The plan: every kept path with its entry and its reasons, and the user's options for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tracewhale.closure import Closure, Edge
from tracewhale.java.model import ShrunkLibrary
from tracewhale.languages import Environment
from tracewhale.packages import Inventory
from tracewhale.plan.reasons import Reason, Why
from tracewhale.plan.surface import Surface
from tracewhale.rootfs.tree import Entry, Kind, parent
from tracewhale.rules import Rule
from tracewhale.units import Level, Spare, Summary

RUNTIME_PATHS = ("/proc", "/sys", "/dev", "/.tracewhale")
"""Directories that the runtime mounts in every container, and the probe's own: never the image's."""


@dataclass(frozen=True, slots=True)
class PlannedPath:
    """One path of the new image, with at least one reason: as in the original, or *generated*.

    ``content`` are the bytes of a generated file, which the original lacks or has with other contents (for a
    generated directory empty); None for a file of the original.
    """

    entry: Entry
    reasons: tuple[Reason, ...]
    content: bytes | None = None

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError(f"{self.entry.path} is kept for no reason")


@dataclass(frozen=True, slots=True, order=True)
class Absent:
    """A path that a program requested and the original image does not have either."""

    path: str
    access: str
    program: str


@dataclass(frozen=True)
class Plan:
    """The kept paths, the requested paths that never existed, and the excluded ones.

    The constructor checks that every path's parent directories are kept, too.
    """

    kept: Mapping[str, PlannedPath]
    absent: tuple[Absent, ...] = ()
    excluded: tuple[str, ...] = ()
    closure: Closure = field(default_factory=lambda: Closure({}, ()))
    packages: Inventory = field(default_factory=Inventory)
    surface: Surface = field(default_factory=Surface)
    shrunk: tuple[ShrunkLibrary, ...] = ()
    """The examined class libraries, without their contents."""
    possible: tuple[Edge, ...] = ()
    """Libraries that string literals of kept ELF files name, and that are not kept."""
    units: Summary = field(default_factory=Summary)

    def __post_init__(self) -> None:
        for path in self.kept:
            above = self.kept.get(parent(path))
            if path != "/" and (above is None or above.entry.kind is not Kind.DIRECTORY):
                raise ValueError(f"{path} is kept without its directory")

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every kept path in the order of a layer: by bytes, so that parents come first."""
        return tuple(sorted(self.kept, key=os.fsencode))

    @cached_property
    def shortened(self) -> bool:
        """Whether a list of files (``ld.so.cache``) names fewer files than the original's."""
        return any(r.why == Why.GENERATED.value for kept in self.kept.values() for r in kept.reasons)

    @cached_property
    def size(self) -> int:
        """The bytes of the kept regular files; a hard-linked file counts once."""
        files = {
            (entry.device, entry.inode, "" if entry.inode else entry.path): entry.size
            for entry in (kept.entry for kept in self.kept.values())
            if entry.kind is Kind.FILE
        }
        return sum(files.values())


@dataclass(frozen=True, slots=True)
class Options:
    """The user's choices for a plan.

    ``include`` are paths (a directory with everything below it), ``exclude`` globs; ``listings`` keeps every
    entry of the directories that the program listed, and ``ld.so.cache`` unchanged; ``directories`` are kept
    empty. ``licences`` keeps the files that a redistributed image must have: copyright and licence files of
    its packages. ``guess_dlopen`` keeps libraries whose names are among the string literals of kept ELF
    files. ``level`` chooses the units that are added to the touched paths, within the budget ``spare``;
    ``without_units`` are names of mechanisms (``Mechanism``) that are not used. ``environment`` is the
    environment in the image's configuration. ``shrink`` are kinds of files of which only the part that the
    program can reach is kept, and the unit of each; ``loaded`` are classes that a JVM loaded in a run, with
    slashes. ``epoch`` is the time of generated files in seconds
    (SOURCE_DATE_EPOCH); None means the original's. ``memory`` is a directory for cached results on the
    contents of files, empty for none.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    without_rules: tuple[str, ...] = ()
    listings: bool = False
    directories: tuple[str, ...] = ()
    licences: bool = True
    guess_dlopen: bool = False
    level: Level = Level.TOUCHED
    spare: Spare = Spare()
    without_units: tuple[str, ...] = ()
    environment: Environment = Environment()
    shrink: Mapping[str, str] = field(default_factory=dict)
    loaded: frozenset[str] = frozenset()
    epoch: int | None = None
    memory: str = ""
