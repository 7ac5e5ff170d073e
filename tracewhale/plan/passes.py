"""Make the plan for a trace: a list of passes, each of which keeps more paths with their reasons.

This is a pure function from a tree's view, a trace and options to a frozen plan; nothing is run or written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tracewhale import closure as loader
from tracewhale.errors import UsageError
from tracewhale.java.model import LibraryUnit, ShrunkLibrary
from tracewhale.java.shrink import CDS_ARCHIVE, SIGNATURES, Shrinker
from tracewhale.packages import Databases
from tracewhale.plan.additions import AUTHORS, Additions, Round
from tracewhale.plan.builder import Draft
from tracewhale.plan.bytecode import missing_bytecode
from tracewhale.plan.dependencies import Dependencies
from tracewhale.plan.exclusion import exclude, is_excluded
from tracewhale.plan.generated_files import generate
from tracewhale.plan.model import RUNTIME_PATHS, Absent, Options, Plan
from tracewhale.plan.reasons import Reason, Why
from tracewhale.plan.roots import Starts
from tracewhale.plan.shrinking import JAVA, command_words, shrink_files, unused_paths
from tracewhale.plan.surface import surface
from tracewhale.rootfs.tree import ROOT, View, parent
from tracewhale.rules import Rulebook
from tracewhale.tracing.events import Trace
from tracewhale.units import Level, Mechanism, Summary


@dataclass(slots=True)
class Work:
    """The draft to which the passes add, and the values that they need."""

    view: View
    trace: Trace
    options: Options
    draft: Draft
    starts: Starts
    resolver: loader.Resolver
    rulebook: Rulebook
    databases: Databases
    absent: tuple[Absent, ...] = ()
    closure: loader.Closure = field(default_factory=lambda: loader.Closure({}, ()))
    units: Summary = field(default_factory=Summary)
    shrinker: Shrinker | None = None


Pass = Callable[[Work], None]


def make_plan(view: View, trace: Trace, options: Options) -> Plan:
    """Return the plan for a trace (merge several first). Raise UsageError for an unknown --include."""
    work = Work(
        view,
        trace,
        options,
        Draft(view, (*RUNTIME_PATHS, *trace.mounts)),
        Starts(view, trace),
        loader.Resolver(view),
        Rulebook(view, options.rules, frozenset(options.without_rules)),
        Databases(view),
    )
    if JAVA in options.shrink:
        words = command_words(trace.request, options.environment)
        work.shrinker = Shrinker(view, words, LibraryUnit(options.shrink[JAVA]), options.loaded)
    for keep in PASSES:
        keep(work)
    return _finish(work)


def check_included(view: View, options: Options) -> None:
    """Check every --include before a run. Raise UsageError for a path that the image does not have."""
    for path in options.include:
        if view.resolve("/" + path.lstrip("/")).entry is None:
            raise _unknown(path)


def keep_traced(work: Work) -> None:
    """Keep every path that the command requested, and note those that the image does not have."""
    work.draft.keep_entry(ROOT, Reason(Why.PARENT.value, "/"))
    # Ask for the directories of everything that was there in a few exchanges, not one by one.
    directories = {parent(event.real or event.path) for event in work.trace.events if event.present}
    work.view.prefetch(directory for directory in directories if "/../" not in directory)
    # In their order: the first path that is kept below a directory is the directory's reason.
    absent = {absent for event in sorted(work.trace.events) for absent in work.draft.accessed(event)}
    work.absent = tuple(sorted(absent))


def keep_changes(work: Work) -> None:
    """Keep the change layer of a container (--keep-changes)."""
    reason = Reason(Why.CHANGED.value, work.trace.target)
    for path in work.trace.changes:
        work.draft.keep(path, reason, follow=False)
        work.draft.keep(path, reason)


def keep_start_directories(work: Work) -> None:
    """Keep the directories in which the command starts, empty."""
    for path in work.options.directories:
        work.draft.keep(path, Reason(Why.RULE.value, "working-directory"))


def keep_included(work: Work) -> None:
    """Keep the paths that the user names with --include."""
    for path in work.options.include:
        if not work.draft.include(path):
            raise _unknown(path)


def keep_listings(work: Work) -> None:
    """Keep every entry of the directories that the command listed (--keep-listings)."""
    if work.options.listings:
        work.draft.complete_listings(work.trace)


def keep_dependencies(work: Work) -> None:
    """Repeat the dependency passes until none of them adds a path.

    A rule may keep a library with a closure of its own, whose libraries trigger rules.
    """
    before: set[str] = set()
    while before != work.draft.entries.keys():
        before = set(work.draft.entries)
        for keep in DEPENDENCY_PASSES:
            keep(work)


def keep_elf_closure(work: Work) -> None:
    """Keep the libraries that the dynamic loader needs for every kept ELF file, and the interpreters of
    scripts."""
    roots, scripts = work.starts.find(work.draft.entries.values())
    for script in scripts:
        work.draft.keep(script.interpreter, Reason(Why.INTERPRETER.value, script.path, script.interpreter))
    work.closure = work.resolver.resolve(roots)
    guesses = work.resolver.possible() if work.options.guess_dlopen else ()
    for edge in (*work.closure.edges, *guesses):
        why = Why.INTERPRETER if edge.kind is loader.EdgeKind.INTERPRETER else Why.NEEDED
        work.draft.keep(edge.path, Reason(why.value, edge.needer, _name_and_search(edge)))


def keep_rule_additions(work: Work) -> None:
    """Keep the paths that rules add for the kept paths."""
    for addition in work.rulebook.apply(work.draft.entries.keys(), work.closure.objects):
        reason = Reason(Why.RULE.value, addition.rule, addition.because)
        work.draft.keep(addition.path, reason, follow=False)


def keep_units(work: Work) -> None:
    """Keep units beside the used files, up to the level and the budget.

    The author's own files come first, with the files that they name; then the files that used libraries name.
    Then all units of used files are ranked together. The files that the chosen units name come last.
    """
    level = work.options.level
    needs = Dependencies(work.draft, work.starts, work.resolver, work.rulebook)
    additions = Additions(work.draft, work.starts, work.resolver, work.databases, needs, work.options)
    if level.rank >= Level.MODULE.rank:
        additions.useless = useless = _useless(work)
        additions.add(work.closure, [Mechanism.OWN], Round.AUTHOR)
        keep_dependencies(work)
        additions.add(work.closure, [Mechanism.PATHS, Mechanism.PLUGINS], Round.AUTHOR)
        keep_dependencies(work)
        additions.add(work.closure, [Mechanism.LANGUAGES], Round.AUTHOR)
        keep_dependencies(work)
        additions.add(work.closure, [Mechanism.LANGUAGES, Mechanism.FONTS], Round.IMPORTS)
        keep_dependencies(work)
        additions.add(work.closure, [*AUTHORS, Mechanism.LANGUAGES], Round.LARGE)
        keep_dependencies(work)
        additions.add(work.closure, [Mechanism.LANGUAGES, Mechanism.FONTS], Round.IMPORTS)
        keep_dependencies(work)
        additions.useless = _useless(work)
        ranked = [m for m in UNITS if m.level.rank <= level.rank]
        additions.add(work.closure, ranked, Round.PACKAGES)
        keep_dependencies(work)
        late = [Mechanism.PATHS, Mechanism.LANGUAGES, Mechanism.LINKS, Mechanism.DLOPEN, Mechanism.FONTS]
        additions.add(work.closure, late, Round.LAST)
        keep_dependencies(work)
        _keep_what_is_of_use(work, useless)
    work.units = additions.summary()


def _useless(work: Work) -> frozenset[str]:
    """Return the files that serve only parts of class libraries that are left out."""
    if work.shrinker is None:
        return frozenset()
    return work.shrinker.unreachable(work.draft.entries, unused_paths(work.draft.reasons))


def _keep_what_is_of_use(work: Work, useless: frozenset[str]) -> None:
    """Keep native libraries and launchers that were useless until units brought files that reach their
    modules."""
    parts = [path for path in sorted(useless - _useless(work)) if not path.endswith(NO_PARTS)]
    for path in parts:
        work.draft.keep(path, Reason(Why.UNIT.value, Mechanism.PACKAGES.value, "the class library"))
    if parts:
        keep_dependencies(work)


def keep_bytecode(work: Work) -> None:
    """Keep the compiled files of Python sources, except for units: modules that the run did not load may take
    longer to load, and two modules are worth more than one with its compiled file."""
    reasons = work.draft.reasons.items()
    sources = [path for path, why in reasons if any(reason.why not in UNTRACED for reason in why)]
    for path, source in list(missing_bytecode(work.view, sources, work.draft.entries)):
        work.draft.keep(path, Reason(Why.RULE.value, "python-bytecode", source))


def keep_package_documents(work: Work) -> None:
    """Keep licences and metadata of the plan's packages, which may belong to yet other packages."""
    before = -1
    while before != len(work.draft.entries):
        before = len(work.draft.entries)
        documents = work.databases.find(work.draft.entries, licences=work.options.licences)[1]
        for document in documents:
            work.draft.keep(document.path, Reason(Why.PACKAGE.value, document.whom, document.what))


NO_PARTS = (CDS_ARCHIVE, SIGNATURES)
"""The ends of paths of data of a Java runtime that may be left out, though the library stays whole."""

UNTRACED = frozenset({Why.UNIT.value, Why.IMPORTED.value})
"""Reasons of the paths that units add."""

DEPENDENCY_PASSES: tuple[Pass, ...] = (keep_elf_closure, keep_rule_additions, keep_bytecode)
"""Passes that keep the needs of kept files."""

UNITS = (
    Mechanism.PATHS,
    Mechanism.LINKS,
    Mechanism.PLUGINS,
    Mechanism.DLOPEN,
    Mechanism.FONTS,
    Mechanism.PACKAGES,
    Mechanism.COMMANDS,
    Mechanism.NAMED,
)
"""Units that are ranked together."""

PASSES: tuple[Pass, ...] = (
    keep_traced,
    keep_changes,
    keep_start_directories,
    keep_included,
    keep_listings,
    keep_dependencies,
    keep_units,
    keep_package_documents,
)
"""Every pass, in the order in which it runs."""


def _finish(work: Work) -> Plan:
    """Leave out the paths of --exclude, generate files, and make the inventory."""
    options, draft, view = work.options, work.draft, work.view
    kept, excluded = exclude(draft.frozen(), options.exclude)
    entries = {path: planned.entry for path, planned in kept.items()}
    packages, _, written = work.databases.find(entries, licences=options.licences)

    def wanted(path: str) -> bool:
        return not draft.is_outside(path) and not is_excluded(path, options.exclude)

    kept |= generate(
        view, kept, written, is_allowed=wanted, epoch=options.epoch, shorten=not options.listings
    )
    shrunk: tuple[ShrunkLibrary, ...] = ()
    if work.shrinker is not None:
        kept, shrunk = shrink_files(work.shrinker, kept)
    possible = tuple(edge for edge in work.resolver.possible() if _physical(view, edge.path) not in kept)
    return Plan(
        kept,
        work.absent,
        excluded,
        work.closure,
        packages,
        surface(view, entries),
        shrunk,
        possible,
        work.units,
    )


def _unknown(path: str) -> UsageError:
    return UsageError(f"--include {path}: the image has no such path.", "Give a path that exists in it.")


def _physical(view: View, path: str) -> str:
    entry = view.resolve(path).entry
    return entry.path if entry is not None else path


def _name_and_search(edge: loader.Edge) -> str:
    guess = f"{edge.kind.value}, " if edge.kind is loader.EdgeKind.POSSIBLE else ""
    return f"{edge.name} ({guess}{edge.how.value})"
