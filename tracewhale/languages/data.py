"""Data files that a program opens by a name beside its own file (``join(dirname(__file__), "a.dat")``), and
libraries that it opens.

The languages differ in the expression for the own file, but the name of the data is a literal in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tracewhale.languages import libraries
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import DATA, Import, Mention, MissingImport
from tracewhale.rootfs.tree import Entry, Kind, parent

SOURCE = re.compile(r".*\.(py|js|cjs|mjs|rb|pl|pm|php|psgi)", re.DOTALL)
LOCATIONS = (
    *(b"__file__", b"importlib", b"pkgutil", b"pkg_resources"),  # Python
    *(b"__dirname", b"import.meta", b"require.resolve"),  # JavaScript
    *(b"__FILE__", b"__dir__", b"__DIR__", b"$FindBin", b"dist_file"),  # Ruby, PHP, Perl
)
"""Words of which a text has one if it works out where its own file is."""

NAME = re.compile(rb"""(?P<quote>["'`/])(?P<name>[\w+-][\w./+-]{0,120}\.[A-Za-z]\w{0,9})(?=["'`])""")
"""A literal, or its end after a directory that is computed, which may be the name of a file."""

ITSELF = re.compile(r"\.(pyc?|pyd|so|[cm]?js|node|rb|p[lm]|php|map)$")
"""Endings of code, which is found by the imports of its language."""

TESTS = re.compile(r"(^|/)(tests?|specs?|testing|fixtures)(/|$)")
NAMES = 200
"""The most names of one text; a longer list is data itself."""

SMALL = 1 << 20
"""The bytes of data that belong to what loading a file needs; more may be for some of its functions only."""


class Data:
    """The data files beside a source file, and the libraries, that its literals name."""

    name = "data"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._libraries = libraries.SharedLibraries(files)

    def reads(self, entry: Entry, head: bytes) -> bool:
        return SOURCE.fullmatch(entry.path) is not None

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        yield from libraries.mentions(content)
        if not any(word in content for word in LOCATIONS):
            return
        names: dict[str, int] = {}
        for match in NAME.finditer(content):
            names.setdefault(match["name"].decode("ascii", "replace"), match.start())
        good = {name: at for name, at in names.items() if not ITSELF.search(name) and not TESTS.search(name)}
        if len(good) <= NAMES:
            for name, at in good.items():
                yield Mention(content.count(b"\n", 0, at) + 1, name, DATA)

    def is_library(self, path: str) -> bool:
        return True

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        here = parent(path)
        for mention in mentions:
            if mention.how == DATA:
                targets = [normal(f"{place}/{mention.name}") for place in (here, parent(here))]
            else:
                targets = [target] if (target := self._libraries.find(mention.name)) else []
            for target in targets:
                entry = self._files.entry(target)
                if entry is not None and entry.kind is Kind.FILE:
                    yield Import(path, mention.line, mention.name, target, mention.how, entry.size > SMALL)
                    break
