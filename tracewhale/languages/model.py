"""The model of the closure of languages: the names in files, their lines, and the files they lead to. Frozen.

A *mention* is a name in a file's text; an *edge* is a mention with its target; a *miss* is one without. A
*lazy* mention is not executed when its file is loaded, but perhaps later: it is in a function, behind a
condition, or among the strings. Paths are those of ``rootfs.tree``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol

from tracewhale.errors import TraceWhaleError
from tracewhale.rootfs.tree import Entry

ELF = b"\x7fELF"
"""The beginning of machine code (elf(5))."""

IN_CODE, LISTED, PREFIX = "string in code", "list of modules", "beginning of a name"
DATA, LIBRARY = "file beside", "library"
"""The ways to find some names: among the strings of machine code, in a list, as the known part of a name that
is put together, as the name of a data file beside the source, and as that of a library to open."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of every program in the image's configuration: variables, and the working directory.

    ``words`` are the entrypoint and command of the configuration.
    """

    variables: tuple[tuple[str, str], ...] = ()
    directory: str = "/"
    words: tuple[str, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a variable."""
        return dict(self.variables).get(name, default)


@dataclass(frozen=True, slots=True)
class ClosureLimits:
    """The extent of the closure, and limits against hostile images.

    ``lazy_steps`` is the most lazy edges out of library files on the way from a kept file to a target; those
    of the application's own files do not count. ``languages`` are names of languages, empty for all.
    ``file_size`` and ``total_size`` are bytes of parsed text, ``files`` is the number of files, ``mentions``
    that of one file, and ``findings`` that of edges and misses.
    """

    lazy_steps: int = 1
    languages: frozenset[str] = frozenset()
    file_size: int = 16 << 20
    total_size: int = 512 << 20
    files: int = 50_000
    mentions: int = 50_000
    findings: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a file: its line (from 1), the name as written, and the construct that contains it.

    ``parts`` are names that may be below it (``from name import part, part``).
    """

    line: int
    name: str
    how: str
    lazy: bool = False
    parts: tuple[str, ...] = ()


def mentions_at(content: bytes, places: Mapping[str, int], how: str, most: int) -> Iterator[Mention]:
    """Yield the mentions of names at their places in a text, in this order, or none if there are too many:
    a longer list is data itself."""
    line, before = 1, 0
    for name, at in sorted(places.items(), key=itemgetter(1)) if len(places) <= most else ():
        line, before = line + content.count(b"\n", before, at), at
        yield Mention(line, name, how)


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """A mention of ``name`` in ``source`` (a physical path) on ``line``, which leads to ``target``, found by
    ``how``."""

    source: str
    line: int
    name: str
    target: str
    how: str
    lazy: bool = False


@dataclass(frozen=True, slots=True, order=True)
class MissingImport:
    """A name without a target, and the searched places in order."""

    source: str
    line: int
    name: str
    searched: tuple[str, ...]
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class LanguageClosure:
    """The names in the kept files, directly and transitively.

    ``steps`` gives for each added file its number of lazy steps from a kept file; ``libraries`` are the files
    with names that belong to an installed library. ``bounded`` are sentences on the files that exceeded the
    limits.
    """

    edges: tuple[Import, ...] = ()
    misses: tuple[MissingImport, ...] = ()
    steps: dict[str, int] = field(default_factory=dict)
    libraries: frozenset[str] = frozenset()
    bounded: tuple[str, ...] = ()


class Unparsed(TraceWhaleError):
    """Raised for a text that takes too long to parse."""


class Language(Protocol):
    """One language: its files, the mentions in a text, and their targets."""

    @property
    def name(self) -> str:
        """The language's name, in lower case."""
        ...

    def reads(self, entry: Entry, head: bytes) -> bool:
        """Return whether a kept regular file is in this language; ``head`` are its first ``HEAD`` bytes."""
        ...

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        """Return the mentions of a text, which depend only on its name and content, so that they can be
        cached."""
        ...

    def is_library(self, path: str) -> bool:
        """Return whether a file belongs to an installed library, rather than to the application."""
        ...

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        """Yield the targets of a file's mentions in this image."""
        ...
