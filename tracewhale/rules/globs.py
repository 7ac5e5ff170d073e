"""Globs over the kept paths, and over a tree that offers only directory listings."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tracewhale.patterns import ANYTHING, MAGIC, Effort, name_pattern, path_pattern, reversed_range
from tracewhale.rootfs.tree import SYMLINK_LIMIT, Kind, View, parent


class _Deep(str):
    """The component ``**``: any number of directories."""


DEEP: Final = _Deep(ANYTHING)
Part = str | re.Pattern[str]


@lru_cache(maxsize=4096)
def _part(component: str) -> Part:
    """Return a component as a literal, as DEEP, or as the pattern of a whole file name."""
    if component == ANYTHING:
        return DEEP
    return name_pattern(component) if MAGIC.search(component) else component


class KeptPaths:
    """The paths kept so far, indexed for globs.

    Most globs end in a literal name or in one that begins with a literal: those are looked up, so that many
    rules over many paths stay cheap.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        by_name: dict[str, list[str]] = defaultdict(list)
        self.directories: set[str] = set()
        """The directories that contain kept paths."""
        for path in sorted(paths):
            directory, _, name = path.rpartition("/")
            by_name[name].append(path)
            self.directories.add(directory or "/")
        self._by_name = dict(by_name)
        self._names = sorted(by_name)

    def matching(self, glob: str) -> tuple[str, ...]:
        """Return the kept paths that match, sorted. Without a slash, a glob matches the last component."""
        last = glob.rpartition("/")[2]
        names = self._names_matching(last)
        if "/" not in glob:
            return tuple(sorted(path for name in names for path in self._by_name[name]))
        pattern = path_pattern(glob)
        return tuple(
            sorted(path for name in names for path in self._by_name[name] if pattern.fullmatch(path))
        )

    def _names_matching(self, component: str) -> Iterator[str]:
        part = _part(component)
        if part is DEEP:
            yield from self._names
        elif isinstance(part, str):
            if part in self._by_name:
                yield part
        else:
            prefix, suffix = MAGIC.split(component)[0], re.split(r"[*?\]]", component)[-1]
            for name in self._names[bisect_left(self._names, prefix) :]:
                if not name.startswith(prefix):
                    return
                if name.endswith(suffix) and part.fullmatch(name):
                    yield name


@dataclass(frozen=True, slots=True)
class GlobBase:
    """A glob below a physical directory; the directory's own name is not a glob."""

    base: str
    glob: str


@dataclass(frozen=True, slots=True)
class _Front:
    """The progress of a glob: the physical directory reached, the remaining parts, the symbolic links
    passed."""

    here: str
    rest: tuple[Part, ...]
    links: tuple[str, ...] = ()


def expand(view: View, places: Iterable[GlobBase], effort: Effort) -> dict[GlobBase, tuple[str, ...]]:
    """Return the physical paths that match at each place, sorted, with the symbolic links on the way.

    All places advance together, one directory level at a time, so that the listings of a level are one
    exchange. A link at the end is kept with its target; wildcards do not pass through links. Raise
    ImageContentError if this takes more than ``effort`` allows.
    """
    matches: dict[GlobBase, set[str]] = {place: set() for place in places}
    fronts = {place: {_Front(place.base, _parts(place.glob))} for place in matches}
    while fronts:
        view.prefetch(front.here for front_of in fronts.values() for front in front_of)
        following: dict[GlobBase, set[_Front]] = {}
        for place, front_of in fronts.items():
            directory = place.glob.endswith("/")
            for front in front_of:
                for step in _advance(view, front, effort, directory=directory):
                    if isinstance(step, _Front):
                        following.setdefault(place, set()).add(step)
                    else:
                        matches[place].update(step)
        fronts = following
    return {place: tuple(sorted(paths)) for place, paths in matches.items()}


def _parts(glob: str) -> tuple[Part, ...]:
    return tuple(_part(component) for component in glob.split("/") if component not in ("", "."))


def _literal(target: str) -> tuple[Part, ...]:
    return tuple(component for component in target.split("/") if component not in ("", "."))


def _advance(
    view: View, front: _Front, effort: Effort, *, directory: bool
) -> Iterator[_Front | tuple[str, ...]]:
    """Yield the next state of a glob after one component: further fronts, or matching paths."""
    here, links = front.here, front.links
    effort.spend(1 + len(front.rest) + len(links))
    listing = view.listing(here)
    if listing is None:
        return
    if not front.rest:
        yield (*links, here)
        return
    part, rest = front.rest[0], front.rest[1:]
    if part is DEEP:
        if rest:
            yield _Front(here, rest, links)
        else:
            yield (*links, here)
        for entry in listing.values():
            if entry.kind is Kind.DIRECTORY:
                yield _Front(entry.path, front.rest, links)
        if rest:
            return
    elif part == "..":
        yield _Front(parent(here), rest, links)
        return
    if isinstance(part, str) and part is not DEEP:
        entries = [listing[part]] if part in listing else []
    elif isinstance(part, re.Pattern):
        effort.spend(len(part.pattern) * len(listing))
        entries = [entry for name, entry in listing.items() if part.fullmatch(name)]
    else:
        entries = list(listing.values())
    for entry in entries:
        if entry.kind is Kind.SYMLINK:
            if len(links) >= SYMLINK_LIMIT or (rest and not isinstance(part, str)):
                continue
            if not rest and not directory:
                yield (*links, entry.path)
            start = "/" if entry.target.startswith("/") else here
            yield _Front(start, (*_literal(entry.target), *rest), (*links, entry.path))
        elif rest:
            if entry.kind is Kind.DIRECTORY:
                yield _Front(entry.path, rest, links)
        elif entry.kind is Kind.DIRECTORY or not directory:
            yield (*links, entry.path)


def escape(name: str) -> str:
    """Return a name from a configuration file as a glob that matches only itself."""
    return MAGIC.sub(lambda match: f"[{match[0]}]", name)


def problem(glob: str) -> str:
    """Return the reason why a glob is not valid, or an empty string."""
    wrong = next(filter(None, map(reversed_range, glob.split("/"))), "")
    return f"not a glob: the range {wrong} is empty" if wrong else ""
