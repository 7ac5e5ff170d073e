"""The dependencies of files, which count as a part of their cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracewhale.closure import Resolver, Root
from tracewhale.plan.builder import Draft
from tracewhale.plan.bytecode import compiled, tags
from tracewhale.plan.roots import Starts
from tracewhale.rootfs.tree import Entry, parent
from tracewhale.units import Unit


class Dependencies:
    """Finds the libraries, interpreters and compiled files that files need, for each file once."""

    def __init__(self, draft: Draft, starts: Starts, resolver: Resolver) -> None:
        self._draft = draft
        self._starts = starts
        self._resolver = resolver
        self._interpreters: tuple[str, ...] = ()
        self._of: dict[str, tuple[Entry, ...]] = {}

    def prepare(self, units: Iterable[Unit]) -> None:
        """Read the dependencies of all files of units in a few exchanges."""
        self._interpreters = tags(self._draft.entries)
        new = {entry.path: entry for unit in units for entry in unit.entries if entry.path not in self._of}
        sources = [path for path in new if path.endswith(".py")]
        self._draft.view.prefetch({f"{parent(path)}/__pycache__" for path in sources})
        roots, scripts = self._starts.find(new.values())
        self._resolver.resolve(roots)
        needed: dict[str, list[str]] = {}
        for script in scripts:
            needed.setdefault(script.path, []).append(script.interpreter)
        by_path: dict[str, list[Root]] = {}
        for root in roots:
            by_path.setdefault(root.path, []).append(root)
        for path in new:
            names = [*needed.get(path, ()), *self._libraries(by_path.get(path, []))]
            entries = (self._draft.view.resolve(name).entry for name in names)
            self._of[path] = tuple(entry for entry in entries if entry is not None)

    def of(self, entries: Iterable[Entry]) -> dict[str, Entry]:
        """Return the dependencies of some files, by path."""
        dependencies: dict[str, Entry] = {}
        for entry in entries:
            dependencies |= {dependency.path: dependency for dependency in self._of.get(entry.path, ())}
            if entry.path.endswith(".py"):
                dependencies |= {
                    dependency.path: dependency
                    for dependency in compiled(self._draft.view, entry.path, self._interpreters)
                }
        return dependencies

    def _libraries(self, roots: list[Root]) -> Iterator[str]:
        if roots:
            yield from (edge.path for edge in self._resolver.resolve(roots).edges)
