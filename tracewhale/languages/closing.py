"""The fixpoint over all languages: the names in kept files, the names in those files, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from tracewhale.languages.files import Files
from tracewhale.languages.memory import Memory
from tracewhale.languages.model import (
    ClosureLimits,
    Environment,
    Import,
    Language,
    LanguageClosure,
    MissingImport,
    Unparsed,
)
from tracewhale.rootfs.tree import Entry, Kind, View, parent

HEAD = 256
"""The bytes of a file that decide its language."""

BATCH = 32 << 20
"""Bytes of files that are read in one exchange."""

NO_ENVIRONMENT = Environment()
DEFAULT_LIMITS = ClosureLimits()

MOST_UNPARSED = 8
"""The most texts that take too long to parse. After these, no further text is parsed, so that a hostile image
cannot keep us busy for hours."""


class Closer:
    """Computes closures in one image, with a cache of the names in its files.

    Files are visited in the order of their lazy steps, so that each is visited once.
    """

    def __init__(self, view: View, environment: Environment, limits: ClosureLimits, memory: str = "") -> None:
        self._memory = Memory(memory)
        self._view = view
        self._environment = environment
        self._limits = limits
        self._languages: list[Language] = []
        self._files = Files(view, environment, ())
        self._findings: dict[str, tuple[bool, list[Import | MissingImport]]] = {}
        self._bounded: dict[str, None] = {}
        self._read_size = 0
        self._read_count = 0
        self._unparsed = 0
        self._findings_left = limits.findings

    def close(self, kept: Iterable[str], beside: Iterable[str] = ()) -> LanguageClosure:
        """Return the closure of kept files: see ``close``."""
        starts = dict.fromkeys(beside, self._limits.lazy_steps) | dict.fromkeys(kept, 0)
        if not self._languages:
            from tracewhale.languages.table import LANGUAGES  # with parsers, which are large

            names = self._limits.languages or LANGUAGES.keys()
            self._files = Files(self._view, self._environment, starts)
            self._languages = [make(self._files) for name, make in LANGUAGES.items() if name in names]
        walk = Walk(starts)
        for step in range(self._limits.lazy_steps + 1):
            while waiting := walk.waiting.pop(step, None):
                self._read(path for path in waiting if path not in self._findings)
                for path in waiting:
                    self._follow(walk, path, step)
        self._memory.save()
        added = {path: step for path, step in walk.steps.items() if path not in starts}
        libraries = frozenset(edge.source for edge in walk.edges if self._findings[edge.source][0])
        return LanguageClosure(tuple(walk.edges), tuple(walk.misses), added, libraries, tuple(self._bounded))

    def _follow(self, walk: Walk, path: str, step: int) -> None:
        costs, findings = self._findings.get(path, (False, []))
        at_end = costs and step == self._limits.lazy_steps
        for finding in findings:
            if at_end and finding.lazy:
                continue
            if isinstance(finding, MissingImport):
                walk.misses[finding] = None
            else:
                walk.edges[finding] = None
                walk.reach(self._files.physical(finding.target), step + (costs and finding.lazy))

    def _read(self, paths: Iterable[str]) -> None:
        """Read the files that are in a language, within the limits, in few exchanges."""
        known = dict.fromkeys(paths)
        self._view.prefetch({parent(path) for path in known})
        entries = [entry for path in known if (entry := self._view.lstat(path)) is not None]
        regular = [entry for entry in entries if entry.kind is Kind.FILE]
        heads = self._view.tree.read([(entry.path, 0, HEAD) for entry in regular])
        chosen: list[tuple[Entry, list[Language]]] = []
        for entry, head in zip(regular, heads, strict=True):
            readers = [language for language in self._languages if language.reads(entry, head or b"")]
            if readers and self._is_within(entry):
                chosen.append((entry, readers))
        while chosen:
            size, count = 0, 0
            while count < len(chosen) and (not count or size + chosen[count][0].size <= BATCH):
                size += chosen[count][0].size
                count += 1
            batch, chosen = chosen[:count], chosen[count:]
            contents = self._view.tree.read([(entry.path, 0, entry.size) for entry, _ in batch])
            for (entry, readers), content in zip(batch, contents, strict=True):
                for language in readers:
                    self._find(language, entry.path, content or b"")

    def _find(self, language: Language, path: str, content: bytes) -> None:
        """Parse a file and resolve the names in it."""
        _, findings = self._findings.setdefault(path, (language.is_library(path), []))
        if self._unparsed >= MOST_UNPARSED:
            return
        try:
            mentions = self._memory.mentions(language, path, content)
        except Unparsed as error:
            self._unparsed += 1
            self._bounded[f"{path} is not read: {error.what}."] = None
            return
        if len(mentions) > self._limits.mentions:
            self._bounded[f"{path} names more than {self._limits.mentions} others."] = None
            mentions = mentions[: self._limits.mentions]
        imports = dict.fromkeys(islice(language.resolve(path, mentions), self._findings_left))
        findings += imports
        self._findings_left -= len(imports)
        if not self._findings_left:
            self._bounded["The files name more others than the closure of languages follows."] = None

    def _is_within(self, entry: Entry) -> bool:
        if entry.size > self._limits.file_size:
            self._bounded[f"{entry.path} is larger than {self._limits.file_size >> 20} MiB: not read."] = None
            return False
        self._read_size += entry.size
        self._read_count += 1
        if self._read_size > self._limits.total_size or self._read_count > self._limits.files:
            self._bounded["There are more files than the closure of languages reads."] = None
            return False
        return True


class Walk:
    """The state of one closure: files with their lazy steps, files to visit, and results."""

    def __init__(self, starts: Mapping[str, int]) -> None:
        self.steps: dict[str, int] = {}
        self.waiting: dict[int, dict[str, None]] = {}
        self.edges: dict[Import, None] = {}
        self.misses: dict[MissingImport, None] = {}
        for path, step in starts.items():
            self.reach(path, step)

    def reach(self, path: str, step: int) -> None:
        """Visit a file reached with so many lazy steps, unless it was reached with fewer."""
        if self.steps.get(path, step + 1) > step:
            self.steps[path] = step
            self.waiting.setdefault(step, {})[path] = None


def close(
    view: View,
    kept_paths: Iterable[str],
    environment: Environment = NO_ENVIRONMENT,
    limits: ClosureLimits = DEFAULT_LIMITS,
    beside: Iterable[str] = (),
    memory: str = "",
) -> LanguageClosure:
    """Return the names in the kept files by their languages, transitively within the limits; nothing is
    executed.

    ``kept_paths`` are physical paths that are kept for other reasons: passing the additions of an earlier
    closure extends it by one step. Files ``beside`` them may be unused, so they start at the last lazy step.
    ``memory`` is a directory for the cache of mentions, empty for none. No file in the image causes an
    exception.
    """
    return Closer(view, environment, limits, memory).close(kept_paths, beside)
