"""Imports of kept files in their languages, each with everything that loading it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracewhale.languages import Import, LanguageClosure
from tracewhale.rootfs.tree import Entry, View
from tracewhale.units.model import Mechanism, Scene, Unit

OWN_WORTH, WORTH, LAZY_WORTH = 0.9, 0.6, 0.3
"""The worth of a name in the author's code; of one in a library at load time, or in its table of plugins; and
of one in a library's function."""


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
    for line, requested in lines.items():
        edge = first[line]
        owner = scene.owner(edge.source)
        own = edge.source not in closure.libraries and (owner is None or owner.own)
        lazy = edge.lazy and edge.how != "string"
        worth = OWN_WORTH if own else LAZY_WORTH if lazy else WORTH
        entries = tuple(_loaded(requested, loads).values())
        yield Unit(Mechanism.LANGUAGES, edge.source, edge.source, entries, worth, 0, True, own)


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
