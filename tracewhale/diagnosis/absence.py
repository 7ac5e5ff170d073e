"""Why a path does not exist, or a user may not use it (path_resolution(7)), in a few words."""

from __future__ import annotations

import stat
from dataclasses import dataclass

from tracewhale.diagnosis.model import Case, User
from tracewhale.rootfs.tree import Entry, Kind, View, parent

READ, WRITE, EXECUTE = 4, 2, 1
ACTIONS = {READ: "read", WRITE: "write to", EXECUTE: "execute"}


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a requested path leads nowhere. ``missing`` is the physical path that would have to exist."""

    words: str
    missing: str
    evidence: tuple[str, ...] = ()


def absence(case: Case, path: str) -> Absence | None:
    """Return why a path does not exist in the running container, or None if it does."""
    for mount in sorted(case.mounts, key=len, reverse=True):
        if path.startswith(f"{mount}/") and case.exists(path) and _seen_absent(case, path):
            return Absence(f"the image has {path}, but what is mounted on {mount} hides it", "")
        if path.startswith(f"{mount}/") and not case.exists(path):
            return Absence(f"{path} is not in what is mounted on {mount}", "")
    lookup = case.view.resolve(path)
    if lookup.entry is not None:
        return None
    if lookup.loop:
        return Absence(f"{path} is a loop of symbolic links", "")
    links = [e for step in lookup.steps if (e := case.view.lstat(step)) and e.kind is Kind.SYMLINK]
    trail = tuple(f"{link.path} -> {link.target}" for link in links)
    if lookup.blocked:
        words = f"{lookup.blocked} is a file where {path} needs a directory"
        return Absence(words, "", trail)
    missing = first_missing(case.view, path)
    top = _topmost_missing(case.view, missing)
    if links and missing != path and (top != missing or links[-1].path == path or _final(case.view, path)):
        chain = " -> ".join((links[0].path, *(link.target for link in links)))
        return Absence(f"the symbolic link {chain} leads to nothing", missing, trail)
    if top != missing:
        return Absence(f"{path} is not in the image, nor is its directory {top}", missing, trail)
    return Absence(f"{path} is not in the image", missing, trail)


def _final(view: View, path: str) -> bool:
    """Return whether the last part of a path is itself a link whose target is missing."""
    last = view.resolve(path, follow=False).entry
    return last is not None and last.kind is Kind.SYMLINK


def _seen_absent(case: Case, path: str) -> bool:
    return path in case.absent


def first_missing(view: View, path: str) -> str:
    """Return the path to which a broken path would have to lead, with the links on its way resolved."""
    wanted, hops = path, 0
    while hops < 40:
        hops += 1
        above, rest = parent(wanted.rstrip("/") or "/"), []
        place = view.resolve(above).entry
        rest.append(wanted.rstrip("/").rpartition("/")[2])
        while place is None and above != "/":
            link = view.resolve(above, follow=False).entry
            if link is not None and link.kind is Kind.SYMLINK:
                break
            rest.append(above.rpartition("/")[2])
            above = parent(above)
            place = view.resolve(above).entry
        tail = "/".join(reversed(rest))
        if place is None:  # a link on the way leads to nothing
            link = view.resolve(above, follow=False).entry
            if link is None:
                return wanted
            wanted = f"{_target(link)}/{tail}"
            continue
        end = view.resolve(f"{place.path.rstrip('/')}/{tail}", follow=False).entry
        if end is None or end.kind is not Kind.SYMLINK:
            return f"{place.path.rstrip('/')}/{tail}"
        wanted = _target(end)
    return path


def _target(link: Entry) -> str:
    target = link.target
    if not target.startswith("/"):
        target = f"{parent(link.path).rstrip('/')}/{target}"
    parts: list[str] = []
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _topmost_missing(view: View, path: str) -> str:
    """Return the highest missing directory above a missing path, or the path itself."""
    top = path
    while parent(top) != "/" and not view.resolve(parent(top)).exists:
        top = parent(top)
    return top


def allowed(entry: Entry, user: User, rights: int) -> bool:
    """Return whether mode and owner allow a user the ``rights`` (READ, WRITE, EXECUTE bits); acl(5) is
    ignored."""
    if user.uid == 0:
        return not rights & EXECUTE or entry.kind is Kind.DIRECTORY or bool(entry.mode & 0o111)
    shift = 6 if entry.uid == user.uid else 3 if entry.gid in (user.gid, *user.groups) else 0
    return (entry.mode >> shift) & rights == rights


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a user may not use a path: the file or directory, the missing right, and its mode and owner in
    words."""

    entry: Entry
    wanted: int

    @property
    def words(self) -> str:
        mode = stat.filemode(self.entry.mode | (stat.S_IFDIR if self.entry.kind is Kind.DIRECTORY else 0))
        what = "the directory " if self.entry.kind is Kind.DIRECTORY else ""
        action = "enter" if self.entry.kind is Kind.DIRECTORY and self.wanted == EXECUTE else None
        action = action or ACTIONS.get(self.wanted, "use")
        return (
            f"may not {action} {what}{self.entry.path} ({mode[1:]}, owner {self.entry.uid}:{self.entry.gid})"
        )


def refusal(view: View, user: User, path: str, rights: int) -> Refusal | None:
    """Return the reason why a user may not read, write or execute a path, or create a missing one."""
    lookup = view.resolve(path)
    for step in lookup.steps:
        entry = view.lstat(step)
        if entry is not None and entry.kind is Kind.DIRECTORY and not allowed(entry, user, EXECUTE):
            return Refusal(entry, EXECUTE)
    if lookup.entry is not None:
        return None if allowed(lookup.entry, user, rights) else Refusal(lookup.entry, rights)
    if not rights & WRITE:
        return None
    above = parent(first_missing(view, path))
    while (place := view.resolve(above).entry) is None and above != "/":
        above = parent(above)
    if place is not None and not allowed(place, user, WRITE | EXECUTE):
        return Refusal(place, WRITE)
    return None
