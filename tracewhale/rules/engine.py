"""Apply rules to the kept paths, again and again until they add nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from tracewhale.errors import UsageError
from tracewhale.patterns import Effort
from tracewhale.rootfs.tree import Kind, View, parent
from tracewhale.rules import symbols
from tracewhale.rules.globs import GlobBase, KeptPaths, expand
from tracewhale.rules.model import Addition, Rule
from tracewhale.rules.readers import DLOPEN_NOTES, FDO_DLOPEN, READERS, ConfiguredGlob, dlopen_note

MAX_CONFIGURATION = 1 << 20
"""The most bytes of a configuration file that are read."""

DEFAULT_DIRECTORY = re.compile(r"(/usr(/local)?)?/lib(32|64|x32)?(/[^/]+-linux-[^/]+)?")
"""The loader's default directories and their multiarch twins (ld.so(8))."""

LIBRARIES = ("lib*.so", "lib*.so.*")
"""Names of libraries, which make their directory one of ``$LIB``."""


class ElfNote(Protocol):
    """A note of an ELF object (elf(5))."""

    @property
    def owner(self) -> str: ...
    @property
    def type(self) -> int: ...
    @property
    def description(self) -> bytes: ...


class Object(Protocol):
    """The facts about a kept ELF object that rules use: its DT_NEEDED names and its notes."""

    @property
    def needed(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> Sequence[ElfNote]: ...


@dataclass(frozen=True, slots=True)
class _Request:
    """A place to look at for a rule, because of a path; ``read`` is for files that name more places."""

    rule: Rule
    because: str
    place: GlobBase
    read: bool = False


class Rulebook:
    """Applies rules in one view, to kept paths that grow from call to call.

    The matches of each glob, the places of each glob, and the globs in configuration files are computed once.
    """

    def __init__(self, view: View, rules: Iterable[Rule], without: AbstractSet[str] = frozenset()) -> None:
        """Raise UsageError if no rule has a name in ``without``."""
        self._view = view
        self._rules = _chosen(tuple(rules), without)
        globs = (glob for rule in self._rules for glob in (*rule.when, *rule.also))
        self._matches: dict[str, list[str]] = {glob: [] for glob in (*globs, *LIBRARIES)}
        self._defaults: dict[str, list[str]] = {}
        self._known: set[str] = set()
        self._places: dict[GlobBase, tuple[str, ...]] = {}
        self._configured: dict[tuple[str, str], tuple[ConfiguredGlob, ...]] = {}

    def apply(self, kept: AbstractSet[str], objects: Mapping[str, Object]) -> tuple[Addition, ...]:
        """Return the paths that the rules add to ``kept``: see ``apply``."""
        effort = Effort()
        self._learn(kept)
        objects = {path: elf for path, elf in objects.items() if path in kept}
        # The C library names its functions, too: it defines them, and needs no C library.
        programs = sorted(
            path for path, elf in objects.items() if any(name.startswith("libc.") for name in elf.needed)
        )
        triggers = {
            rule.name: because for rule in self._rules if (because := self._triggers(rule, kept, programs))
        }
        libraries = self._libraries(kept)
        chosen = [rule for rule in self._rules if rule.name in triggers]
        active = self._possible(chosen, triggers, libraries, effort)
        requests = [
            _Request(rule, because, place, read)
            for rule in active
            for read, globs in ((False, rule.keep), (True, rule.read))
            for glob in globs
            for because, place in _places(glob, triggers[rule.name], libraries)
        ]
        requests += _notes(active, objects, libraries)
        return tuple(sorted(self._carry_out(requests, libraries, effort)))

    def companions(self, name: str) -> tuple[str, ...]:
        """Return the known paths that a rule requires beside the one that triggers it (``also``)."""
        globs = [glob for rule in self._rules if rule.name == name for glob in rule.also]
        return tuple(path for glob in globs for path in self._matches[glob])

    def _learn(self, kept: AbstractSet[str]) -> None:
        """Look for the globs of rules among the paths that were in no earlier call."""
        new = kept - self._known
        self._known |= new
        index = KeptPaths(new)
        for glob, paths in self._matches.items():
            paths += index.matching(glob)
        defaults = {directory for directory in index.directories if DEFAULT_DIRECTORY.fullmatch(directory)}
        for path in new if defaults else ():
            if parent(path) in defaults:
                self._defaults.setdefault(parent(path), []).append(path)

    def _matching(self, globs: Iterable[str], kept: AbstractSet[str]) -> Iterator[str]:
        return (path for glob in globs for path in self._matches[glob] if path in kept)

    def _libraries(self, kept: AbstractSet[str]) -> list[str]:
        """Return the directories of ``$LIB``: the default ones, and every other with a library
        (``/opt/conda/lib/libcrypto.so.3``)."""
        defaults = {d for d, paths in self._defaults.items() if any(path in kept for path in paths)}
        return sorted(defaults.union(map(parent, self._matching(LIBRARIES, kept))))

    def _triggers(self, rule: Rule, kept: AbstractSet[str], programs: Sequence[str]) -> tuple[str, ...]:
        """Return the kept paths that trigger a rule; none if one of ``also`` is not kept."""
        if not all(any(self._matching([glob], kept)) for glob in rule.also):
            return ()
        because = set(self._matching(rule.when, kept))
        if rule.imports:
            names = symbols.symbol_names(self._view, programs, frozenset(rule.imports))
            because |= {path for path in programs if names[path]}
        return tuple(sorted(because))

    def _possible(
        self,
        rules: list[Rule],
        triggers: Mapping[str, tuple[str, ...]],
        libraries: list[str],
        effort: Effort,
    ) -> list[Rule]:
        """Return the rules that the image does not exclude with ``unless``."""
        places = {
            rule.name: [p for glob in rule.unless for _, p in _places(glob, triggers[rule.name], libraries)]
            for rule in rules
        }
        matches = self._expand((place for group in places.values() for place in group), effort)
        return [rule for rule in rules if not any(matches[place] for place in places[rule.name])]

    def _expand(self, places: Iterable[GlobBase], effort: Effort) -> Mapping[GlobBase, tuple[str, ...]]:
        """Return the physical paths at each place, and at those that were looked at before."""
        new = dict.fromkeys(place for place in places if place not in self._places)
        self._places |= expand(self._view, new, effort) if new else {}
        return self._places

    def _carry_out(self, requests: Iterable[_Request], libraries: list[str], effort: Effort) -> set[Addition]:
        """Look at every place, read the configuration files there, and look at the places that they name,
        until there are no more."""
        additions: set[Addition] = set()
        first: dict[tuple[str, str], str] = {}
        read: set[tuple[str, str]] = set()
        known: set[_Request] = set()
        pending = list(dict.fromkeys(requests))
        while pending:
            known.update(pending)
            matches = self._expand((request.place for request in pending), effort)
            files: dict[tuple[str, str], Rule] = {}
            for request in pending:
                for path in matches[request.place]:
                    because = first.setdefault((request.rule.name, path), request.because)
                    additions.add(Addition(path, request.rule.name, because))
                    if request.read:
                        files.setdefault((request.rule.name, path), request.rule)
            wanted = {key: rule for key, rule in files.items() if key not in read and self._is_file(key[1])}
            read.update(wanted)
            globs = self._read(wanted, libraries)
            pending = [request for request in dict.fromkeys(globs) if request not in known]
        return additions

    def _is_file(self, path: str) -> bool:
        entry = self._view.lstat(path)
        return entry is not None and entry.kind is Kind.FILE

    def _read(self, files: Mapping[tuple[str, str], Rule], libraries: list[str]) -> Iterator[_Request]:
        """Yield the globs in configuration files, each read once for each rule, all in one exchange."""
        new = {key: rule for key, rule in files.items() if key not in self._configured}
        contents = self._view.tree.read([(path, 0, MAX_CONFIGURATION) for _, path in new]) if new else []
        for (key, rule), content in zip(new.items(), contents, strict=True):
            globs = READERS[rule.reader]((content or b"").decode("utf-8", "surrogateescape"))
            self._configured[key] = tuple(globs)
        for key, rule in files.items():
            for glob in self._configured[key]:
                for because, place in _places(glob.glob, (key[1],), libraries):
                    yield _Request(rule, because, place, glob.read)


def apply(
    view: View,
    kept: AbstractSet[str],
    objects: Mapping[str, Object],
    rules: Iterable[Rule],
    without: AbstractSet[str] = frozenset(),
) -> tuple[Addition, ...]:
    """Return the paths that rules add to ``kept``, sorted: physical paths, with the links that lead to them.

    ``kept`` are physical paths with their parent directories, ``objects`` the facts about the ELF files among
    them, by physical path; ``without`` are names of rules to leave out. The result is monotonic: it never
    shrinks when ``kept`` grows. Raise UsageError if no rule has a name in ``without``, ImageContentError for
    configuration files with absurdly many patterns.
    """
    return Rulebook(view, rules, without).apply(kept, objects)


def _chosen(rules: tuple[Rule, ...], without: AbstractSet[str]) -> list[Rule]:
    names = [rule.name for rule in rules]
    for name in sorted(without - set(names)):
        close = difflib.get_close_matches(name, names, 3)
        hint = f"Close names are {', '.join(close)}." if close else f"There are {', '.join(sorted(names))}."
        raise UsageError(f"--no-rule {name}: there is no rule of that name.", hint)
    return [rule for rule in rules if rule.name not in without]


def _places(
    glob: str, because: tuple[str, ...], libraries: list[str], base: str = ""
) -> Iterator[tuple[str, GlobBase]]:
    """Yield the places of a rule's glob. Only a relative glob depends on the path that triggered the rule."""
    if glob.startswith("$LIB/"):
        for directory in libraries:
            yield because[0], GlobBase(directory, glob.removeprefix("$LIB/"))
    elif glob.startswith("/"):
        yield because[0], GlobBase("/", glob)
    else:
        for path in because:
            yield path, GlobBase(base or parent(path), glob)


def _notes(rules: list[Rule], objects: Mapping[str, Object], libraries: list[str]) -> Iterator[_Request]:
    for rule in rules:
        if rule.reader != DLOPEN_NOTES:
            continue
        for path in sorted(objects):
            for note in objects[path].notes:
                if (note.owner, note.type) == FDO_DLOPEN:
                    for library in dlopen_note(note.description):
                        for because, place in _places(library.glob, (path,), libraries):
                            yield _Request(rule, because, place)
