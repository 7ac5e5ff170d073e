"""A cache of the files at the paths that a loader would try, and the findings of a closure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from tracewhale.closure.files import ElfFiles
from tracewhale.closure.model import (
    Attempt,
    Edge,
    Elf,
    How,
    Miss,
    UnreadableElf,
    Variant,
    VersionProblem,
)
from tracewhale.rootfs.tree import Entry, Kind, View


class FileVerdict(Enum):
    """The ways in which a loader treats an unusable file."""

    ABSENT = "absent"
    SKIP = "skip"
    LEAVE = "leave the search path"
    FATAL = "give up"


@dataclass(frozen=True, slots=True)
class UnusableFile:
    verdict: FileVerdict
    reason: str


@dataclass(frozen=True, slots=True)
class LocatedElf:
    """An ELF file at the path at which it was found, and the data that all names of one file share."""

    path: str
    physical: str
    identity: object
    elf: Elf


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The outcome of a successful search."""

    located: LocatedElf
    how: How
    variant: str = ""


@dataclass(frozen=True, slots=True)
class SearchFailure:
    """The outcome of a search that failed: the attempts, and whether the loader stops because of it."""

    attempts: tuple[Attempt, ...]
    fatal: bool = False


Outcome = SearchResult | SearchFailure


class Disk:
    """The view and the ELF files of one tree, with one cache."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.files = ElfFiles(view)
        self._looked: dict[str, LocatedElf | UnusableFile] = {}
        self._directories: dict[str, str | None] = {}

    def look(self, path: str) -> LocatedElf | UnusableFile:
        """Open and read a requested path as a loader would."""
        known = self._looked.get(path)
        if known is None:
            known = self._looked[path] = self._look(path)
        return known

    def _look(self, path: str) -> LocatedElf | UnusableFile:
        directory, _, name = path.rpartition("/")
        at = self.directory(directory or "/")
        if at is None:
            return UnusableFile(FileVerdict.ABSENT, "no such file")
        entry = (self.view.listing(at) or {}).get(name)
        if entry is None or name in ("", ".", ".."):
            return UnusableFile(FileVerdict.ABSENT, "no such file")
        if entry.kind is Kind.SYMLINK:
            resolution = self.view.resolve(entry.path)
            if resolution.loop:
                return UnusableFile(FileVerdict.LEAVE, "too many levels of symbolic links")
            if resolution.entry is None:
                return UnusableFile(
                    FileVerdict.ABSENT, f"a symbolic link to {entry.target}, which does not exist"
                )
            entry = resolution.entry
        return self._read(path, entry)

    def _read(self, path: str, entry: Entry) -> LocatedElf | UnusableFile:
        if entry.kind is not Kind.FILE:
            return UnusableFile(FileVerdict.FATAL, f"cannot read file data: it is a {entry.kind.value}")
        elf = self.files.get(entry)
        if elf is None:
            return UnusableFile(
                FileVerdict.FATAL, "invalid ELF header" if entry.size >= 64 else "file too short"
            )
        if isinstance(elf, UnreadableElf):
            wrong_class = elf.reason.startswith("wrong ELF class")
            return UnusableFile(FileVerdict.SKIP if wrong_class else FileVerdict.FATAL, elf.reason)
        identity = (entry.device, entry.inode) if entry.inode else entry.path
        return LocatedElf(path, entry.path, identity, elf)

    def directory(self, path: str) -> str | None:
        """Return the physical path of a requested directory, or None if there is none."""
        if path not in self._directories:
            entry = self.view.resolve(path).entry
            is_directory = entry is not None and entry.kind is Kind.DIRECTORY
            self._directories[path] = entry.path if entry is not None and is_directory else None
        return self._directories[path]

    def contents(self, path: str) -> Collection[str]:
        """Return names in a requested directory; none if it does not exist."""
        at = self.directory(path)
        return (self.view.listing(at) or {}) if at is not None else ()

    def links(self, path: str) -> frozenset[str]:
        """Return the names in a requested directory that are symbolic links."""
        at = self.directory(path)
        listing = (self.view.listing(at) or {}) if at is not None else {}
        return frozenset(name for name, entry in listing.items() if entry.kind is Kind.SYMLINK)

    def text(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return the contents of a file at a requested path, or None if it does not exist or is too large."""
        entry = self.view.resolve(path).entry
        if entry is None or entry.kind is not Kind.FILE or entry.size > limit:
            return None
        return self.view.tree.read([(entry.path, 0, entry.size)])[0]


@dataclass(slots=True)
class Findings:
    """The findings of a closure's processes, each once and in order."""

    objects: dict[str, Elf] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)
    misses: dict[Miss, None] = field(default_factory=dict)
    version_problems: dict[VersionProblem, None] = field(default_factory=dict)
    variants: dict[Variant, None] = field(default_factory=dict)
