"""The libraries that glibc's loader loads for a program, in order (elf/rtld.c, dl-deps.c, dl-version.c)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from tracewhale.closure.disk import Findings, LocatedElf, SearchFailure, SearchResult
from tracewhale.closure.loader import Loader
from tracewhale.closure.model import Attempt, Edge, EdgeKind, Elf, How, Miss, VersionProblem
from tracewhale.closure.search import Map, Search
from tracewhale.closure.tokens import expand

VDSO = ("linux-vdso.so.1", "linux-gate.so.1", "linux-vdso32.so.1", "linux-vdso64.so.1")
PRELOAD_FILE = "/etc/ld.so.preload"
OUTSIDE = frozenset({EdgeKind.PRELOAD, EdgeKind.PRELOAD_FILE, EdgeKind.AUDIT})
"""Settings from outside of the program, which a secure process does not trust."""

MAX_PRELOADS = 1024
AUDIT_TAGS, ALWAYS_LISTED = (2, 32), (2, 41)
"""The versions of glibc since which DT_AUDIT is used, and the loader is listed even if nothing needs it."""


class Namespace:
    """The objects of a process by the names that later requests can use for them.

    A library opened later sees the objects that existed before it (``parent``), and no others. ``audit``
    marks the namespace of an audit module, whose search differs a little.
    """

    def __init__(self, parent: Namespace | None = None, *, audit: bool = False) -> None:
        self.parent = parent
        self.audit = audit
        self.names: dict[str, Map] = {}
        self.identities: dict[object, Map] = {}
        self.order: list[Map] = []

    def library(self, name: str) -> Map | None:
        inherited = self.parent.library(name) if self.parent else None
        return inherited or self.names.get(name)

    def same_file(self, identity: object) -> Map | None:
        inherited = self.parent.same_file(identity) if self.parent else None
        return inherited or self.identities.get(identity)

    def add(self, map_: Map, identity: object | None, *names: str | None) -> None:
        """Append an object; its names are the given ones and its soname."""
        for name in (*names, map_.elf.soname):
            if name:
                self.name(map_, name)
        if identity is not None:
            self.identities[identity] = map_
        self.order.append(map_)

    def name(self, map_: Map, name: str) -> None:
        map_.names[name] = None
        self.names.setdefault(name, map_)

    def move_before(self, map_: Map, other: Map) -> None:
        """Move a filtee before the object that names it, if it was loaded after it."""
        if map_ not in self.order or other not in self.order:
            return
        if self.order.index(other) < self.order.index(map_):
            self.order.remove(map_)
            self.order.insert(self.order.index(other), map_)
            self.names = {name: map_ for map_ in reversed(self.order) for name in map_.names}


class GlibcProcess:
    """A program as the loader handles it: its dependencies, filters, preloads and audit modules."""

    def __init__(self, search: Search, program: LocatedElf, findings: Findings) -> None:
        self.search = search
        self.findings = findings
        self.loader: Loader = search.loader
        self.main = search.map(program, None, main=True)
        self.base = Namespace()
        self._maps: list[Map] = []
        self._interpreter_at: int | None = None
        findings.objects[program.physical] = program.elf
        self._start(program)

    def _start(self, program: LocatedElf) -> None:
        self.interpreter = Map(self.loader.elf, self.loader.path, self.loader.physical, "/")
        self.base.add(self.main, None)
        self.base.add(self.interpreter, None, program.elf.interpreter or self.loader.path)
        if program.elf.interpreter:
            self.findings.objects[self.loader.physical] = self.loader.elf
            path = self.loader.path
            edge = Edge(program.physical, program.elf.interpreter, path, EdgeKind.INTERPRETER, How.PATH)
            self.findings.edges[edge] = None
        for name in self._audit_names(program.elf):
            self._audit(name)
        first = [self.main]
        for kind, name in self._preloads():
            map_ = self._request(self.main, name, kind, self.base)
            if map_ is not None:
                first.append(map_)
        self._dependencies(first, self.base)
        self._check_versions(self.base)
        self._maps += self.base.order

    def open(self, located: LocatedElf) -> tuple[tuple[str, str], ...]:
        """Load a library into the running process, as dlopen(3) does, and return the new objects in order."""
        if self.base.same_file(located.identity) or located.physical == self.loader.physical:
            return ()
        edge = Edge(self.main.physical, located.path, located.path, EdgeKind.OPENED, How.PATH)
        self.findings.edges[edge] = None
        space = Namespace(self.base)
        map_ = self.search.map(located, None)
        self.findings.objects[located.physical] = located.elf
        space.add(map_, located.identity, located.path)
        self._dependencies([map_], space)
        self._check_versions(space)
        self._maps += space.order
        return _listed(space.order)

    def possible(self, names: Mapping[str, Iterable[str]]) -> Iterator[Edge]:
        """Yield the results of dlopen(3) for names among the literals of objects (physical paths), without
        what the process has loaded anyway."""
        for map_ in self._maps:
            for name in names.get(map_.physical, ()):
                if self.base.library(name) is not None:
                    continue
                outcome = self.search.find(name, map_, self.main)
                if isinstance(outcome, SearchResult) and not self.base.same_file(outcome.located.identity):
                    path = outcome.located.path
                    yield Edge(map_.physical, name, path, EdgeKind.POSSIBLE, outcome.how, outcome.variant)

    @property
    def loaded(self) -> tuple[tuple[str, str], ...]:
        """Names and found paths in load order, without the program, and without a loader that nothing
        needs."""
        needed = [map_ for map_ in self.base.order[1:] if map_ is not self.interpreter]
        at = self._interpreter_at
        if at is None and self.loader.version >= ALWAYS_LISTED:
            at = len(needed)
        return _listed(needed if at is None else [*needed[:at], self.interpreter, *needed[at:]])

    def _audit_names(self, elf: Elf) -> Iterator[str]:
        environment = dict(self.search.root.environment)
        tags = (elf.audit, elf.depaudit) if self.loader.version >= AUDIT_TAGS else ()
        for text in (environment.get("LD_AUDIT"), *tags):
            for name in (text or "").split(":"):
                if name and not (self.search.root.secure and "/" in name):
                    yield name

    def _preloads(self) -> Iterator[tuple[EdgeKind, str]]:
        return islice(self._all_preloads(), MAX_PRELOADS)

    def _all_preloads(self) -> Iterator[tuple[EdgeKind, str]]:
        environment = dict(self.search.root.environment)
        for name in re.split("[ :]", environment.get("LD_PRELOAD", "")):
            if name and not (self.search.root.secure and "/" in name):
                yield EdgeKind.PRELOAD, name
        text = self.search.disk.text(PRELOAD_FILE)
        for line in (text or b"").decode(errors="surrogateescape").split("\n"):
            for name in re.split("[ \t:]", line.partition("#")[0]):
                if name:
                    yield EdgeKind.PRELOAD_FILE, name

    def _audit(self, name: str) -> None:
        """Load an audit module with its dependencies into a namespace of its own."""
        space = Namespace(audit=True)
        map_ = self._request(self.main, name, EdgeKind.AUDIT, space)
        if map_ is not None:
            space.names.setdefault(self.loader.elf.soname or "", self.interpreter)
            self._dependencies([map_], space)

    def _dependencies(self, queue: list[Map], space: Namespace) -> None:
        """Load breadth first, as _dl_map_object_deps does; filtees come before the object that names them."""
        done: set[int] = set()
        while queue:
            needer = queue.pop(0)
            if id(needer) in done:
                continue
            done.add(id(needer))
            filtees: list[Map] = []
            for dependency in needer.elf.dependencies:
                map_ = self._request(needer, dependency.name, dependency.kind, space)
                if map_ is None or id(map_) in done:
                    continue
                if dependency.kind is EdgeKind.NEEDED:
                    queue.append(map_)
                else:
                    space.move_before(map_, needer)
                    filtees.append(map_)
            queue[:0] = filtees

    def _request(self, needer: Map, name: str, kind: EdgeKind, space: Namespace) -> Map | None:
        """Return the object for a request: one that was loaded before, or one that is found now."""
        expanded = expand(name, self.search.tokens(needer)) if "$" in name else name
        if not expanded:
            attempt = Attempt(name, How.PATH, "a token in it has no value here")
            self._miss(needer, name, kind, SearchFailure((attempt,)))
            return None
        known = space.library(expanded)
        if known is not None:
            self._edge(needer, name, known.path, kind, How.LOADED)
            if known is self.interpreter and self._interpreter_at is None:
                self._interpreter_at = len(self.base.order) - 2
                self.findings.objects[self.loader.physical] = self.loader.elf
            return known
        if expanded in VDSO:
            return None
        asker = self.interpreter if kind is EdgeKind.AUDIT else needer
        trusted = self.search.root.secure and kind in OUTSIDE
        outcome = self.search.find(expanded, asker, self.main, space.audit, trusted)
        if isinstance(outcome, SearchFailure):
            self._miss(needer, name, kind, outcome)
            return None
        return self._accept(needer, name, expanded, kind, outcome, space)

    def _accept(
        self,
        needer: Map,
        name: str,
        expanded: str,
        kind: EdgeKind,
        search_result: SearchResult,
        space: Namespace,
    ) -> Map:
        located = search_result.located
        self._edge(needer, name, located.path, kind, search_result.how, search_result.variant)
        same = space.same_file(located.identity)
        if same is not None:
            space.name(same, expanded)
            return same
        parent = None if kind is EdgeKind.AUDIT else needer
        map_ = self.search.map(located, parent)
        self.findings.objects[located.physical] = located.elf
        space.add(map_, located.identity, expanded)
        return map_

    def _edge(self, needer: Map, name: str, path: str, kind: EdgeKind, how: How, variant: str = "") -> None:
        self.findings.edges[Edge(needer.physical, name, path, kind, how, variant)] = None

    def _miss(self, needer: Map, name: str, kind: EdgeKind, failure: SearchFailure) -> None:
        optional = kind not in (EdgeKind.NEEDED, EdgeKind.FILTER)
        miss = Miss(needer.physical, name, kind, failure.attempts, optional, failure.fatal)
        self.findings.misses[miss] = None

    def _check_versions(self, space: Namespace) -> None:
        """Compare DT_VERNEED of every object with DT_VERDEF of the object that has the file's name
        (dl-version.c)."""
        for map_ in space.order:
            for need in map_.elf.version_needs:
                library = space.library(need.file)
                if library is None or need.weak or not library.elf.version_definitions:
                    continue
                if need.version not in library.elf.version_definitions:
                    problem = VersionProblem(map_.physical, library.path, need.version)
                    self.findings.version_problems[problem] = None


def _listed(order: list[Map]) -> tuple[tuple[str, str], ...]:
    return tuple((next(iter(map_.names)), map_.path) for map_ in order)
