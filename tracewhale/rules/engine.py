"""Apply rules to the kept paths: a pure function, called again until it adds nothing."""

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
    effort = Effort()
    chosen = _chosen(tuple(rules), without)
    keeping = KeptPaths(kept)
    objects = {path: elf for path, elf in objects.items() if path in kept}
    triggers = {rule.name: because for rule in chosen if (because := _triggers(view, rule, keeping, objects))}
    libraries = _libraries(keeping)
    active = _possible(view, [rule for rule in chosen if rule.name in triggers], triggers, libraries, effort)
    requests = [
        _Request(rule, because, place, read)
        for rule in active
        for read, globs in ((False, rule.keep), (True, rule.read))
        for glob in globs
        for because, place in _places(glob, triggers[rule.name], libraries)
    ]
    requests += _notes(active, objects, libraries)
    return tuple(sorted(_carry_out(view, requests, libraries, effort)))


def _chosen(rules: tuple[Rule, ...], without: AbstractSet[str]) -> list[Rule]:
    names = [rule.name for rule in rules]
    for name in sorted(without - set(names)):
        close = difflib.get_close_matches(name, names, 3)
        hint = f"Close names are {', '.join(close)}." if close else f"There are {', '.join(sorted(names))}."
        raise UsageError(f"--no-rule {name}: there is no rule of that name.", hint)
    return [rule for rule in rules if rule.name not in without]


def _libraries(kept: KeptPaths) -> list[str]:
    """Return the directories of ``$LIB``: the default ones, and every other with a library
    (``/opt/conda/lib/libcrypto.so.3``)."""
    libraries = (*kept.matching("lib*.so"), *kept.matching("lib*.so.*"))
    defaults = {directory for directory in kept.directories if DEFAULT_DIRECTORY.fullmatch(directory)}
    return sorted(defaults.union(map(parent, libraries)))


def _triggers(view: View, rule: Rule, kept: KeptPaths, objects: Mapping[str, Object]) -> tuple[str, ...]:
    """Return the kept paths that trigger a rule; none if one of ``also`` is not kept."""
    if not all(kept.matching(glob) for glob in rule.also):
        return ()
    because = {path for glob in rule.when for path in kept.matching(glob)}
    if rule.imports:
        # The C library names them, too: it defines them, and needs no C library.
        candidates = sorted(
            path for path, elf in objects.items() if any(name.startswith("libc.") for name in elf.needed)
        )
        names = symbols.symbol_names(view, candidates, frozenset(rule.imports))
        because |= {path for path in candidates if names[path]}
    return tuple(sorted(because))


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


def _possible(
    view: View,
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
    matches = expand(view, (place for group in places.values() for place in group), effort)
    return [rule for rule in rules if not any(matches[place] for place in places[rule.name])]


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


def _carry_out(
    view: View, requests: Iterable[_Request], libraries: list[str], effort: Effort
) -> set[Addition]:
    """Look at every place, read the files to read, and look at the places that they name, until there are no
    more."""
    additions: set[Addition] = set()
    first: dict[tuple[str, str], str] = {}
    read: set[tuple[str, str]] = set()
    known: set[_Request] = set()
    pending = list(dict.fromkeys(requests))
    while pending:
        known.update(pending)
        matches = expand(view, (request.place for request in pending), effort)
        files: dict[tuple[str, str], Rule] = {}
        for request in pending:
            for path in matches[request.place]:
                because = first.setdefault((request.rule.name, path), request.because)
                additions.add(Addition(path, request.rule.name, because))
                if request.read:
                    files.setdefault((request.rule.name, path), request.rule)
        wanted = {key: rule for key, rule in files.items() if key not in read and _is_file(view, key[1])}
        read.update(wanted)
        globs = _read(view, wanted, libraries)
        pending = [request for request in dict.fromkeys(globs) if request not in known]
    return additions


def _is_file(view: View, path: str) -> bool:
    entry = view.lstat(path)
    return entry is not None and entry.kind is Kind.FILE


def _read(view: View, files: Mapping[tuple[str, str], Rule], libraries: list[str]) -> Iterator[_Request]:
    """Yield the globs in configuration files, each read once for each rule, all in one exchange."""
    if not files:
        return
    contents = view.tree.read([(path, 0, MAX_CONFIGURATION) for _, path in files])
    for ((_, path), rule), content in zip(files.items(), contents, strict=True):
        glob: ConfiguredGlob
        for glob in READERS[rule.reader]((content or b"").decode("utf-8", "surrogateescape")):
            for because, place in _places(glob.glob, (path,), libraries):
                yield _Request(rule, because, place, glob.read)
