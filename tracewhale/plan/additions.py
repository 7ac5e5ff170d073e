"""The units that a level adds to the touched paths, within the budget."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from tracewhale import closure as loader
from tracewhale import languages, units
from tracewhale.closure import Resolver
from tracewhale.languages.commands import DEFAULT_PATH
from tracewhale.packages import Databases
from tracewhale.packages.python import COMPILED
from tracewhale.plan.builder import Draft
from tracewhale.plan.dependencies import Dependencies
from tracewhale.plan.model import Options
from tracewhale.plan.reasons import Reason, Why
from tracewhale.plan.roots import Starts
from tracewhale.rootfs.tree import Kind, parent
from tracewhale.tracing.events import Access
from tracewhale.units import Choice, Level, Mechanism, Scene, Unit, distinct_entries
from tracewhale.units.ballast import Ballast, kinds
from tracewhale.units.packages import COMMANDS
from tracewhale.units.summary import Summary, together, totals

USING = frozenset({Access.EXEC.value, Access.READ.value, Access.MAP.value})


class Round(Enum):
    """The rounds in which units are chosen: the author's units, units that used libraries name, the author's
    large ones, units that belong to used files, and units that these name."""

    AUTHOR = "author"
    IMPORTS = "imports"
    LARGE = "large"
    PACKAGES = "packages"
    LAST = "last"


PARTS = {
    Round.AUTHOR: 15 / 16,
    Round.IMPORTS: 1 / 2,
    Round.LARGE: 31 / 32,
    Round.PACKAGES: 7 / 8,
    Round.LAST: 0.97,
}
"""The part of the budget that may be spent up to each round, so that each leaves some to the later ones, and
the last to the licences and records of the packages."""

OWN_ROUNDS = (Round.AUTHOR, Round.LARGE)
SHARE, PIECE = 1 / 8, 1 / 10
"""The part of the budget that used libraries get in any case, and that of the largest of the author's units
before these: an import of the author's is of little use without the imports that follow when it is called."""

LATE = 1000
"""The most files of chosen units that are read for the names in them."""

AUTHORS = (Mechanism.OWN, Mechanism.PATHS)
"""The mechanisms that keep files of the author's."""

ANYWAY = (*AUTHORS, Mechanism.LANGUAGES, Mechanism.LINKS)
"""The mechanisms whose units may have scripts without their interpreter."""

SMALL = 300_000
"""The most bytes of an interpreter that needs no other files, such as dash."""

ACCESS, EXEC, IMPORTED, LINK = Why.ACCESS.value, Access.EXEC.value, Why.IMPORTED.value, Why.SYMLINK.value
NEEDING = frozenset({Why.NEEDED.value, Why.INTERPRETER.value})
SOURCE = re.compile(r".*\.(py|rb|pl|pm|al|php|js|mjs|cjs)|(?!.*/(?:site-)?library/).*\.R", re.DOTALL)
"""Files that others load. Scripts in an installed package of R are not among them: its functions are in a
database."""


class Additions:
    """Chooses units for a draft with the touched paths, and counts their cost."""

    def __init__(
        self,
        draft: Draft,
        starts: Starts,
        resolver: Resolver,
        databases: Databases,
        needs: Dependencies,
        options: Options,
    ) -> None:
        self.draft = draft
        self.starts = starts
        self.options = options
        self.databases = databases
        self.resolver = resolver
        self.needs = needs
        self.closer = languages.Closer(
            draft.view, options.environment, languages.ClosureLimits(), options.memory
        )
        self.touched = self._size()
        self.limit = options.spare.limit(self.touched)
        self.choices: list[Choice] = []
        self.edges: dict[languages.Import, None] = {}
        self._unlikely: dict[str, float] = {}
        self.useless: frozenset[str] = frozenset()
        """Paths that no unit brings: they serve only what is left out inside of another file."""

    def add(self, elf: loader.Closure, mechanisms: Iterable[Mechanism], stage: Round) -> None:
        """Keep the units of some mechanisms that fit into the round's part of the budget.

        The author's round considers only units that the author's own code names. The round of packages and
        the last one consider units again that did not fit before, and in the last one imports without which
        kept files fail may use the author's part.
        """
        scene = self._scene(elf)
        wanted = [m for m in mechanisms if m.value not in self.options.without_units]
        if Mechanism.DLOPEN in wanted:
            openings = ((edge.needer, edge.path) for edge in self.resolver.possible())
            scene = replace(scene, openings=tuple(openings))
        last = stage is Round.LAST
        closure = (
            self._language_closure(last) if Mechanism.LANGUAGES in wanted else languages.LanguageClosure()
        )
        if stage is Round.PACKAGES:
            scene = replace(scene, targets=self._targets())
        finds = [self._discounted(unit) for unit in units.imports(scene, closure)]
        for mechanism in wanted:
            finds += units.FINDERS[mechanism](scene) if mechanism in units.FINDERS else ()
        others = stage not in OWN_ROUNDS
        own = stage is not Round.IMPORTS
        finds = self._runnable([unit for unit in finds if (own if unit.own else others)])
        finds = _without(finds, self.useless)
        if stage in (Round.PACKAGES, Round.LAST):
            finds += [candidate.unit for choice in self.choices for candidate in choice.left_out]
            self.choices = [Choice(choice.kept) for choice in self.choices]
        if last:
            finds = [replace(unit, own=unit.own or _is_likely(unit)) for unit in finds]
        self.needs.prepare(finds)
        spent = self._size() - self.touched
        by_author = sum(
            candidate.cost for choice in self.choices for candidate in choice.kept if candidate.unit.own
        )
        limit = PARTS[stage] * self.limit - (spent - by_author)
        if stage is Round.IMPORTS:  # these wait where the author's own code names much
            waiting = together((c for choice in self.choices for c in choice.left_out), self.draft.entries)
            limit = max(limit - by_author - waiting, SHARE * self.limit)
        share = PARTS[stage if stage in OWN_ROUNDS else Round.LAST]
        most = share * self.options.spare.most(self.touched) - spent
        largest = PIECE * self.limit if stage is Round.AUTHOR else math.inf
        choice = units.choose(finds, limit, most, self.needs.of, self.draft.entries, largest)
        self.choices.append(choice)
        # The last round may take files that an earlier one left out and that its own closure does not name.
        self.edges |= dict.fromkeys(closure.edges)
        self._keep(choice, languages.LanguageClosure(tuple(self.edges)))

    def _discounted(self, unit: Unit) -> Unit:
        """Return what a file names with the worth of the file, if that was kept as a part of an unused
        package: a command in a script is no likelier to run than the script."""
        worth = self._unlikely.get(unit.because, 1.0)
        return unit if unit.own else replace(unit, worth=unit.worth * worth)

    def _keep(self, choice: Choice, closure: languages.LanguageClosure) -> None:
        chosen: dict[str, list[Unit]] = {}
        for candidate in choice.kept:
            unit = candidate.unit
            if unit.mechanism is Mechanism.NAMED:
                self._unlikely |= {entry.path: unit.worth for entry in unit.entries}
            if unit.mechanism is Mechanism.LANGUAGES:
                chosen.setdefault(unit.because, []).append(unit)
                continue
            reason = Reason(Why.UNIT.value, unit.mechanism.value, f"{unit.name}, because of {unit.because}")
            for entry in unit.entries:
                self.draft.keep(entry.path, reason, follow=False)
        kept = set(self.draft.entries)
        # A line counts only where its file is kept, which another line may have brought.
        while ready := [path for path in chosen if path in kept]:
            kept.update(entry.path for path in ready for unit in chosen.pop(path) for entry in unit.entries)
        targets = units.targets(self.draft.view, closure)
        for edge in closure.edges:
            target = targets.get(edge.target)
            if target is None or target.path not in kept or edge.source not in kept:
                continue
            reason = Reason(Why.IMPORTED.value, edge.source, f"{edge.name} (line {edge.line}, {edge.how})")
            if target.path in self.draft.entries and edge.target == target.path:
                self.draft.keep_entry(target, reason)
            else:
                self.draft.keep(edge.target, reason)

    def _language_closure(self, last: bool) -> languages.LanguageClosure:
        """Return the names in files, by their language: in the used files and the author's own; in the last
        round, the commands in the chosen units and the imports of their other files."""
        chosen = [candidate.unit for choice in self.choices for candidate in choice.kept]
        if not last:
            authors = (e.path for unit in chosen if unit.mechanism in AUTHORS for e in unit.entries)
            own = (path for path in authors if Ballast.DOCUMENTATION not in kinds(path))
            return self.closer.close(sorted(_used(self.draft)[0].union(own)))
        paths = [e.path for unit in chosen for e in unit.entries if e.kind is Kind.FILE]
        commands = [path for path in paths if parent(path) in COMMANDS]
        return self.closer.close(commands, [path for path in paths if SOURCE.fullmatch(path)][:LATE])

    def _targets(self) -> frozenset[str]:
        """Return the kept files that others name in their languages."""
        reasons = self.draft.reasons.items()
        imported = (path for path, why in reasons if any(r.why == IMPORTED for r in why))
        return frozenset(imported)

    def _scene(self, closure: loader.Closure) -> Scene:
        draft, environment = self.draft, self.options.environment
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
            commands=tuple(environment.get("PATH", DEFAULT_PATH).split(":")),
            words=(*(v for n, v in environment.variables if not n.endswith("PATH")), *environment.words),
            mounts=draft.outside,
            ownership=self.databases.ownership(draft.entries),
        )
        titles = {
            path
            for path, reasons in draft.reasons.items()
            if any(r.why == IMPORTED and scene.owner(r.by) is None for r in reasons)
        }
        return replace(scene, used=scene.used | titles)

    def summary(self) -> Summary:
        """Return the units chosen in all rounds, and the paths that each level up to the chosen one keeps;
        with ``installed``, also the units that did not fit."""
        kept = tuple(candidate for choice in self.choices for candidate in choice.kept)
        left = tuple(candidate for choice in self.choices for candidate in choice.left_out)
        size = self._size()
        packages = sum(
            candidate.cost for candidate in kept if candidate.unit.mechanism.level is Level.PACKAGE
        )
        levels = {Level.TOUCHED: self.touched}
        if self.options.level.rank >= Level.MODULE.rank:
            levels[Level.MODULE] = size - packages
        if self.options.level.rank >= Level.PACKAGE.rank:
            levels[Level.PACKAGE] = size
            levels[Level.INSTALLED] = size + together(left, self.draft.entries)
        return Summary(self.options.level, self.limit, totals(Choice(kept, left), self.draft.entries), levels)

    def _runnable(self, units: list[Unit]) -> list[Unit]:
        """Return units without the scripts of packages whose interpreter is not used otherwise and is no
        small shell: without its modules it could not run them."""
        packaged = [unit for unit in units if unit.mechanism not in ANYWAY]
        entries = distinct_entries(packaged).values()
        scripts = self.starts.scripts(entries)
        foreign = {script.path for script in scripts if not self._has(script.interpreter)}
        links = {entry.path for entry in entries if entry.kind is Kind.SYMLINK}
        resolved = ((path, self.draft.view.resolve(path).entry) for path in links)
        foreign |= {path for path, entry in resolved if entry is not None and entry.path in foreign}
        kept = []
        for unit in units:
            if unit.mechanism in ANYWAY:
                kept.append(unit)
            elif own := tuple(entry for entry in unit.entries if entry.path not in foreign):
                kept.append(replace(unit, entries=own))
        return kept

    def _has(self, interpreter: str) -> bool:
        entry = self.draft.view.resolve(interpreter).entry
        return entry is not None and (entry.path in self.draft.entries or entry.size < SMALL)

    def _size(self) -> int:
        return sum(entry.size for entry in self.draft.entries.values() if entry.kind is Kind.FILE)


def _without(finds: list[Unit], paths: frozenset[str]) -> list[Unit]:
    """Return units without some paths."""
    if not paths:
        return finds
    rest = []
    for unit in finds:
        if paths.isdisjoint(entry.path for entry in unit.entries):
            rest.append(unit)
        elif own := tuple(entry for entry in unit.entries if entry.path not in paths):
            rest.append(replace(unit, entries=own))
    return rest


def environment_of(config: Mapping[str, Any]) -> languages.Environment:
    """Return the environment of programs in an image's configuration (OCI image-spec, config.md)."""
    own = config.get("config") or {}
    variables = (word.partition("=") for word in own.get("Env") or [])
    words = (*(own.get("Entrypoint") or []), *(own.get("Cmd") or []))
    return languages.Environment(
        tuple((name, value) for name, _, value in variables), own.get("WorkingDir") or "/", tuple(words)
    )


def _is_likely(unit: Unit) -> bool:
    """Return whether loading a kept file requires a unit, a table of plugins names it, or the author
    installed it by name."""
    needed = unit.mechanism is Mechanism.LANGUAGES and unit.worth >= units.IMPORT_WORTH
    return needed or (unit.mechanism is Mechanism.NAMED and unit.worth >= units.NAMED_WORTH)


def _used(draft: Draft) -> tuple[set[str], set[str]]:
    """Return the kept files that are executed, read, mapped or needed, with links to the executed ones, and
    those that were executed."""
    used: set[str] = set()
    executed: set[str] = set()
    for path, reasons in draft.reasons.items():
        if draft.entries[path].kind is Kind.DIRECTORY:
            continue
        for reason in reasons:
            if (reason.why == ACCESS and reason.detail in USING) or reason.why in NEEDING:
                used.add(path)
            if reason.why == ACCESS and reason.detail == EXEC:
                executed.add(path)
    for path, reasons in draft.reasons.items():
        # A program that runs by a link is used by the package of the link, too.
        towards = {reason.by for reason in reasons if reason.why == LINK} & executed
        if towards and (entry := draft.view.resolve(path).entry) is not None and entry.path in towards:
            used.add(path)
    for path in list(used):
        compiled = COMPILED.fullmatch(path)
        source = f"{compiled['directory']}/{compiled['module']}.py" if compiled else path
        if source in draft.entries:
            used.add(source)
    return used, executed
