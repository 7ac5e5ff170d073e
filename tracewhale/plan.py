"""What is kept and why: the union of trace, closure and rules, every path with its reasons.

A pure function from a tree's view, a trace and options to a frozen plan; nothing is run or written.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from tracewhale import closure as loader
from tracewhale import rules as knowledge
from tracewhale.errors import UsageError
from tracewhale.roots import Starts
from tracewhale.rules import Rule
from tracewhale.tracing.events import CREATING, Access, Event, Trace
from tracewhale.tree import ROOT, Entry, Kind, View, join, parent

RUNTIME_PATHS = ("/proc", "/sys", "/dev", "/.tracewhale")
"""What the runtime mounts in every container, and the probe's own directory: never the image's."""


class Why(Enum):
    """The kinds of reason, in the order in which a reader wants them."""

    ACCESS = "access"
    NEEDED = "needed"
    INTERPRETER = "interpreter"
    RULE = "rule"
    CHANGED = "changed"
    INCLUDED = "included"
    CREATES = "creates"
    LISTED = "listed"
    SYMLINK = "symlink"
    PARENT = "parent"


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a path is kept. ``by`` is the program, library, rule or path on whose behalf; ``detail``
    the access, the name that DT_NEEDED gives and how it was found, or nothing."""

    why: str
    by: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """One path of the new image, as the original had it, with at least one reason."""

    entry: Entry
    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError(f"{self.entry.path} is kept for no reason")


@dataclass(frozen=True, slots=True, order=True)
class Absent:
    """A path that a program asked for and the original image does not have either."""

    path: str
    access: str
    program: str


@dataclass(frozen=True)
class Plan:
    """The paths to keep by path, what was asked for and never existed, and what was left out.

    Checked when made: every path's parent directories are kept, too.
    """

    kept: Mapping[str, Kept]
    absent: tuple[Absent, ...] = ()
    excluded: tuple[str, ...] = ()
    closure: loader.Closure = field(default_factory=lambda: loader.Closure({}, ()))

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
    every entry of the directories that the program listed; ``directories`` are kept empty.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    without_rules: tuple[str, ...] = ()
    listings: bool = False
    directories: tuple[str, ...] = ()


def make_plan(view: View, trace: Trace, options: Options) -> Plan:
    """The plan for a trace (several: merge them first). Raises UsageError for an unknown --include."""
    draft = _Draft(view, (*RUNTIME_PATHS, *trace.mounts))
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
    closure = _fixpoint(draft, trace, options)
    kept, excluded = _exclude(draft.frozen(), options.exclude)
    return Plan(kept, tuple(absent), excluded, closure)


class _Draft:
    """A plan while it grows: paths with their reasons, each added with all that it stands on."""

    def __init__(self, view: View, outside: Iterable[str]) -> None:
        self.view = view
        self.outside = tuple(outside)
        self.entries: dict[str, Entry] = {}
        self.reasons: dict[str, dict[Reason, None]] = {}

    def keep_entry(self, entry: Entry, reason: Reason) -> None:
        self.entries[entry.path] = entry
        self.reasons.setdefault(entry.path, {})[reason] = None

    def keep(self, path: str, reason: Reason, *, follow: bool = True, root: str = "/") -> Entry | None:
        """Keep where an asked path leads and every link and directory on the way; None if nowhere."""
        found = self.view.resolve(path, follow=follow, root=root)
        if found.entry is None or self.is_outside(found.entry.path):
            return None
        self._keep_steps(found.steps, found.entry.path)
        self.keep_entry(found.entry, reason)
        return found.entry

    def _keep_steps(self, steps: Iterable[str], towards: str) -> None:
        for step in steps:
            if self.is_outside(step):
                continue
            entry = self.view.lstat(step)
            if entry is not None:
                why = Why.SYMLINK if entry.kind is Kind.SYMLINK else Why.PARENT
                if why is Why.SYMLINK or step not in self.entries:
                    self.keep_entry(entry, Reason(why.value, towards))
                self._keep_parents(entry.path)
        self._keep_parents(towards)

    def _keep_parents(self, path: str) -> None:
        while path != "/":
            above = parent(path)
            if above in self.entries:
                return
            entry = self.view.lstat(above)
            if entry is not None:
                self.keep_entry(entry, Reason(Why.PARENT.value, path))
            path = above

    def is_outside(self, path: str) -> bool:
        """Whether a path is the runtime's: below a mount, but not the mount point itself."""
        return any(path.startswith(f"{mount}/") for mount in self.outside) or path == "/.tracewhale"

    def accessed(self, event: Event) -> tuple[Absent, ...]:
        """Keep what one event names; return it as absent where the image does not have it."""
        if self.is_outside(event.path) and event.root == "/":
            return ()
        reason = Reason(Why.ACCESS.value, event.program, event.access)
        if event.real and not self.is_outside(event.real):
            self.keep(event.real, reason, follow=False)
        if self.keep(event.path, reason, follow=event.follow, root=event.root) is not None:
            return ()
        if Access(event.access) in CREATING:
            above = self.view.resolve(parent(event.path), root=event.root).entry
            if above is not None:
                creates = Reason(Why.CREATES.value, event.program, event.path)
                self.keep(parent(event.path), creates, root=event.root)
            return ()
        dangling = self.view.resolve(event.path, follow=False, root=event.root).entry
        if dangling is not None:
            self.keep(event.path, reason, follow=False, root=event.root)
        return () if event.present else (Absent(event.path, event.access, event.program),)

    def include(self, path: str) -> bool:
        """Keep a path that the user named and, of a directory, everything below it."""
        reason = Reason(Why.INCLUDED.value, "--include", path)
        top = self.keep("/" + path.lstrip("/"), reason)
        pending = [] if top is None else [top]
        while pending:
            entry = pending.pop()
            self.keep_entry(entry, reason)
            if entry.kind is Kind.SYMLINK:
                self.keep(entry.path, reason)
            elif entry.kind is Kind.DIRECTORY and not self.is_outside(f"{entry.path}/"):
                pending += (self.view.listing(entry.path) or {}).values()
        return top is not None

    def complete_listings(self, trace: Trace) -> None:
        """Keep every name of the directories that a program listed, as the listing is its answer."""
        for event in sorted(trace.events):
            if event.access != Access.LIST.value:
                continue
            directory = self.view.resolve(event.path, root=event.root).entry
            if directory is None or self.is_outside(f"{directory.path}/"):
                continue
            for entry in (self.view.listing(directory.path) or {}).values():
                self.keep(entry.path, Reason(Why.LISTED.value, event.program, directory.path), follow=False)

    def frozen(self) -> dict[str, Kept]:
        order = {why.value: number for number, why in enumerate(Why)}
        return {
            path: Kept(
                self.entries[path],
                tuple(sorted(self.reasons[path], key=lambda r: (order[r.why], r.by, r.detail))),
            )
            for path in sorted(self.entries)
        }


def _prefetch(view: View, trace: Trace) -> None:
    """Ask for the directories of everything that was there in a few exchanges, not one by one."""
    directories = {parent(event.real or event.path) for event in trace.events if event.present}
    view.prefetch(directory for directory in directories if "/../" not in directory)


def _fixpoint(draft: _Draft, trace: Trace, options: Options) -> loader.Closure:
    """Add the closure of every ELF file and script and what the rules say, until nothing is added.

    A rule may keep a library that has a closure of its own, whose libraries trigger rules.
    """
    resolver, starts = loader.Resolver(draft.view), Starts(draft.view, trace)
    while True:
        before = set(draft.entries)
        roots, scripts = starts.find(draft.entries.values())
        for script in scripts:
            draft.keep(script.interpreter, Reason(Why.INTERPRETER.value, script.path, script.interpreter))
        closure = resolver.resolve(roots)
        for edge in closure.edges:
            why = Why.INTERPRETER if edge.kind is loader.Kind.INTERPRETER else Why.NEEDED
            draft.keep(edge.path, Reason(why.value, edge.needer, f"{edge.name} ({edge.how.value})"))
        for addition in knowledge.apply(
            draft.view, set(draft.entries), closure.objects, options.rules, frozenset(options.without_rules)
        ):
            draft.keep(addition.path, Reason(Why.RULE.value, addition.rule, addition.because), follow=False)
        if before == set(draft.entries):
            return closure


def _exclude(kept: dict[str, Kept], globs: tuple[str, ...]) -> tuple[dict[str, Kept], tuple[str, ...]]:
    """Take away what a glob matches with all below it; a glob without a slash matches any name."""
    gone = {
        path
        for path in kept
        if path != "/" and any(_matches(above, glob) for above in _upwards(path) for glob in globs)
    }
    return {path: kept[path] for path in kept if path not in gone}, tuple(sorted(gone))


def _upwards(path: str) -> Iterable[str]:
    while path != "/":
        yield path
        path = parent(path)


def _matches(path: str, glob: str) -> bool:
    if "/" not in glob:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], glob)
    return fnmatch.fnmatchcase(path, join("/", glob.strip("/")))
