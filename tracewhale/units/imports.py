"""Imports of kept files in their languages, each with everything that loading it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracewhale.languages import Import, LanguageClosure
from tracewhale.languages.model import DATA, IN_CODE, LISTED, PREFIX
from tracewhale.rootfs.tree import Entry, View
from tracewhale.units.model import Mechanism, Scene, Unit

OWN_WORTH, WORTH, LAZY_WORTH = 0.9, 0.6, 0.3
"""The worth of a name in the author's code; of one in a library at load time, in its table of plugins, or in
a program that the author's code calls; and of one in a library's function."""

DIRECT = 0.4
"""The additional worth of a name in a module that the author's own code imports."""

SINGLE = (LISTED, PREFIX)
"""Constructs in which each name is one of several choices."""


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
    loaded: dict[tuple[str, ...], tuple[Entry, ...]] = {}
    for line, requested in lines.items():
        edge = first[line]
        own = _is_own(scene, closure, edge)
        tier = 0
        lazy = (edge.lazy and edge.how not in ("string", DATA)) or edge.how == "command"
        worth = OWN_WORTH if own else LAZY_WORTH if lazy else WORTH
        if not own and edge.source in direct:
            worth += DIRECT
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
