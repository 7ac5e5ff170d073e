"""Resolve roots to a closure: choose each process's loader, read ahead, and collect the findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tracewhale.closure import glibc, musl
from tracewhale.closure.cache import Cache
from tracewhale.closure.cpu import BASELINE, Cpu
from tracewhale.closure.disk import Disk, Findings, LocatedElf
from tracewhale.closure.literals import literals
from tracewhale.closure.loader import KNOWN, Loader, identify
from tracewhale.closure.model import (
    Attempt,
    Closure,
    Edge,
    EdgeKind,
    Elf,
    How,
    Miss,
    Root,
    Unreadable,
    UnreadableElf,
)
from tracewhale.closure.prefetch import read_ahead
from tracewhale.closure.search import Search, read_cache
from tracewhale.rootfs.tree import Kind as EntryKind
from tracewhale.rootfs.tree import View

MAX_LOADER = 32 << 20
"""The most bytes of a dynamic loader, which is read whole."""

Process = glibc.GlibcProcess | musl.MuslProcess


def resolve(view: View, roots: Iterable[Root], cpu: Cpu = BASELINE) -> Closure:
    """Return the files that the dynamic loader would load for each root, by its own rules and without running
    it.

    ``cpu`` decides between builds of one library; the others that it could have preferred are in
    ``variants``. Files that are not ELF files are skipped. No file in the tree causes an exception: see
    ``misses``, ``unreadable`` and ``version_problems``.
    """
    return Resolver(view, cpu).resolve(roots)


class Resolver:
    """Resolves closures in one tree, with a cache of its files."""

    def __init__(self, view: View, cpu: Cpu = BASELINE) -> None:
        self.disk = Disk(view)
        self.cpu = cpu
        self._loaders: dict[str, Loader | None] = {}
        self._caches: dict[str, Cache] = {}
        self._searches: dict[tuple[str, Root], Search] = {}
        self._processes: dict[Root, Process | None] = {}
        self._literals: dict[str, tuple[str, ...]] = {}

    def resolve(self, roots: Iterable[Root]) -> Closure:
        """Return one closure for all the roots; it equals the union of those of each."""
        ordered = list(dict.fromkeys(roots))
        self._read_ahead(ordered)
        findings = Findings()
        processes = self._processes = {}
        loaded: dict[Root, tuple[tuple[str, str], ...]] = {}
        opened: dict[Root, dict[str, str]] = {}
        unreadable: dict[Unreadable, None] = {}
        for root in ordered:
            located = self._locate(root.path, findings, unreadable)
            if located is None:
                continue
            start = root if root.program is None else replace(root, path=root.program, program=None)
            if start not in processes:
                program = self._locate(start.path, findings, unreadable)
                processes[start] = self._process(program, start, findings) if program else None
            process = processes[start]
            findings.objects.setdefault(located.physical, located.elf)
            if process is None and root.program is not None:
                # A static program loads its libraries with a loader of its own.
                process = processes[root] = self._process(located, replace(root, program=None), findings)
                loaded[root] = process.loaded if process else ()
            elif process is None or root.program is None:
                loaded[root] = process.loaded if process else ()
            else:
                loaded[root] = process.open(located)
                names = opened.setdefault(start, {})
                names |= {name: path for name, path in loaded[root] if "/" not in name}
                if located.elf.soname:
                    names.setdefault(located.elf.soname, located.path)
        self._settle(findings, opened)
        edge_paths = {edge.path for edge in findings.edges}
        for search in self._searches.values():
            findings.variants |= {v: None for v in search.variants if v.baseline in edge_paths}
        unreadable |= self._unreadable()
        return Closure(
            findings.objects,
            tuple(findings.edges),
            tuple(findings.misses),
            tuple(unreadable),
            tuple(findings.version_problems),
            tuple(findings.variants),
            loaded,
        )

    def possible(self) -> tuple[Edge, ...]:
        """Return libraries that the objects of the last closure may open, guessed from the string literals in
        their read-only data. A literal may never be used, and a name may be composed at run time."""
        processes = [process for process in self._processes.values() if process is not None]
        objects = dict.fromkeys(path for process in processes for path in process.findings.objects)
        self._literals |= literals(
            self.disk.view, [object_path for object_path in objects if object_path not in self._literals]
        )
        return tuple(
            dict.fromkeys(edge for process in processes for edge in process.possible(self._literals))
        )

    def _process(self, program: LocatedElf, root: Root, findings: Findings) -> Process | None:
        """Return the process of a program, or None if it is static and has no loader."""
        if program.elf.interpreter is None and not program.elf.dependencies:
            return None
        loader = self._loader(program, findings)
        if loader is None:
            return None
        if loader.family == "musl":
            return musl.MuslProcess(self.disk, loader, program, root, findings)
        key = (loader.physical, root if _has_origin(root) else replace(root, path=""))
        search = self._searches.get(key)
        if search is None:
            if loader.conf not in self._caches:
                self._caches[loader.conf] = read_cache(self.disk, loader)
            search = Search(self.disk, loader, self.cpu, self._caches[loader.conf], root)
            self._searches[key] = search
        return glibc.GlibcProcess(search, program, findings)

    def _loader(self, program: LocatedElf, findings: Findings | None = None) -> Loader | None:
        """Return the loader that a program names, or the usual one for a library that names none."""
        elf = program.elf
        if elf.interpreter is not None:
            loader = self.loader(elf.interpreter)
            if loader is None and findings is not None:
                looked = self.disk.look(elf.interpreter)
                reason = "not a dynamic loader" if isinstance(looked, LocatedElf) else looked.reason
                attempt = Attempt(elf.interpreter, How.PATH, reason)
                miss = Miss(program.physical, elf.interpreter, EdgeKind.INTERPRETER, (attempt,))
                findings.misses[miss] = None
            return loader
        known = KNOWN.get((elf.machine, elf.bits), ())
        musl_first = any(n == "libc.so" or n.startswith("libc.musl-") for n in elf.needed)
        for path in sorted(known, key=lambda p: ("musl" in p) != musl_first):
            loader = self.loader(path)
            if loader is not None:
                return loader
        return None

    def loader(self, path: str) -> Loader | None:
        """Return the dynamic loader at a path, or None if the file cannot be one."""
        if path not in self._loaders:
            looked = self.disk.look(path)
            loader = None
            if isinstance(looked, LocatedElf):
                (data,) = self.disk.view.tree.read([(looked.physical, 0, MAX_LOADER)])
                loader = identify(path, looked.physical, looked.elf, data or b"")
            self._loaders[path] = loader
        return self._loaders[path]

    def _locate(self, path: str, findings: Findings, unreadable: dict[Unreadable, None]) -> LocatedElf | None:
        """Return a root's file, or None if it is absent or not an ELF file."""
        entry = self.disk.view.resolve(path).entry
        if entry is None or entry.kind is not EntryKind.FILE:
            return None
        elf = self.disk.files.get(entry)
        if isinstance(elf, UnreadableElf):
            unreadable[Unreadable(entry.path, elf.reason)] = None
        if not isinstance(elf, Elf):
            return None
        identity = (entry.device, entry.inode) if entry.inode else entry.path
        return LocatedElf(path, entry.path, identity, elf)

    def _unreadable(self) -> dict[Unreadable, None]:
        return {Unreadable(path, reason): None for path, reason in self.disk.files.unreadable()}

    @staticmethod
    def _settle(findings: Findings, opened: dict[Root, dict[str, str]]) -> None:
        """Take a name as loaded if any opened library brings it. The order in which libraries were opened is
        unknown, so an earlier one may have brought the dependencies of a later one."""
        names: dict[str, str] = {}
        for libraries in opened.values():
            names |= libraries
        for miss in list(findings.misses):
            path = names.get(miss.name)
            if path is not None and miss.kind is EdgeKind.NEEDED:
                del findings.misses[miss]
                findings.edges[Edge(miss.needer, miss.name, path, miss.kind, How.LOADED)] = None

    def _read_ahead(self, roots: Sequence[Root]) -> None:
        read_ahead(self.disk, roots, self._loader, self._cache_of)

    def _cache_of(self, loader: Loader) -> Cache:
        if loader.conf not in self._caches:
            self._caches[loader.conf] = read_cache(self.disk, loader)
        return self._caches[loader.conf]


def _has_origin(root: Root) -> bool:
    """Return whether a root's environment has another meaning for each program."""
    return "$" in dict(root.environment).get("LD_LIBRARY_PATH", "")
