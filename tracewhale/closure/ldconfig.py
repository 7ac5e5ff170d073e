"""ldconfig(8) for a tree: the directories of ``ld.so.conf``, and the libraries in them.

The rules are those of glibc's elf/ldconfig.c, with Debian's change that all default directories are scanned.
The tree is not changed: links that ldconfig would make do not exist, so there are no entries for them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from tracewhale.closure.cache import Cache, CacheEntry, compare, sort_entries
from tracewhale.closure.cpu import LEGACY_GONE
from tracewhale.closure.disk import Disk
from tracewhale.closure.headers import ET_DYN
from tracewhale.closure.ldcache import encode
from tracewhale.closure.loader import CACHE_FLAGS, EM_386, EM_AARCH64, EM_X86_64, Loader
from tracewhale.closure.model import Elf
from tracewhale.patterns import MAGIC, Effort, name_pattern
from tracewhale.rootfs.tree import Entry, Kind, View

CONF = "/etc/ld.so.conf"
MAX_FILES = 1024
"""The most configuration files that are followed; more is a circle."""
LINE_COST, WALK_COST = 100, 200
"""The cost of reading a line, and of walking a character of a path, in characters compared."""

LIBC4_TYPES = {"libc4": 0, "libc5": 2, "libc6": 3, "glibc2": 3}
LEGACY = {"sse2": 1, "x86_64": 2, "avx512_1": 4, "i586": 1 << 48, "i686": 1 << 49, "haswell": 1 << 50}
LEGACY |= {"xeon_phi": 1 << 51}
TLS = {"tls": 1 << 63}
INTERPRETERS = ("/lib/ld-linux.so.2", "/libx32/ld-linux-x32.so.2", "/lib64/ld-linux-x86-64.so.2")
LINUX_LIBC = ("libc.so.6", "libm.so.6")
ELF, LIBC5, LIBC6 = 1, 2, 3
Keep = Callable[[str], bool]


@dataclass(slots=True)
class ScannedDirectory:
    """A directory to scan: its configured path, its physical path, and the type set for it with ``=``."""

    path: str
    physical: str
    type: int | None = None
    subdirectory: str = ""


@dataclass(slots=True)
class Library:
    """The file that is cached for one soname of one directory."""

    name: str
    link: bool
    flags: int
    isa_level: int


def build(view: View, loader: Loader, keep: Keep = lambda path: True) -> bytes:
    """Return the cache file for a tree, as the ldconfig of its loader writes it.

    ``keep`` says which physical paths exist in the image, which has fewer than its tree. The configuration is
    read whether it is kept or not.
    """
    cache, names = scan(view, loader, keep)
    return encode(cache, names)


def scan(view: View, loader: Loader, keep: Keep = lambda path: True) -> tuple[Cache, frozenset[str]]:
    """Return the cache's entries, and the names of all subdirectories of ``glibc-hwcaps``."""
    scanner = _Scanner(Disk(view), loader, keep)
    entries = sort_entries(scanner.entries())
    return Cache(entries, "new", scanner.generator), frozenset(scanner.names)


def configured_directories(view: View, path: str = CONF) -> tuple[str, ...]:
    """Return the directories in ``ld.so.conf`` and its included files, in order."""
    return tuple(line.partition("=")[0].rstrip().rstrip("/") for line in _lines(Disk(view), path))


class _Scanner:
    def __init__(self, disk: Disk, loader: Loader, keep: Keep) -> None:
        self.disk, self.loader, self.keep = disk, loader, keep
        self.generator = loader.banner.replace("ld.so", "ldconfig", 1).rstrip(".")
        self.names: dict[str, None] = {}
        old = loader.version < LEGACY_GONE
        x86 = loader.elf.machine in (EM_X86_64, EM_386)
        self.typed = old
        self.legacy = (LEGACY if x86 else {}) | TLS if old else {}
        self._places: dict[str, ScannedDirectory] = {}

    def entries(self) -> Iterator[CacheEntry]:
        for line in _lines(self.disk, CONF):
            self._add(line)
        for directory in _system(self.loader):
            self._add(directory)
        self.disk.view.prefetch(self._places)
        queue = list(self._places.values())
        self._read_ahead(queue)
        for place in queue:  # which grows while it is gone through
            yield from self._scan(place, queue)

    def _add(self, line: str) -> None:
        # Types of directories, and what is of no libc known to be libc6's, went with libc5 itself.
        path, equals, kind = line.partition("=") if self.typed else (line, "", "")
        path = path.rstrip().rstrip("/")
        physical = self.disk.directory(path) if path.startswith("/") else None
        if physical is None or not self.keep(physical):
            return
        kind_flags = LIBC4_TYPES.get(kind.strip()) if equals else None
        if physical in self._places:
            self._places[physical].type = kind_flags
            return
        self._places[physical] = ScannedDirectory(path, physical, kind_flags)
        self._add_subdirectories(self._places[physical])

    def _add_subdirectories(self, place: ScannedDirectory) -> None:
        below = f"{place.path}/glibc-hwcaps"
        # Of two names for one directory ldconfig takes the one that the file system lists first.
        linked = self.disk.links(below)
        for name in sorted(self.disk.contents(below), key=lambda n: (n in linked, os.fsencode(n))):
            physical = self.disk.directory(f"{below}/{name}")
            if name.startswith(".") or ":" in name or physical is None or not self.keep(physical):
                continue
            self.names[name] = None
            scanned_directory = ScannedDirectory(f"{below}/{name}", physical, place.type, name)
            self._places.setdefault(physical, scanned_directory)

    def _read_ahead(self, places: Iterable[ScannedDirectory]) -> None:
        targets = (self._target(e) for p in places for e in self._listed(p) if _is_library(e.path))
        self.disk.files.load(entry for entry in targets if entry is not None)

    def _listed(self, place: ScannedDirectory) -> list[Entry]:
        listing = self.disk.view.listing(place.physical) or {}
        return [entry for _, entry in sorted(listing.items()) if self.keep(entry.path)]

    def _target(self, entry: Entry) -> Entry | None:
        if entry.kind is not Kind.SYMLINK:
            return entry
        target = self.disk.view.resolve(entry.path).entry
        return target if target is not None and self.keep(target.path) else None

    def _scan(self, place: ScannedDirectory, queue: list[ScannedDirectory]) -> Iterator[CacheEntry]:
        libraries: dict[str, Library] = {}
        for entry in self._listed(place):
            name = os.path.basename(entry.path)
            target = self._target(entry)
            if target is None:
                continue
            if target.kind is Kind.DIRECTORY:
                if not place.subdirectory and name in self.legacy:
                    self._queue(ScannedDirectory(f"{place.path}/{name}", target.path, place.type), queue)
                continue
            if _is_library(name) and not _is_prelink(name) and target.kind is Kind.FILE:
                self._consider(name, entry.kind is Kind.SYMLINK, target, place, libraries)
        hwcap = 0 if place.subdirectory else self._hwcap(place.path)
        for soname, library in libraries.items():
            file = library.name if place.subdirectory else soname
            if self._target_exists(f"{place.physical}/{file}"):
                path = f"{place.path}/{file}"
                level = library.isa_level if place.subdirectory else 0
                yield CacheEntry(soname, path, library.flags, place.subdirectory, level, hwcap)

    def _queue(self, place: ScannedDirectory, queue: list[ScannedDirectory]) -> None:
        if place.physical not in self._places:
            self._places[place.physical] = place
            queue.append(place)

    def _target_exists(self, path: str) -> bool:
        entry = self.disk.view.lstat(path)
        return entry is not None and self.keep(path) and self._target(entry) is not None

    def _consider(
        self, name: str, link: bool, target: Entry, place: ScannedDirectory, libraries: dict[str, Library]
    ) -> None:
        """Take a file for its soname, unless a better one of that soname is known (search_dir)."""
        elf = self.disk.files.get(target)
        if not isinstance(elf, Elf) or elf.type != ET_DYN or not elf.dynamic or target.size < 64:
            return
        flags = _flags(elf, self.loader)
        if flags is None:
            return
        soname = elf.soname if elf.soname is not None else name
        if link and name != soname:
            # libfoo.so for ld(1) is a link still; another name is as good as a file.
            link = name.endswith(".so") and soname.startswith(name)
        if link:
            soname = name
        if flags == ELF and not self.typed:
            flags = LIBC6
        if flags == ELF and place.type in (LIBC5, LIBC6):
            flags = place.type
        known = libraries.get(soname)
        if known is None:
            libraries[soname] = Library(name, link, flags, elf.isa_level)
        elif (not link and known.link) or (link == known.link and compare(known.name, name) < 0):
            if ELF in (known.flags, flags):
                known.flags = flags
            known.name, known.link, known.isa_level = name, link, elf.isa_level

    def _hwcap(self, path: str) -> int:
        """Return the capabilities in the last components of a directory's path (path_hwcap)."""
        total = 0
        for part in reversed(path.split("/")):
            if part not in self.legacy:
                break
            total += self.legacy[part]
        return total


def _flags(elf: Elf, loader: Loader) -> int | None:
    """Return a cache entry's flags for a file, or None if this ldconfig omits it (readelflib.c)."""
    if loader.elf.machine in (EM_X86_64, EM_386):
        if elf.machine == EM_X86_64:
            return CACHE_FLAGS[EM_X86_64, elf.bits]
        if elf.machine != EM_386 or elf.bits != 32:
            return None
    elif elf.machine == EM_AARCH64:
        return CACHE_FLAGS[EM_AARCH64, 64]
    elif (elf.machine, elf.bits) in CACHE_FLAGS and elf.machine != EM_386:
        return CACHE_FLAGS[elf.machine, elf.bits]
    if elf.interpreter in INTERPRETERS or any(name in LINUX_LIBC for name in elf.needed):
        return LIBC6
    return ELF


def _is_library(path: str) -> bool:
    name = os.path.basename(path)
    return (name.startswith(("lib", "ld-")) and ".so" in name) or name.startswith(("ld.so.", "ld64.so."))


def _is_prelink(name: str) -> bool:
    return re.search(r"\.#prelink#(\.......)?$", name) is not None


def _system(loader: Loader) -> Iterator[str]:
    """Yield the directories that are always scanned: Debian's ldconfig scans the loader's, others the first
    two, each with its 64-bit and x32 siblings (sysdeps/.../dl-cache.h, add_system_dir)."""
    own = [directory.rstrip("/") for directory in loader.directories]
    if any("-linux-" in directory for directory in own):
        yield from own
        return
    for directory in own[:2]:
        plain = re.sub(r"/lib(64|x32)$", "/lib", directory)
        yield plain
        if loader.elf.machine == EM_X86_64 and plain.endswith("/lib"):
            yield from (f"{plain}64", f"{plain}x32")


def _lines(disk: Disk, path: str) -> Iterator[str]:
    """Yield every line of ld.so.conf and its included files that names a directory.

    Raise ImageContentError if there are absurdly many lines and patterns.
    """
    effort, files = Effort(), 1
    reading = [(path, _directives(disk, path))]
    while reading:
        here, lines = reading[-1]
        line = next(lines, None)
        if line is None:
            reading.pop()
            continue
        effort.spend(LINE_COST + len(line))
        if re.match(r"include[ \t]", line):
            patterns = re.split("[ \t]", line[8:])
            included = [file for pattern in patterns for file in _glob(disk, pattern, here, effort)]
            included = included[: MAX_FILES - files]
            files += len(included)
            reading += [(file, _directives(disk, file)) for file in reversed(included)]
        elif not re.match(r"(?i)hwcap[ \t]", line):
            yield line


def _directives(disk: Disk, path: str) -> Iterator[str]:
    """Yield a configuration file's lines without comments and empty lines."""
    for raw in (disk.text(path) or b"").decode(errors="surrogateescape").split("\n"):
        line = raw.partition("\0")[0].partition("#")[0].lstrip(" \t\v\f\r")
        if line:
            yield line


def _glob(disk: Disk, pattern: str, path: str, effort: Effort) -> list[str]:
    """Return the paths that match a pattern of glob(7), sorted as in the C locale."""
    if not pattern:
        return []
    if not pattern.startswith("/"):
        pattern = f"{os.path.dirname(path)}/{pattern}"
    matches = [""]
    for part in pattern.strip("/").split("/"):
        if not MAGIC.search(part):
            matches = [f"{directory}/{part}" for directory in matches]
            continue
        matching = name_pattern(part)
        matches = [
            f"{directory}/{name}"
            for directory in matches
            for name in _names(disk, directory, len(matching.pattern), effort)
            if matching.fullmatch(name) and (not name.startswith(".") or part.startswith("."))
        ]
    return sorted(matches, key=os.fsencode)


def _names(disk: Disk, directory: str, cost: int, effort: Effort) -> Collection[str]:
    """Return names in a directory, and count the cost of comparing each."""
    effort.spend(WALK_COST * len(directory))
    names = disk.contents(directory or "/")
    effort.spend(cost * len(names))
    return names
