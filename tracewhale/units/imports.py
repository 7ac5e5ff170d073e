"""Imports of kept files in their languages, each with all that it needs to be loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracewhale.languages import Import, LanguageClosure
from tracewhale.rootfs.tree import Entry, View
from tracewhale.units.model import Mechanism, Scene, Unit

OWN_WORTH, WORTH, LAZY_WORTH = 0.9, 0.6, 0.3
"""The worth of what the author's code names; of what a library names when it is loaded, or in a table of its
plugins; and of what it names in a function."""


def imports(scene: Scene, closure: LanguageClosure) -> Iterator[Unit]:
    """Yield what each line of a file names and is not kept, with what those files need to be loaded.

    Where there are no lines, as in machine code, each name is for itself. A line of a file that is not kept
    has a unit only where loading the file does not carry it out.
    """
    where = targets(scene.view, closure)
    loads: dict[str, dict[str, Entry]] = {}
    lines: dict[tuple[str, int, str], dict[str, Entry]] = {}
    first: dict[tuple[str, int, str], Import] = {}
    for edge in closure.edges:
        entry = where.get(edge.target)
        if entry is None or entry.path in scene.kept or scene.is_outside(entry.path):
            continue
        if not edge.lazy:
            loads.setdefault(edge.source, {})[entry.path] = entry
        if edge.lazy or edge.source in scene.kept:
            line = (edge.source, edge.line, "" if edge.line else edge.name)
            lines.setdefault(line, {})[entry.path] = entry
            first.setdefault(line, edge)
    for line, named in lines.items():
        edge = first[line]
        owner = scene.owner(edge.source)
        own = edge.source not in closure.libraries and (owner is None or owner.own)
        lazy = edge.lazy and edge.how != "string"
        worth = OWN_WORTH if own else LAZY_WORTH if lazy else WORTH
        entries = tuple(_loaded(named, loads).values())
        yield Unit(Mechanism.LANGUAGES, edge.source, edge.source, entries, worth, 0, True, own)


def targets(view: View, closure: LanguageClosure) -> Mapping[str, Entry]:
    """Return where the targets of a closure's edges lead."""
    found = {target: view.resolve(target).entry for target in {edge.target for edge in closure.edges}}
    return {target: entry for target, entry in found.items() if entry is not None}


def _loaded(entries: Mapping[str, Entry], loads: Mapping[str, Mapping[str, Entry]]) -> dict[str, Entry]:
    """Return some files and all that loading them loads."""
    found = dict(entries)
    pending = list(entries)
    while pending:
        for path, entry in loads.get(pending.pop(), {}).items():
            if path not in found:
                found[path] = entry
                pending.append(path)
    return found
