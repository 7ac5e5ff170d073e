"""The model of the closure of languages: who names whom, on which line, and how it was found. Frozen.

A *mention* is a name in a file's text; an *edge* is a mention with the file that it leads to; a *miss* is one
that leads nowhere. A *lazy* mention is not carried out when its file is loaded, only perhaps later: it stands
in a function, behind a condition, or among the strings. Paths are those of ``rootfs.tree``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from tracewhale.errors import TraceWhaleError
from tracewhale.rootfs.tree import Entry


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment that the image's configuration gives to every program: variables, and where it starts.

    ``words`` are the entrypoint and command, as the configuration has them.
    """

    variables: tuple[tuple[str, str], ...] = ()
    directory: str = "/"
    words: tuple[str, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a variable."""
        return dict(self.variables).get(name, default)


@dataclass(frozen=True, slots=True)
class ClosureLimits:
    """How far the closure goes, and what a hostile image cannot make it exceed.

    ``lazy_steps`` counts the lazy edges out of library files on the way from a kept file to a target;
    those of the application's own files are free. ``languages`` are names of languages, none for all.
    ``file_size`` and ``total_size`` are bytes of text that are parsed, ``files`` counts the files read,
    ``mentions`` those of one file.
    """

    lazy_steps: int = 1
    languages: frozenset[str] = frozenset()
    file_size: int = 16 << 20
    total_size: int = 512 << 20
    files: int = 50_000
    mentions: int = 50_000


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a file: its line (from 1), the name as written, and the construct that it stands in.

    ``parts`` are names that may lie below it (``from name import part, part``).
    """

    line: int
    name: str
    how: str
    lazy: bool = False
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """``source`` (a physical path) names ``name`` on ``line``; it leads to ``target``, found by ``how``."""

    source: str
    line: int
    name: str
    target: str
    how: str
    lazy: bool = False


@dataclass(frozen=True, slots=True, order=True)
class MissingImport:
    """A name that leads nowhere, and the places where it was looked for, in order."""

    source: str
    line: int
    name: str
    searched: tuple[str, ...]
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class LanguageClosure:
    """All that the kept files name, directly and through what they name.

    ``steps`` gives for each file that the closure adds its number of lazy steps from a kept file;
    ``libraries`` are the files that name others and are of an installed library. ``bounded`` says in
    sentences what was left unread for its size or number.
    """

    edges: tuple[Import, ...] = ()
    misses: tuple[MissingImport, ...] = ()
    steps: dict[str, int] = field(default_factory=dict)
    libraries: frozenset[str] = frozenset()
    bounded: tuple[str, ...] = ()


class Unparsed(TraceWhaleError):
    """A text that takes too long to parse."""


class Language(Protocol):
    """One language: which files are in it, what a text mentions, and where its mentions lead."""

    @property
    def name(self) -> str:
        """The language's name, in small letters."""
        ...

    def reads(self, entry: Entry, head: bytes) -> bool:
        """Return whether a kept regular file is in this language; ``head`` are its first ``HEAD`` bytes."""
        ...

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        """Return what a text mentions: depends on nothing but its name and content, so that it is cached."""
        ...

    def is_library(self, path: str) -> bool:
        """Return whether a file is of an installed library, and not of the application."""
        ...

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        """Yield where the mentions of a file lead in this image."""
        ...
