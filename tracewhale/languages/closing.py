"""The fixpoint over all languages: what kept files name, what those files name, and so on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from tracewhale.languages.files import Files
from tracewhale.languages.model import Edge, Environment, Language, LanguageClosure, Limits, Mention, Miss
from tracewhale.languages.syntax import Unparsed
from tracewhale.languages.table import LANGUAGES
from tracewhale.rootfs.tree import Entry, Kind, View, parent

HEAD = 256
"""Bytes of a file that decide its language."""

BATCH = 32 << 20
"""Bytes of files that are read in one exchange."""

REMEMBERED = 20_000
"""Texts whose mentions are remembered; many images share the same libraries."""

NO_ENVIRONMENT = Environment()
DEFAULT_LIMITS = Limits()

MOST_UNPARSED = 8
"""Texts that take too long to parse, after which none is parsed: a hostile image cannot keep us for hours."""

_memory: dict[tuple[str, bytes], tuple[Mention, ...]] = {}


class Closing:
    """One run of the fixpoint. Files are visited by their number of lazy steps, so that each is read once."""

    def __init__(self, files: Files, languages: Sequence[Language], limits: Limits) -> None:
        self.files = files
        self.languages = languages
        self.limits = limits
        self.steps: dict[str, int] = {}
        self.edges: dict[Edge, None] = {}
        self.misses: dict[Miss, None] = {}
        self.bounded: dict[str, None] = {}
        self._waiting: dict[int, dict[str, None]] = {}
        self._read_size = 0
        self._read_count = 0
        self._unparsed = 0

    def run(self, kept: Iterable[str]) -> LanguageClosure:
        for path in kept:
            self._reach(path, 0)
        for step in range(self.limits.lazy_steps + 1):
            while waiting := self._waiting.pop(step, None):
                for language, path, content in self._texts(waiting):
                    self._follow(language, path, content, step)
        added = {path: step for path, step in self.steps.items() if path not in self.files.kept}
        return LanguageClosure(tuple(self.edges), tuple(self.misses), added, tuple(self.bounded))

    def _reach(self, path: str, step: int) -> None:
        """A file is reached over so many lazy steps: visit it, unless it was reached over fewer."""
        if self.steps.get(path, step + 1) > step:
            self.steps[path] = step
            self._waiting.setdefault(step, {})[path] = None

    def _texts(self, paths: Iterable[str]) -> Iterator[tuple[Language, str, bytes]]:
        """The contents of the files that are in a language, within the limits, in few exchanges."""
        tree = self.files.view.tree
        self.files.view.prefetch({parent(path) for path in paths})
        entries = [entry for path in paths if (entry := self.files.view.lstat(path)) is not None]
        regular = [entry for entry in entries if entry.kind is Kind.FILE]
        heads = tree.read([(entry.path, 0, HEAD) for entry in regular])
        chosen: list[tuple[Entry, list[Language]]] = []
        for entry, head in zip(regular, heads, strict=True):
            readers = [language for language in self.languages if language.reads(entry, head or b"")]
            if readers and self._within(entry):
                chosen.append((entry, readers))
        while chosen:
            size, count = 0, 0
            while count < len(chosen) and (not count or size + chosen[count][0].size <= BATCH):
                size += chosen[count][0].size
                count += 1
            batch, chosen = chosen[:count], chosen[count:]
            contents = tree.read([(entry.path, 0, entry.size) for entry, _ in batch])
            for (entry, readers), content in zip(batch, contents, strict=True):
                for language in readers:
                    yield language, entry.path, content or b""

    def _within(self, entry: Entry) -> bool:
        if entry.size > self.limits.file_size:
            self.bounded[f"{entry.path} is larger than {self.limits.file_size >> 20} MiB: not read."] = None
            return False
        self._read_size += entry.size
        self._read_count += 1
        if self._read_size > self.limits.total_size or self._read_count > self.limits.files:
            self.bounded["There are more files than the closure of languages reads."] = None
            return False
        return True

    def _follow(self, language: Language, path: str, content: bytes, step: int) -> None:
        if self._unparsed >= MOST_UNPARSED:
            return
        try:
            mentions = remembered(language, path, content)
        except Unparsed as error:
            self._unparsed += 1
            self.bounded[f"{path} is not read: {error.what}."] = None
            return
        if len(mentions) > self.limits.mentions:
            self.bounded[f"{path} names more than {self.limits.mentions} others."] = None
            mentions = mentions[: self.limits.mentions]
        costs = language.is_library(path)
        if costs and step == self.limits.lazy_steps:
            mentions = tuple(mention for mention in mentions if not mention.lazy)
        for finding in language.resolve(path, mentions):
            if isinstance(finding, Miss):
                self.misses[finding] = None
                continue
            self.edges[finding] = None
            self._reach(self.files.physical(finding.target), step + (costs and finding.lazy))


def remembered(language: Language, path: str, content: bytes) -> tuple[Mention, ...]:
    """What a text mentions; parsed once for each different name's end and content."""
    key = (f"{language.name} {path.rpartition('/')[2]}", hashlib.blake2b(content, digest_size=16).digest())
    if key not in _memory:
        if len(_memory) >= REMEMBERED:
            _memory.clear()
        _memory[key] = tuple(language.mentions(path, content))
    return _memory[key]


def close(
    view: View,
    kept_paths: Iterable[str],
    environment: Environment = NO_ENVIRONMENT,
    limits: Limits = DEFAULT_LIMITS,
) -> LanguageClosure:
    """What the kept files name in their languages, transitively within the limits; nothing is executed.

    ``kept_paths`` are physical paths that are kept for reasons of their own: giving what an earlier closure
    added makes that one step longer. Nothing here raises for what is in the image.
    """
    kept = tuple(dict.fromkeys(kept_paths))
    files = Files(view, environment, kept)
    names = limits.languages or LANGUAGES.keys()
    chosen = [make(files) for name, make in LANGUAGES.items() if name in names]
    return Closing(files, chosen, limits).run(kept)
