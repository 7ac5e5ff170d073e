"""Unused packages that the author of the image installed by name, with their dependencies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tracewhale.languages.python.distributions import normalized
from tracewhale.packages import InstalledPackage
from tracewhale.rootfs.tree import Kind, parent
from tracewhale.rules.engine import DEFAULT_DIRECTORY
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.packages import files, title, uses, with_alternatives
from tracewhale.units.walk import group

WORTH, DECAY = 0.4, 0.6
"""The worth of such a package's code, and the factor for each step along its dependencies."""

SPARED = 0.5
"""The remaining worth of a dependency if the package itself is used without it."""


def requested_packages(scene: Scene) -> Iterator[Unit]:
    """Yield unused packages that were requested, or that such packages depend on.

    A dependency of several packages is counted with the nearest one, and is of no use without it.
    """
    mains: dict[tuple[str, str, str], str] = {}
    for contents, requested_package, steps in _wanted(scene):
        name = (
            title(requested_package)
            if requested_package is contents
            else f"{title(requested_package)} ({title(contents)})"
        )
        contained = files(scene, contents, set())
        if steps:  # libraries of dependencies are kept where something needs them
            contained = [entry for entry in contained if not DEFAULT_DIRECTORY.fullmatch(parent(entry.path))]
        contained = with_alternatives(scene, contained)
        because = f"{title(requested_package)}, which the author installed"
        # Of a package of which nothing is used, a part is of no use.
        units = list(group(scene, Mechanism.NAMED, name, because, contained, 1, 1))
        entries = tuple(dict.fromkeys(entry for unit in units for entry in unit.entries))
        if entries:
            worth = WORTH * max(unit.worth for unit in units) * DECAY**steps
            worth *= SPARED if steps and uses(scene, requested_package) else 1
            tier = 2 if steps else 1
            after = mains.get(requested_package.identity, "") if steps else ""
            if not steps:
                mains[requested_package.identity] = next(
                    (e.path for e in entries if e.kind is Kind.FILE), entries[0].path
                )
            yield Unit(
                Mechanism.NAMED, name, because, entries, worth, tier=tier, indivisible=True, after=after
            )


def _wanted(scene: Scene) -> Iterator[tuple[InstalledPackage, InstalledPackage, int]]:
    """Yield each package to add, the requested package that needs it, and the number of dependencies between
    them."""
    known: dict[tuple[str, str], InstalledPackage] = {}
    for contents in scene.contents:
        known.setdefault((contents.package.kind, normalized(contents.package.title)), contents)
    pending = deque((contents, contents, 0) for contents in scene.contents if contents.requested)
    done: set[tuple[str, str, str]] = set()
    while pending:
        contents, requested_package, steps = pending.popleft()
        if contents.identity in done or contents.base:
            continue
        done.add(contents.identity)
        if not uses(scene, contents):
            yield contents, requested_package, steps
        for name in contents.depends:
            dependency = known.get((contents.package.kind, normalized(name)))
            if dependency is not None:
                pending.append((dependency, requested_package, steps + 1))
