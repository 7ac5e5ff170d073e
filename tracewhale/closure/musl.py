"""The libraries that musl's loader loads for a program, in order (musl, ldso/dynlink.c).

It differs from glibc's: LD_LIBRARY_PATH comes before every rpath, DT_RUNPATH and DT_RPATH mean the same and
both are inherited from each needer, only ``$ORIGIN`` is expanded, a list of directories in /etc replaces the
cache, the standard libraries are the loader itself, and the first file that opens is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tracewhale.closure.disk import (
    Disk,
    FileVerdict,
    Findings,
    LocatedElf,
    Outcome,
    SearchFailure,
    SearchResult,
    UnusableFile,
)
from tracewhale.closure.loader import MUSL_RESERVED, Loader
from tracewhale.closure.model import Attempt, Edge, EdgeKind, How, Miss, Root
from tracewhale.closure.tokens import MAX_DIRECTORIES

ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})")
NAME_MAX = 255


class Dso:
    """A loaded object: musl's ``struct dso``. ``short`` is the name with which a search found it."""

    __slots__ = ("located", "needed_by", "rpath", "short")

    def __init__(self, located: LocatedElf, needed_by: Dso | None, rpath: str, short: str) -> None:
        self.located, self.needed_by, self.rpath, self.short = located, needed_by, rpath, short


class MuslProcess:
    """A program as musl's loader handles it."""

    def __init__(
        self, disk: Disk, loader: Loader, program: LocatedElf, root: Root, findings: Findings
    ) -> None:
        self.disk, self.loader, self.root, self.findings = disk, loader, root, findings
        interpreter = LocatedElf(loader.path, loader.physical, loader.physical, loader.elf)
        self.interpreter = Dso(interpreter, None, "", "")
        self.main = Dso(program, None, self._rpath(program, main=True), "")
        self.base: list[tuple[str, Dso]] = []
        self._opened: list[Dso] = []
        self._system: tuple[How, tuple[str, ...]] | None = None
        findings.objects[program.physical] = program.elf
        if program.elf.interpreter:
            findings.objects[loader.physical] = loader.elf
            edge = Edge(
                program.physical, program.elf.interpreter, loader.path, EdgeKind.INTERPRETER, How.PATH
            )
            findings.edges[edge] = None
        queue = [self.main]
        environment = {} if root.secure else dict(root.environment)
        self.library_path = environment.get("LD_LIBRARY_PATH", "")
        for name in re.split(r"[\s:]", environment.get("LD_PRELOAD", "")):
            if name:
                self._request(self.main, None, name, EdgeKind.PRELOAD, self.base, queue)
        self._dependencies(queue, self.base)

    def open(self, located: LocatedElf) -> tuple[tuple[str, str], ...]:
        """Load a library into the running process, and return the new objects in order."""
        known = {dso.located.physical for _, dso in self.base}
        if located.physical in known or located.physical == self.loader.physical:
            return ()
        edge = Edge(self.main.located.physical, located.path, located.path, EdgeKind.OPENED, How.PATH)
        self.findings.edges[edge] = None
        space = list(self.base)
        self.findings.objects[located.physical] = located.elf
        dso = Dso(located, self.main, self._rpath(located), "")
        space.append((located.path, dso))
        self._dependencies([dso], space)
        self._opened += [library for _, library in space[len(self.base) :]]
        return tuple((name, d.located.path) for name, d in space[len(self.base) :])

    def possible(self, names: Mapping[str, Iterable[str]]) -> Iterator[Edge]:
        """Yield the results of dlopen(3) for names among the literals of objects (physical paths), without
        what the process has loaded anyway."""
        loaded = {dso.located.identity for _, dso in self.base}
        for dso in (self.main, *(library for _, library in self.base), *self._opened):
            physical = dso.located.physical
            for name in names.get(physical, ()):
                outcome = self._find(name, dso, self.base)
                if isinstance(outcome, SearchFailure) or outcome.how is How.LOADED:
                    continue
                if outcome.located.identity not in loaded:
                    yield Edge(physical, name, outcome.located.path, EdgeKind.POSSIBLE, outcome.how)

    @property
    def loaded(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, dso.located.path) for name, dso in self.base)

    def _dependencies(self, queue: list[Dso], space: list[tuple[str, Dso]]) -> None:
        done: set[int] = set()
        while queue:
            needer = queue.pop(0)
            if id(needer) in done:
                continue
            done.add(id(needer))
            for name in needer.located.elf.needed:
                self._request(needer, needer, name, EdgeKind.NEEDED, space, queue)

    def _request(
        self,
        needer: Dso,
        chain: Dso | None,
        name: str,
        kind: EdgeKind,
        space: list[tuple[str, Dso]],
        queue: list[Dso],
    ) -> None:
        physical = needer.located.physical
        outcome = self._find(name, chain, space)
        if isinstance(outcome, SearchFailure):
            optional = kind is EdgeKind.PRELOAD
            miss = Miss(physical, name, kind, outcome.attempts, optional, outcome.fatal)
            self.findings.misses[miss] = None
            return
        located, how = outcome.located, outcome.how
        self.findings.edges[Edge(physical, name, located.path, kind, how)] = None
        if how is How.LOADED and located.physical == self.loader.physical:
            self.findings.objects[located.physical] = located.elf
            if all(dso is not self.interpreter for _, dso in space):
                space.append((name, self.interpreter))
            return
        for _, dso in space:
            if dso.located.identity == located.identity:
                if not dso.short and "/" not in name:
                    dso.short = dso.located.path.rpartition("/")[2]
                return
        self.findings.objects[located.physical] = located.elf
        library = Dso(located, chain, self._rpath(located), "" if "/" in name else name)
        space.append((name, library))
        queue.append(library)

    def _find(self, name: str, needer: Dso | None, space: list[tuple[str, Dso]]) -> Outcome:
        reserved = name.startswith("lib") and name[3:].startswith(MUSL_RESERVED)
        if reserved or name == self.loader.path:
            return SearchResult(self.interpreter.located, How.LOADED)
        attempts: list[Attempt] = []
        if "/" in name:
            path = name if name.startswith("/") else f"{self.root.directory.rstrip('/')}/{name}"
            return self._open(path, How.PATH, attempts) or SearchFailure(tuple(attempts))
        for _, dso in space:
            if dso.short == name:
                return SearchResult(dso.located, How.LOADED)
        if not name or len(name) > NAME_MAX:
            return SearchFailure((Attempt(name, How.PATH, "not a file name"),))
        for how, places in self._stages(needer):
            for place in places:
                outcome = self._open(f"{place}/{name}", how, attempts)
                if outcome is not None:
                    return outcome
        return SearchFailure(tuple(attempts))

    def _stages(self, needer: Dso | None) -> list[tuple[How, tuple[str, ...]]]:
        stages = [(How.LIBRARY_PATH, self._split(self.library_path))]
        while needer is not None:
            how = How.RUNPATH if needer.located.elf.runpath is not None else How.RPATH
            stages.append((how, self._split(needer.rpath)))
            needer = needer.needed_by
        if self._system is None:
            text = self.disk.text(self.loader.conf)
            if text is None:
                self._system = (How.DEFAULT, self.loader.directories)
            else:
                self._system = (How.CONF, self._split(text.decode(errors="surrogateescape")))
        return [*stages, self._system]

    def _split(self, path: str) -> tuple[str, ...]:
        working = self.root.directory.rstrip("/")
        elements = [e for e in re.split("[:\n]", path.split("\0")[0]) if e][:MAX_DIRECTORIES]
        return tuple(e if e.startswith("/") else f"{working}/{e}" for e in elements)

    def _rpath(self, located: LocatedElf, *, main: bool = False) -> str:
        """Return the rpath with ``$ORIGIN`` replaced; none if it has another token (fixup_rpath)."""
        elf = located.elf
        text = (elf.runpath if elf.runpath is not None else elf.rpath) or ""
        if "$" not in text:
            return text
        if "$" in ORIGIN.sub("", text) or (main and self.root.secure):
            return ""
        origin = (located.physical if main else located.path).rpartition("/")[0]
        return ORIGIN.sub(lambda _: origin, text)

    def _open(self, path: str, how: How, attempts: list[Attempt]) -> Outcome | None:
        """Return the first file that opens, of whatever type, or None if there is none at this path."""
        looked = self.disk.look(path)
        if isinstance(looked, UnusableFile):
            attempts.append(Attempt(path, how, looked.reason))
            return (
                None if looked.verdict is FileVerdict.ABSENT else SearchFailure(tuple(attempts), fatal=True)
            )
        if not looked.elf.dynamic or looked.elf.bits != self.loader.elf.bits:
            reason = f"wrong ELF class: ELFCLASS{looked.elf.bits}" if looked.elf.dynamic else "not dynamic"
            attempts.append(Attempt(path, how, reason))
            return SearchFailure(tuple(attempts), fatal=True)
        same = looked.physical == self.loader.physical
        if same or (looked.elf.soname or "").startswith(("libc.so", "libc.musl-")):
            return SearchResult(self.interpreter.located, How.LOADED)
        return SearchResult(looked, how)
