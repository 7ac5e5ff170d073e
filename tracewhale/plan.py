"""What is kept and why: the union of trace, closure and rules, every path with its reasons.

A pure function from a tree's view, a trace and options to a frozen plan; nothing is run or written.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tracewhale import closure as loader
from tracewhale import rules as knowledge
from tracewhale.draft import RUNTIME_PATHS, Absent, Draft, Kept, Reason, Why
from tracewhale.errors import UsageError
from tracewhale.generated import generate
from tracewhale.packages import Databases, Inventory
from tracewhale.roots import Starts
from tracewhale.rules import Rule
from tracewhale.surface import Surface, surface
from tracewhale.tracing.events import Trace
from tracewhale.tree import ROOT, Kind, View, join, parent

__all__ = ["RUNTIME_PATHS", "Absent", "Kept", "Options", "Plan", "Reason", "Why", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """The paths to keep by path, what was asked for and never existed, and what was left out.

    Checked when made: every path's parent directories are kept, too.
    """

    kept: Mapping[str, Kept]
    absent: tuple[Absent, ...] = ()
    excluded: tuple[str, ...] = ()
    closure: loader.Closure = field(default_factory=lambda: loader.Closure({}, ()))
    packages: Inventory = field(default_factory=Inventory)
    surface: Surface = field(default_factory=Surface)
    possible: tuple[loader.Edge, ...] = ()
    """Libraries that string literals of kept ELF files name, and that are not kept."""

    def __post_init__(self) -> None:
        for path in self.kept:
            above = self.kept.get(parent(path))
            if path != "/" and (above is None or above.entry.kind is not Kind.DIRECTORY):
                raise ValueError(f"{path} is kept without its directory")

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every kept path in the order of a layer: by bytes, so that parents come first."""
        return tuple(sorted(self.kept, key=os.fsencode))

    @cached_property
    def shortened(self) -> bool:
        """Whether a file that lists others (``ld.so.cache``) names less than the original's."""
        return any(r.why == Why.GENERATED.value for kept in self.kept.values() for r in kept.reasons)

    @cached_property
    def size(self) -> int:
        """Bytes of the kept regular files, a hard-linked file once."""
        files = {
            (entry.device, entry.inode, "" if entry.inode else entry.path): entry.size
            for entry in (kept.entry for kept in self.kept.values())
            if entry.kind is Kind.FILE
        }
        return sum(files.values())


@dataclass(frozen=True, slots=True)
class Options:
    """What the user adds to and takes from a plan.

    ``include`` are paths (a directory with all that is in it), ``exclude`` globs; ``listings`` keeps
    every entry of the directories that the program listed, and ``ld.so.cache`` as it is; ``directories``
    are kept empty. ``licences`` keeps what a redistributed image owes: copyright and licence files of the
    packages that are there.
    ``guess_dlopen`` keeps libraries whose names stand among the string literals of kept ELF files.
    ``epoch`` is the time of generated files in seconds (SOURCE_DATE_EPOCH); None is the original's.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    without_rules: tuple[str, ...] = ()
    listings: bool = False
    directories: tuple[str, ...] = ()
    licences: bool = True
    guess_dlopen: bool = False
    epoch: int | None = None


def check_included(view: View, options: Options) -> None:
    """Tell before a run what its plan would say after it. Raises UsageError for an unknown --include."""
    for path in options.include:
        if view.resolve("/" + path.lstrip("/")).entry is None:
            raise UsageError(f"--include {path}: the image has no such path", "give a path that exists in it")


def make_plan(view: View, trace: Trace, options: Options) -> Plan:
    """The plan for a trace (several: merge them first). Raises UsageError for an unknown --include."""
    draft = Draft(view, (*RUNTIME_PATHS, *trace.mounts))
    draft.keep_entry(ROOT, Reason(Why.PARENT.value, "/"))
    _prefetch(view, trace)
    absent = sorted({absent for event in trace.events for absent in draft.accessed(event)})
    changed = Reason(Why.CHANGED.value, trace.target)
    for path in trace.changes:
        draft.keep(path, changed, follow=False)
        draft.keep(path, changed)
    for path in options.directories:
        draft.keep(path, Reason(Why.RULE.value, "working-directory"))
    for path in options.include:
        if not draft.include(path):
            raise UsageError(f"--include {path}: the image has no such path", "give a path that exists in it")
    if options.listings:
        draft.complete_listings(trace)
    closure, guessed = _fixpoint(draft, trace, options)
    databases = Databases(view)
    _document(draft, databases, options)
    kept, excluded = _exclude(draft.frozen(), options.exclude)
    entries = {path: each.entry for path, each in kept.items()}
    packages, _, written = databases.find(entries, licences=options.licences)

    def wanted(path: str) -> bool:
        return not draft.is_outside(path) and not _is_excluded(path, options.exclude)

    kept |= generate(view, kept, written, wanted=wanted, epoch=options.epoch, shorten=not options.listings)
    possible = tuple(edge for edge in guessed if _physical(view, edge.path) not in kept)
    return Plan(kept, tuple(absent), excluded, closure, packages, surface(view, entries), possible)


def _prefetch(view: View, trace: Trace) -> None:
    """Ask for the directories of everything that was there in a few exchanges, not one by one."""
    directories = {parent(event.real or event.path) for event in trace.events if event.present}
    view.prefetch(directory for directory in directories if "/../" not in directory)


def _fixpoint(draft: Draft, trace: Trace, options: Options) -> tuple[loader.Closure, tuple[loader.Edge, ...]]:
    """Add the closure of every ELF file and script and what the rules say, until nothing is added.

    A rule may keep a library that has a closure of its own, whose libraries trigger rules. Beside the closure
    it gives the possible dlopens.
    """
    resolver, starts = loader.Resolver(draft.view), Starts(draft.view, trace)
    while True:
        before = set(draft.entries)
        roots, scripts = starts.find(draft.entries.values())
        for script in scripts:
            draft.keep(script.interpreter, Reason(Why.INTERPRETER.value, script.path, script.interpreter))
        closure = resolver.resolve(roots)
        guessed = resolver.possible() if options.guess_dlopen else ()
        for edge in (*closure.edges, *guessed):
            why = Why.INTERPRETER if edge.kind is loader.Kind.INTERPRETER else Why.NEEDED
            draft.keep(edge.path, Reason(why.value, edge.needer, _asked(edge)))
        for addition in knowledge.apply(
            draft.view, set(draft.entries), closure.objects, options.rules, frozenset(options.without_rules)
        ):
            draft.keep(addition.path, Reason(Why.RULE.value, addition.rule, addition.because), follow=False)
        if before == set(draft.entries):
            return closure, guessed or resolver.possible()


def _physical(view: View, path: str) -> str:
    entry = view.resolve(path).entry
    return entry.path if entry is not None else path


def _asked(edge: loader.Edge) -> str:
    guess = f"{edge.kind.value}, " if edge.kind is loader.Kind.POSSIBLE else ""
    return f"{edge.name} ({guess}{edge.how.value})"


def _document(draft: Draft, databases: Databases, options: Options) -> None:
    """Add what tells of the packages that are there, which may be of yet other packages."""
    before = -1
    while before != len(draft.entries):
        before = len(draft.entries)
        for document in databases.find(draft.entries, licences=options.licences)[1]:
            draft.keep(document.path, Reason(Why.PACKAGE.value, document.whom, document.what))


def _exclude(kept: dict[str, Kept], globs: tuple[str, ...]) -> tuple[dict[str, Kept], tuple[str, ...]]:
    """Take away what a glob matches with all below it; a glob without a slash matches any name."""
    gone = {path for path in kept if path != "/" and _is_excluded(path, globs)}
    return {path: kept[path] for path in kept if path not in gone}, tuple(sorted(gone))


def _is_excluded(path: str, globs: tuple[str, ...]) -> bool:
    return any(_matches(above, glob) for above in _upwards(path) for glob in globs)


def _upwards(path: str) -> Iterable[str]:
    while path != "/":
        yield path
        path = parent(path)


def _matches(path: str, glob: str) -> bool:
    if "/" not in glob:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], glob)
    return fnmatch.fnmatchcase(path, join("/", glob.strip("/")))
