"""Imports of kept files in their languages, each with everything that loading it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tracewhale.languages import Import, LanguageClosure
from tracewhale.languages.model import DATA, IN_CODE, LISTED, PREFIX
from tracewhale.packages import InstalledPackage
from tracewhale.rootfs.tree import Entry, View
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.packages import STANDARD_LIBRARY, SYSTEM

OWN_WORTH, WORTH, LAZY_WORTH = 0.9, 0.6, 0.3
"""The worth of a name in the author's code; of one in a library at load time, in its table of plugins, or in
a program that the author's code calls; and of one in a library's function."""

DIRECT = 0.4
"""The additional worth of a name in a module that the author's own code imports."""

NEAR = 0.2
"""The additional worth of a name in another file of a package that the author's own code imports."""

TABLE = 16
"""The names in one file's table of plugins, each of which is as likely as one that an import names. In a
longer table each is less likely."""

SINGLE = (LISTED, PREFIX)
CHOICES = (*SINGLE, "string")
"""Constructs in which each name is one of several choices: the names of one line, and those of a file."""


def imports(scene: Scene, closure: LanguageClosure) -> Iterator[Unit]:
    """Yield, for each line of a file, the files that it names and that are not kept, with everything that
    loading them needs.

    In a file without lines, such as machine code, each name makes a unit. A line of a file that is not kept
    makes one only if loading the file does not execute it.
    """
    where = targets(scene.view, closure)
    loads: dict[str, dict[str, Entry]] = {}
    lines: dict[tuple[str, int, str], dict[str, Entry]] = {}
    first: dict[tuple[str, int, str], Import] = {}
    called = _called(scene, closure, where)
    direct = {where[e.target].path for e in closure.edges if e.target in where and _is_own(scene, closure, e)}
    near = {owner.identity for path in direct if (owner := _language_package(scene, path)) is not None}
    for edge in closure.edges:
        entry = where.get(edge.target)
        if entry is None or entry.path in scene.used or scene.is_outside(entry.path):
            continue
        if not edge.lazy:
            loads.setdefault(edge.source, {})[entry.path] = entry
        if edge.lazy or edge.source in scene.kept:
            line = (edge.source, edge.line, edge.name if not edge.line or edge.how in SINGLE else "")
            lines.setdefault(line, {})[entry.path] = entry
            first.setdefault(line, edge)
    choices = {(edge.source, edge.target) for edge in closure.edges if edge.how in CHOICES}
    tables = Counter(source for source, _ in choices)
    loaded: dict[tuple[str, ...], tuple[Entry, ...]] = {}
    for line, requested in lines.items():
        edge = first[line]
        own = _is_own(scene, closure, edge)
        tier = 0
        table = edge.how == DATA or (edge.how == "string" and not STANDARD_LIBRARY.fullmatch(edge.source))
        lazy = (edge.lazy and not table) or edge.how == "command"
        worth = OWN_WORTH if own else LAZY_WORTH if lazy else WORTH
        if not own and edge.source in direct:
            worth += DIRECT
        elif not own and (owner := _language_package(scene, edge.source)) and owner.identity in near:
            worth += NEAR
        if not own and edge.how in CHOICES:
            rarity = min(1, TABLE / tables[edge.source])
            worth *= rarity
            tier = 0 if rarity == 1 else 1
        if edge.how == IN_CODE and _is_likely(scene, edge.source, where[edge.target].path, called):
            own, worth, tier = True, WORTH, 1
        names = tuple(requested)
        if names not in loaded:
            # A file that the run only looked at is kept already, but not the files that loading it needs.
            needed = _loaded(requested, loads).values()
            loaded[names] = tuple(entry for entry in needed if entry.path not in scene.kept)
        if loaded[names]:
            name = edge.source
            yield Unit(Mechanism.LANGUAGES, name, name, loaded[names], worth, tier, True, own, after=name)


def _is_own(scene: Scene, closure: LanguageClosure, edge: Import) -> bool:
    """Return whether the author's own code contains a name."""
    owner = scene.owner(edge.source)
    return edge.source not in closure.libraries and (owner is None or owner.own)


def _language_package(scene: Scene, path: str) -> InstalledPackage | None:
    """Return the package of a path if it is one of a language, such as pip's or npm's."""
    owner = scene.owner(path)
    return None if owner is None or owner.own or owner.package.kind in SYSTEM else owner


def _called(scene: Scene, closure: LanguageClosure, where: Mapping[str, Entry]) -> frozenset[str]:
    """Return the files that the author's own code names as commands."""
    commands = (edge for edge in closure.edges if edge.how == "command" and _is_own(scene, closure, edge))
    return frozenset(where[edge.target].path for edge in commands if edge.target in where)


def _is_likely(scene: Scene, source: str, target: str, called: frozenset[str]) -> bool:
    """Return whether a command in a program's code is likely to run: the author's own code calls the program,
    or the program ran and the command is of its source package or of one that the author installed."""
    owner, other = scene.owner(source), scene.owner(target)
    if source in called:
        return True
    if source not in scene.executed or owner is None or other is None:
        return False
    return other.requested or owner.source == other.source


def targets(view: View, closure: LanguageClosure) -> Mapping[str, Entry]:
    """Return the targets of a closure's edges."""
    entries = {target: view.resolve(target).entry for target in {edge.target for edge in closure.edges}}
    return {target: entry for target, entry in entries.items() if entry is not None}


def _loaded(entries: Mapping[str, Entry], loads: Mapping[str, Mapping[str, Entry]]) -> dict[str, Entry]:
    """Return some files and all files that loading them loads."""
    loaded = dict(entries)
    pending = list(entries)
    while pending:
        for path, entry in loads.get(pending.pop(), {}).items():
            if path not in loaded:
                loaded[path] = entry
                pending.append(path)
    return loaded
