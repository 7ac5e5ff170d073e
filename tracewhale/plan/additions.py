"""What a level adds to what the trace touched: units, as far as the budget allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tracewhale import closure as loader
from tracewhale import languages, units
from tracewhale.closure import Resolver
from tracewhale.packages import Databases
from tracewhale.packages.python import COMPILED
from tracewhale.plan.builder import Draft
from tracewhale.plan.model import Options, Reason, Why
from tracewhale.plan.roots import Starts
from tracewhale.rootfs.tree import Entry, Kind, parent
from tracewhale.tracing.events import Access
from tracewhale.units import Choice, Level, Mechanism, Scene, Unit
from tracewhale.units.packages import COMMANDS
from tracewhale.units.summary import Summary, totals

USING = frozenset({Access.EXEC.value, Access.READ.value, Access.MAP.value})
LANGUAGES = "languages"
"""The name of the closure of languages among the mechanisms."""

LEAST_SHARE = 8
"""Units have at least the eighth part of the budget, however much the closure of languages takes of it."""

SMALL = 300_000
"""Bytes of an interpreter that needs nothing else, such as dash."""

NEEDING = frozenset({Why.NEEDED.value, Why.INTERPRETER.value})


class Additions:
    """Chooses units for a draft that has what the trace touched, and counts what they cost."""

    def __init__(
        self, draft: Draft, starts: Starts, resolver: Resolver, databases: Databases, options: Options
    ) -> None:
        self.draft = draft
        self.starts = starts
        self.resolver = resolver
        self.databases = databases
        self.options = options
        self.touched = self._size()
        self.limit = options.spare.limit(self.touched)
        self.choices: list[Choice] = []

    def add(self, closure: loader.Closure, mechanisms: Iterable[Mechanism]) -> None:
        """Keep the units of some mechanisms that fit into what is left of the budget."""
        scene = self._scene(closure)
        found = [
            unit
            for mechanism in mechanisms
            if mechanism.value not in self.options.without_units
            for unit in units.FINDERS[mechanism](scene)
        ]
        found = self._runnable(found)
        room = max(self.limit - (self._size() - self.touched), self.limit / LEAST_SHARE)
        choice = units.choose(found, room, self._needs, self.draft.entries)
        self.choices.append(choice)
        for unit in choice.kept:
            reason = Reason(Why.UNIT.value, unit.mechanism.value, f"{unit.name}, because of {unit.because}")
            for entry in unit.entries:
                self.draft.keep(entry.path, reason, follow=False)

    def keep_language_closure(self) -> None:
        """Keep what kept files name in their languages."""
        if LANGUAGES in self.options.without_units:
            return
        used, _ = _used(self.draft)
        own = (
            entry.path
            for choice in self.choices
            for unit in choice.kept
            if unit.mechanism is Mechanism.OWN
            for entry in unit.entries
        )
        self._close(used.union(own), languages.Limits())

    def keep_commands(self) -> None:
        """Keep the commands that commands of kept units run: what a script says, what a program names."""
        if LANGUAGES in self.options.without_units:
            return
        kept = (entry for choice in self.choices for unit in choice.kept for entry in unit.entries)
        starts = {entry.path for entry in kept if parent(entry.path) in COMMANDS and entry.kind is Kind.FILE}
        self._close(starts, languages.Limits(languages=frozenset({"shell", "machine-code"})))

    def _close(self, starts: set[str], limits: languages.Limits) -> None:
        options = self.options
        found = languages.close(
            self.draft.view, sorted(starts), options.environment, limits, memory=options.memory
        )
        for edge in found.edges:
            reason = Reason(Why.IMPORTED.value, edge.source, f"{edge.name} (line {edge.line}, {edge.how})")
            known = self.draft.entries.get(edge.target)
            if known is None or known.kind is Kind.SYMLINK:
                self.draft.keep(edge.target, reason)
            else:
                self.draft.keep_entry(known, reason)

    def _scene(self, closure: loader.Closure) -> Scene:
        draft = self.draft
        used, executed = _used(draft)
        needed = {entry.path for edge in closure.edges if (entry := draft.view.resolve(edge.path).entry)}
        scene = Scene(
            draft.view,
            dict(draft.entries),
            used=frozenset(used),
            executed=frozenset(executed),
            dlopened=frozenset((used & closure.objects.keys()) - needed - executed),
            objects=frozenset(closure.objects),
            places=self.options.directories,
            mounts=draft.outside,
            contents=self.databases.contents(draft.entries),
        )
        named = {
            path
            for path, reasons in draft.reasons.items()
            if any(r.why == Why.IMPORTED.value and scene.owner(r.by) is None for r in reasons)
        }
        return replace(scene, used=scene.used | named)

    def summary(self) -> Summary:
        """What was chosen in all rounds, and what each level up to the chosen one keeps; ``installed`` is
        all that found no room as well."""
        kept = tuple(unit for choice in self.choices for unit in choice.kept)
        left = tuple(unit for choice in self.choices for unit in choice.left_out)
        size = self._size()
        packages = sum(unit.size for unit in kept if unit.mechanism.level is Level.PACKAGE)
        levels = {Level.TOUCHED: self.touched}
        if self.options.level.rank >= Level.MODULE.rank:
            levels[Level.MODULE] = size - packages
        if self.options.level.rank >= Level.PACKAGE.rank:
            levels[Level.PACKAGE] = size
            levels[Level.INSTALLED] = size + sum(unit.size for unit in left)
        return Summary(self.options.level, self.limit, totals(Choice(kept, left)), levels)

    def _runnable(self, found: list[Unit]) -> list[Unit]:
        """Units without the scripts of packages whose interpreter nothing else uses and is no small shell:
        without its modules it could not run them."""
        _, scripts = self.starts.find(entry for unit in found for entry in unit.entries)
        foreign = {script.path for script in scripts if not self._has(script.interpreter)}
        kept = []
        for unit in found:
            entries = tuple(entry for entry in unit.entries if entry.path not in foreign)
            if unit.mechanism in (Mechanism.OWN, Mechanism.LINKS):
                kept.append(unit)
            elif entries:
                kept.append(replace(unit, entries=entries))
        return kept

    def _has(self, interpreter: str) -> bool:
        entry = self.draft.view.resolve(interpreter).entry
        return entry is not None and (entry.path in self.draft.entries or entry.size < SMALL)

    def _needs(self, unit: Unit) -> Mapping[str, Entry]:
        """The libraries and interpreters that a unit's programs need."""
        roots, scripts = self.starts.find(unit.entries)
        paths = [script.interpreter for script in scripts]
        if roots:
            paths += [edge.path for edge in self.resolver.resolve(roots).edges]
        found = (self.draft.view.resolve(path).entry for path in paths)
        return {entry.path: entry for entry in found if entry is not None}

    def _size(self) -> int:
        return sum(entry.size for entry in self.draft.entries.values() if entry.kind is Kind.FILE)


def environment_of(config: Mapping[str, Any]) -> languages.Environment:
    """What an image's configuration gives to its programs (OCI image-spec, config.md)."""
    own = config.get("config") or {}
    variables = (word.partition("=") for word in own.get("Env") or [])
    words = (*(own.get("Entrypoint") or []), *(own.get("Cmd") or []))
    return languages.Environment(
        tuple((name, value) for name, _, value in variables), own.get("WorkingDir") or "/", tuple(words)
    )


def _used(draft: Draft) -> tuple[set[str], set[str]]:
    """The kept files that something executes, reads, maps or needs; and those that were executed."""
    used: set[str] = set()
    executed: set[str] = set()
    for path, reasons in draft.reasons.items():
        if draft.entries[path].kind is Kind.DIRECTORY:
            continue
        for reason in reasons:
            if (reason.why == Why.ACCESS.value and reason.detail in USING) or reason.why in NEEDING:
                used.add(path)
            if (reason.why, reason.detail) == (Why.ACCESS.value, Access.EXEC.value):
                executed.add(path)
    for path in list(used):
        compiled = COMPILED.fullmatch(path)
        source = f"{compiled['directory']}/{compiled['module']}.py" if compiled else path
        if source in draft.entries:
            used.add(source)
    return used, executed
