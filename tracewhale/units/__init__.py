"""Units: files that belong together and are kept together, within a level and a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tracewhale.units.budget import UNLIMITED, Candidate, Choice, Spare, choose, spare
from tracewhale.units.dlopen import dlopened
from tracewhale.units.fonts import fonts
from tracewhale.units.imports import WORTH as IMPORT_WORTH
from tracewhale.units.imports import imports, targets
from tracewhale.units.links import links
from tracewhale.units.model import Level, Mechanism, Scene, Unit, distinct_entries
from tracewhale.units.packages import authors, rest, siblings
from tracewhale.units.paths import named_paths
from tracewhale.units.plugins import plugins
from tracewhale.units.requested_packages import WORTH as NAMED_WORTH
from tracewhale.units.requested_packages import requested_packages
from tracewhale.units.summary import Summary

__all__ = [
    "FINDERS",
    "IMPORT_WORTH",
    "NAMED_WORTH",
    "UNLIMITED",
    "Candidate",
    "Choice",
    "Level",
    "Mechanism",
    "Scene",
    "Spare",
    "Summary",
    "Unit",
    "choose",
    "distinct_entries",
    "imports",
    "spare",
    "targets",
]

FINDERS: dict[Mechanism, Callable[[Scene], Iterator[Unit]]] = {
    Mechanism.OWN: authors,
    Mechanism.PATHS: named_paths,
    Mechanism.PLUGINS: plugins,
    Mechanism.DLOPEN: dlopened,
    Mechanism.FONTS: fonts,
    Mechanism.LINKS: links,
    Mechanism.PACKAGES: rest,
    Mechanism.COMMANDS: siblings,
    Mechanism.NAMED: requested_packages,
}
"""The function of each mechanism that yields units in a scene; that of languages is ``imports``."""
