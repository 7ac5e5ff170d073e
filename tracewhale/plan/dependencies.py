"""The dependencies of files, which count as a part of their cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tracewhale import rules
from tracewhale.closure import Resolver, Root
from tracewhale.plan.builder import Draft
from tracewhale.plan.bytecode import compiled, tags
from tracewhale.plan.model import Options
from tracewhale.plan.roots import Starts
from tracewhale.rootfs.tree import Entry, parent
from tracewhale.rules.engine import Object
from tracewhale.units import Unit


class Dependencies:
    """Finds the libraries, interpreters and compiled files that files need, and what rules keep because of them,
    for each file once."""

    def __init__(self, draft: Draft, starts: Starts, resolver: Resolver, options: Options) -> None:
        self._draft = draft
        self._options = options
        self._starts = starts
        self._resolver = resolver
        self._interpreters: tuple[str, ...] = ()
        self._of: dict[str, tuple[Entry, ...]] = {}
        self._by_rule: dict[str, dict[str, Entry]] = {}

    def prepare(self, units: Iterable[Unit]) -> None:
        """Read the dependencies of all files of units in a few exchanges."""
        self._interpreters = tags(self._draft.entries)
        new = {entry.path: entry for unit in units for entry in unit.entries if entry.path not in self._of}
        sources = [path for path in new if path.endswith(".py")]
        self._draft.view.prefetch({f"{parent(path)}/__pycache__" for path in sources})
        roots, scripts = self._starts.find(new.values())
        closure = self._resolver.resolve(roots)
        needed: dict[str, list[str]] = {}
        for script in scripts:
            needed.setdefault(script.path, []).append(script.interpreter)
        by_path: dict[str, list[Root]] = {}
        for root in roots:
            by_path.setdefault(root.path, []).append(root)
        for path in new:
            names = [*needed.get(path, ()), *self._libraries(by_path.get(path, []))]
            found = (self._draft.view.resolve(name).entry for name in names)
            self._of[path] = tuple(entry for entry in found if entry is not None)
        if new:
            self._apply_rules(new, closure.objects)

    def of(self, entries: Iterable[Entry]) -> dict[str, Entry]:
        """Return the dependencies of some files, by path."""
        entries = list(entries)
        found: dict[str, Entry] = {}
        for entry in entries:
            found |= {each.path: each for each in self._of.get(entry.path, ())}
            if entry.path.endswith(".py"):
                found |= {
                    each.path: each for each in compiled(self._draft.view, entry.path, self._interpreters)
                }
        for path in [*(entry.path for entry in entries), *found]:
            found |= self._by_rule.get(path, {})
        return found

    def _apply_rules(self, new: Iterable[str], objects: Mapping[str, Object]) -> None:
        """Find what rules keep because of new files or of their libraries, if these are kept."""
        needed = (entry.path for path in new for entry in self._of[path])
        kept = {*self._draft.entries, *new, *needed}
        kept |= {directory for path in kept for directory in _above(path)}
        without = frozenset(self._options.without_rules)
        for addition in rules.apply(self._draft.view, kept, objects, self._options.rules, without):
            entry = self._draft.view.lstat(addition.path)
            if entry is not None and addition.because not in self._draft.entries and addition.path not in kept:
                self._by_rule.setdefault(addition.because, {})[entry.path] = entry

    def _libraries(self, roots: list[Root]) -> Iterator[str]:
        if roots:
            yield from (edge.path for edge in self._resolver.resolve(roots).edges)


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = parent(path)
        yield path
