"""The search of glibc's loader for a name, in its order (ld.so(8); elf/dl-load.c, _dl_map_object)."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tracewhale.closure.cache import Cache, lookup
from tracewhale.closure.cpu import HWCAPS_VERSION, LEGACY_GONE, Cpu
from tracewhale.closure.disk import (
    Disk,
    FileVerdict,
    LocatedElf,
    Outcome,
    SearchFailure,
    SearchResult,
    UnusableFile,
)
from tracewhale.closure.elf import DF_1_NODEFLIB
from tracewhale.closure.ldcache import parse
from tracewhale.closure.loader import EM_X86_64, Loader
from tracewhale.closure.model import Attempt, Elf, How, Root, Variant
from tracewhale.closure.tokens import Tokens, directories, expand

HWCAPS = "glibc-hwcaps"
LEGACY_BITS = {"sse2": 1, "x86_64": 2, "avx512_1": 4, "tls": 1 << 63, "haswell": 1 << 50, "xeon_phi": 1 << 51}
"""Bits of a cache entry's hwcap before glibc 2.37 (sysdeps/x86/dl-hwcap.h, dl-procinfo.h)."""

AUDIT_RUNPATH = (2, 35)
"""The version of glibc since which an audit module is searched in the program's DT_RUNPATH."""

MAX_CACHE = 64 << 20
"""The most bytes of a cache file; the largest known have one million."""

Stage = tuple[How, tuple[str, ...]]


@dataclass(slots=True, eq=False)
class Map:
    """A loaded object: glibc's ``struct link_map``. ``parent`` is its ``l_loader``, ``names`` are those by
    which a request can refer to it, the first being its ``l_libname``."""

    elf: Elf
    path: str
    physical: str
    origin: str
    parent: Map | None = None
    main: bool = False
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    names: dict[str, None] = field(default_factory=dict)
    plan: SearchPlan | None = None


@dataclass(slots=True, eq=False)
class SearchPlan:
    """The directories to search before the cache and the default ones, and a cache of the results."""

    stages: tuple[Stage, ...]
    no_default: bool
    known: dict[str, Outcome] = field(default_factory=dict)


class Search:
    """The search of one loader with one environment. Outcomes are cached by plan and name."""

    def __init__(self, disk: Disk, loader: Loader, cpu: Cpu, cache: Cache, root: Root) -> None:
        self.disk = disk
        self.loader = loader
        self.root = root
        self.cache = cache
        wide = loader.elf.machine == EM_X86_64 and loader.elf.bits == 64
        own = cpu if wide else Cpu()
        self.platform = own.platform or loader.platform
        self.subdirectories = own.subdirectories(self.platform, loader.version)
        levels = own.levels if loader.version >= HWCAPS_VERSION else ()
        self.priorities = {level: i for i, level in enumerate(levels, 1)}
        usable = (*own.legacy, "tls", own.platform) if loader.version < LEGACY_GONE else ()
        self.isa_levels = (2 << len(own.levels)) - 1
        self.usable_hwcap = sum(LEGACY_BITS.get(name, 0) for name in usable)
        self.variants: dict[Variant, None] = {}
        self._plans: dict[tuple[tuple[Stage, ...], bool], SearchPlan] = {}
        self._branches: dict[str, tuple[tuple[str, str], ...]] = {}
        self._library_path: tuple[str, ...] | None = None

    def map(self, located: LocatedElf, parent: Map | None, *, main: bool = False) -> Map:
        """Return an object as loaded, with its search paths expanded with its own origin.

        The program's origin is its path in the kernel, with symbolic links resolved; a library's is the
        directory of the path at which it was found.
        """
        elf = located.elf
        origin = (located.physical if main else located.path).rpartition("/")[0] or "/"
        map_ = Map(elf, located.path, located.physical, origin, parent, main)
        working = self.root.directory
        if elf.runpath:
            map_.runpath = directories(elf.runpath.split(":"), self.tokens(map_), working)
        elif elf.rpath and elf.runpath is None:
            map_.rpath = directories(elf.rpath.split(":"), self.tokens(map_), working)
        if main and self._library_path is None:
            library_path = dict(self.root.environment).get("LD_LIBRARY_PATH", "")
            elements = re.split("[:;]", library_path) if library_path and not self.root.secure else []
            self._library_path = directories(elements, self.tokens(map_), working)
        return map_

    def tokens(self, needer: Map) -> Tokens:
        secure = self.root.secure
        trusted = self.loader.directories
        return Tokens(needer.origin, self.loader.lib, self.platform, secure, needer.main, trusted)

    def plan(self, needer: Map, main: Map, audit: bool = False) -> SearchPlan:
        """Return the directories to search for a name that ``needer`` requests. DT_RPATH of its loaders is
        used unless it has a RUNPATH; the program's always is; an audit module's also has the program's
        RUNPATH."""
        if needer.plan is None or audit:
            no_default = bool(needer.elf.flags_1 & DF_1_NODEFLIB)
            key = (tuple(self._stages(needer, main, audit)), no_default)
            plan = self._plans.get(key)
            if plan is None:
                plan = self._plans[key] = SearchPlan(*key)
            needer.plan = plan
        return needer.plan

    def _stages(self, needer: Map, main: Map, audit: bool) -> Iterator[Stage]:
        if needer.elf.runpath is None:
            seen_main = False
            ancestor: Map | None = needer
            while ancestor is not None:
                if ancestor.rpath:
                    yield How.RPATH, ancestor.rpath
                    seen_main |= ancestor is main
                ancestor = ancestor.parent
            if not seen_main and main.rpath:
                yield How.RPATH, main.rpath
            if audit and not seen_main and main.runpath and self.loader.version >= AUDIT_RUNPATH:
                yield How.RUNPATH, main.runpath
        if self._library_path:
            yield How.LIBRARY_PATH, self._library_path
        if needer.runpath:
            yield How.RUNPATH, needer.runpath

    def find(self, name: str, needer: Map, main: Map, audit: bool = False, trusted: bool = False) -> Outcome:
        """Search for a name, or open it if it has a slash. ``trusted`` marks the name of a preload or audit
        module in a secure process: the cache is not used, nor a file that is not setuid itself."""
        if "/" in name:
            return self._direct(name, needer)
        plan = self.plan(needer, main, audit)
        if trusted:
            return self._find(name, plan, trusted=True)
        outcome = plan.known.get(name)
        if outcome is None:
            outcome = plan.known[name] = self._find(name, plan)
        return outcome

    def _direct(self, name: str, needer: Map) -> Outcome:
        path = expand(name, self.tokens(needer))
        if not path.startswith("/"):
            path = f"{self.root.directory.rstrip('/')}/{path}"
        looked = self.accept(path)
        if isinstance(looked, LocatedElf):
            return SearchResult(looked, How.PATH)
        fatal = looked.verdict is FileVerdict.FATAL
        return SearchFailure((Attempt(path, How.PATH, looked.reason),), fatal)

    def _find(self, name: str, plan: SearchPlan, *, trusted: bool = False) -> Outcome:
        attempts: list[Attempt] = []
        for how, places in plan.stages:
            outcome = self._walk(name, places, how, attempts, trusted)
            if outcome is not None:
                return outcome
        outcome = None if trusted else self._cached(name, plan, attempts)
        if outcome is None and not plan.no_default:
            outcome = self._walk(name, self.loader.directories, How.DEFAULT, attempts, trusted)
        return outcome or SearchFailure(tuple(attempts))

    def _walk(
        self, name: str, places: Sequence[str], how: How, attempts: list[Attempt], trusted: bool
    ) -> Outcome | None:
        """Try every directory of a search path (open_path); return None if the search continues."""
        for place in places:
            branches = self._existing(place)
            if not branches:
                attempts.append(Attempt(place, how, "no such directory"))
            leave = False
            for branch, directory in branches:
                path = directory + name
                looked = self.accept(path)
                if trusted and isinstance(looked, LocatedElf) and not self._setuid(looked):
                    looked = UnusableFile(FileVerdict.ABSENT, "not setuid, as it must be in a secure process")
                if isinstance(looked, LocatedElf):
                    self._note_variants(name, place, branch, path)
                    return SearchResult(looked, how, branch.rstrip("/"))
                attempts.append(Attempt(path, how, looked.reason))
                if looked.verdict is FileVerdict.FATAL:
                    return SearchFailure(tuple(attempts), fatal=True)
                leave = looked.verdict is FileVerdict.LEAVE
            if leave:
                return None
        return None

    def _cached(self, name: str, plan: SearchPlan, attempts: list[Attempt]) -> Outcome | None:
        entries = self.cache.with_name(name)
        flags = self.loader.cache_flags
        chosen = lookup(entries, flags, self.priorities, self.usable_hwcap, self.isa_levels)
        if chosen is None:
            foreign = [e for e in entries if e.flags not in flags]
            reason = "not in the cache"
            if len(foreign) < len(entries):
                reason = "only builds for other CPUs are in the cache"
            elif foreign:
                reason = f"only other architectures' are in the cache ({foreign[0].path})"
            attempts.append(Attempt(self.loader.conf, How.CACHE, reason))
            return None
        path = chosen.path
        if plan.no_default and path.startswith(self.loader.directories):
            attempts.append(Attempt(path, How.CACHE, "in a default directory, and the needer is NODEFLIB"))
            return None
        looked = self.accept(path)
        if not isinstance(looked, LocatedElf):
            attempts.append(Attempt(path, How.CACHE, looked.reason))
            return SearchFailure(tuple(attempts), fatal=True) if looked.verdict is FileVerdict.FATAL else None
        for entry in entries:
            if entry.flags in flags:
                self._variant(entry.path, path, entry.subdirectory)
        variant = f"{HWCAPS}/{chosen.subdirectory}" if chosen.subdirectory else ""
        return SearchResult(looked, How.CACHE, variant)

    def accept(self, path: str) -> LocatedElf | UnusableFile:
        """Return the file at a path, or its refusal as by glibc (open_verify, _dl_map_object_from_fd)."""
        looked = self.disk.look(path)
        if isinstance(looked, UnusableFile):
            return looked
        elf, own = looked.elf, self.loader.elf
        if elf.bits != own.bits:
            return UnusableFile(FileVerdict.SKIP, f"wrong ELF class: ELFCLASS{elf.bits}")
        if elf.machine != own.machine or elf.little != own.little:
            return UnusableFile(FileVerdict.SKIP, f"for another machine (e_machine {elf.machine})")
        if elf.refusal:
            return UnusableFile(FileVerdict.FATAL, elf.refusal)
        return looked

    def _setuid(self, located: LocatedElf) -> bool:
        entry = self.disk.view.lstat(located.physical)
        return entry is not None and bool(entry.mode & stat.S_ISUID)

    def _existing(self, place: str) -> tuple[tuple[str, str], ...]:
        """Return the existing subdirectories of a place that this CPU uses, and the place itself."""
        known = self._branches.get(place)
        if known is None:
            names = set(self.disk.contents(place))
            known = tuple(
                (branch, place + branch)
                for branch in self.subdirectories
                if (not branch or branch.split("/", 1)[0] in names) and self.disk.directory(place + branch)
            )
            self._branches[place] = known
        return known

    def _note_variants(self, name: str, place: str, branch: str, path: str) -> None:
        if HWCAPS in self.disk.contents(place):
            for level in sorted(self.disk.contents(place + HWCAPS)):
                self._variant(f"{place}{HWCAPS}/{level}/{name}", path, level)
        if branch:
            self._variant(place + name, path, "")

    def _variant(self, path: str, chosen: str, subdirectory: str) -> None:
        if path != chosen and isinstance(self.accept(path), LocatedElf):
            self.variants[Variant(path, chosen, subdirectory)] = None


def read_cache(disk: Disk, loader: Loader) -> Cache:
    """Return the cache that a loader reads, empty if there is none."""
    return parse(disk.text(loader.conf, MAX_CACHE) or b"")
