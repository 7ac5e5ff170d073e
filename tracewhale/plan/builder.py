"""A plan under construction: paths with their reasons, each added with its directories and links."""

from __future__ import annotations

from collections.abc import Iterable

from tracewhale.plan.model import Absent, PlannedPath
from tracewhale.plan.reasons import Reason, Why
from tracewhale.rootfs.tree import Entry, Kind, View, parent
from tracewhale.tracing.events import CREATING, Access, Event, Trace

SEARCH = 0o111
"""The mode of a directory that everybody may search."""


class Draft:
    """A plan under construction: paths with their reasons, each added with its directories and links."""

    def __init__(self, view: View, outside: Iterable[str]) -> None:
        self.view = view
        self.outside = tuple(outside)
        self._mounts = tuple(f"{mount}/" for mount in self.outside)
        self.entries: dict[str, Entry] = {}
        self.reasons: dict[str, dict[Reason, None]] = {}

    def keep_entry(self, entry: Entry, reason: Reason) -> None:
        self.entries[entry.path] = entry
        self.reasons.setdefault(entry.path, {})[reason] = None

    def keep(self, path: str, reason: Reason, *, follow: bool = True, root: str = "/") -> Entry | None:
        """Keep the end of a requested path and every link and directory on the way; return None if it does
        not exist."""
        lookup = self.view.resolve(path, follow=follow, root=root)
        if lookup.entry is None or self.is_outside(lookup.entry.path):
            return None
        self._keep_steps(lookup.steps, lookup.entry.path)
        self.keep_entry(lookup.entry, reason)
        return lookup.entry

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
        """Return whether a path belongs to the runtime: below a mount, but not the mount point itself."""
        return path.startswith(self._mounts) or path == "/.tracewhale"

    def accessed(self, event: Event) -> tuple[Absent, ...]:
        """Keep the path of one event; return it as absent if the image does not have it."""
        if self.is_outside(event.path) and event.root == "/":
            return ()
        reason = Reason(Why.ACCESS.value, event.program, event.access)
        if event.real and not self.is_outside(event.real):
            self.keep(event.real, reason, follow=False)
        if self.keep(event.path, reason, follow=event.follow, root=event.root) is not None:
            return ()
        if Access(event.access) in CREATING:
            self._keep_links_to_new(event, reason)
            above = self.view.resolve(parent(event.path), root=event.root).entry
            if above is not None:
                creates = Reason(Why.CREATES.value, event.program, event.path)
                self.keep(parent(event.path), creates, root=event.root)
            return ()
        dangling = self.view.resolve(event.path, follow=False, root=event.root).entry
        if dangling is not None:
            self.keep(event.path, reason, follow=False, root=event.root)
        self._keep_refusal(event, reason)
        return () if event.present else (Absent(event.path, event.access, event.program),)

    def _keep_links_to_new(self, event: Event, reason: Reason) -> None:
        """Keep links through which a file is made: to a name that does not exist yet, or to /dev/stdout."""
        steps = self.view.resolve(event.path, follow=event.follow, root=event.root).steps
        entries = [entry for step in steps if (entry := self.view.lstat(step)) is not None]
        if any(entry.kind is Kind.SYMLINK for entry in entries):
            for entry in entries:
                if not self.is_outside(entry.path):
                    self.keep(entry.path, reason, follow=False)

    def _keep_refusal(self, event: Event, reason: Reason) -> None:
        """Keep the cause of a path's failure other than its absence (path_resolution(7)).

        This is a loop of links (ELOOP), a file on the way (ENOTDIR), or a directory that not all may search
        (EACCES).
        """
        lookup = self.view.resolve(event.path, follow=event.follow, root=event.root)
        refusing = [lookup.blocked] if lookup.blocked else list(lookup.steps) if lookup.loop else []
        for step in lookup.steps:
            entry = self.view.lstat(step)
            if entry is not None and entry.kind is Kind.DIRECTORY and entry.mode & SEARCH != SEARCH:
                refusing.append(step)
        if refusing:
            self._keep_steps(lookup.steps, refusing[-1])
        for path in refusing:
            self.keep(path, reason, follow=False)

    def include(self, path: str) -> bool:
        """Keep a path that the user named, and everything below it if it is a directory.

        For a link only its target is kept; everything below that, too, if the path ends with a slash.
        """
        reason = Reason(Why.INCLUDED.value, "--include", path)
        place = "/" + path.strip("/")
        top = self.keep(place, reason, follow=path.endswith("/"))
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
        """Keep every name of the directories that a program listed, because the result depends on it."""
        for event in sorted(trace.events):
            if event.access != Access.LIST.value:
                continue
            directory = self.view.resolve(event.path, root=event.root).entry
            if directory is None or self.is_outside(f"{directory.path}/"):
                continue
            for entry in (self.view.listing(directory.path) or {}).values():
                self.keep(entry.path, Reason(Why.LISTED.value, event.program, directory.path), follow=False)

    def frozen(self) -> dict[str, PlannedPath]:
        order = {why.value: number for number, why in enumerate(Why)}
        return {
            path: PlannedPath(
                self.entries[path],
                tuple(sorted(self.reasons[path], key=lambda r: (order[r.why], r.by, r.detail))),
            )
            for path in sorted(self.entries)
        }
