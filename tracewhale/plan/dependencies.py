"""The dependencies of files, which count as a part of their cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tracewhale.closure import Resolver, Root
from tracewhale.plan.builder import Draft
from tracewhale.plan.roots import Starts
from tracewhale.rootfs.tree import Entry, parent
from tracewhale.rules import Object, Rulebook
from tracewhale.units import Unit, distinct_entries


class Dependencies:
    """Finds the libraries and interpreters that files need, and the paths that rules keep because of them,
    each file once."""

    def __init__(self, draft: Draft, starts: Starts, resolver: Resolver, rulebook: Rulebook) -> None:
        self._draft = draft
        self._starts = starts
        self._resolver = resolver
        self._rulebook = rulebook
        self._of: dict[str, tuple[Entry, ...]] = {}
        self._ways: dict[str, tuple[str, ...]] = {}
        self._by_rule: dict[str, dict[str, Entry]] = {}

    def prepare(self, units: Iterable[Unit]) -> None:
        """Read the dependencies of all files of units in a few exchanges."""
        new = {path: entry for path, entry in distinct_entries(units).items() if path not in self._of}
        if not new:
            return
        objects = self._find(new)
        additions = self._ruled(new, objects)
        self._find({path: entry for path, entry in additions.items() if path not in self._of})

    def of(self, entries: Iterable[Entry]) -> dict[str, Entry]:
        """Return the dependencies of some files, by path."""
        entries = list(entries)
        dependencies = self._loaded(entries)
        for path in [*(entry.path for entry in entries), *dependencies]:
            if path in self._by_rule:
                dependencies |= self._by_rule[path] | self._loaded(self._by_rule[path].values())
        return dependencies

    def _loaded(self, entries: Iterable[Entry]) -> dict[str, Entry]:
        dependencies: dict[str, Entry] = {}
        for entry in entries:
            dependencies |= {dependency.path: dependency for dependency in self._of.get(entry.path, ())}
        return dependencies

    def _find(self, new: Mapping[str, Entry]) -> Mapping[str, Object]:
        """Find the libraries and interpreters of new files, and return the facts about the ELF files."""
        view = self._draft.view
        roots, scripts = self._starts.find(new.values())
        closure = self._resolver.resolve(roots)
        needed: dict[str, list[str]] = {}
        for script in scripts:
            needed.setdefault(script.path, []).append(script.interpreter)
        by_path: dict[str, list[Root]] = {}
        for root in roots:
            by_path.setdefault(root.path, []).append(root)
        for path in new:
            own = by_path.get(path, [])
            edges = self._resolver.resolve(own).edges if own else ()
            names = [*needed.get(path, ()), *(edge.path for edge in edges)]
            targets = [view.resolve(name) for name in names]
            self._of[path] = tuple(target.entry for target in targets if target.entry is not None)
            self._ways[path] = tuple(step for target in targets for step in target.steps)
        return closure.objects

    def _ruled(self, new: Iterable[str], objects: Mapping[str, Object]) -> dict[str, Entry]:
        """Find the paths that rules keep because of new files or of their libraries, as if all of these were
        kept.

        If the path that triggers a rule is kept already, the new file that must accompany it is the cause.
        """
        ways = [step for path in new for step in self._ways[path]]
        needed = (entry.path for path in new for entry in self._of[path])
        kept = {*self._draft.entries, *new, *ways, *needed}
        kept |= {directory for path in kept for directory in _above(path)}
        dependencies: dict[str, Entry] = {}
        for addition in self._rulebook.apply(kept, objects):
            entry = self._draft.view.lstat(addition.path)
            if entry is None or addition.path in self._draft.entries:
                continue
            causes = [addition.because]
            if addition.because in self._draft.entries:
                companions = self._rulebook.companions(addition.rule)
                causes = [path for path in companions if path in kept and path not in self._draft.entries]
            for cause in causes:
                self._by_rule.setdefault(cause, {})[entry.path] = entry
                dependencies[entry.path] = entry
        return dependencies


def _above(path: str) -> Iterable[str]:
    while path != "/":
        path = parent(path)
        yield path
