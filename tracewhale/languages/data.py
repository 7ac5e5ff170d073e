"""Data files that a program opens by a name beside its own file (``join(dirname(__file__), "a.dat")``), and
libraries that it opens.

The languages differ in the expression for the own file, but the name of the data is a literal in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from tracewhale.languages import libraries
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import DATA, Import, Mention, MissingImport, mentions_at
from tracewhale.rootfs.tree import Entry, Kind, parent

SOURCE = re.compile(r".*\.(py|js|cjs|mjs|rb|pl|pm|php|psgi)", re.DOTALL)
LOCATIONS = (
    *(b"__file__", b"__path__", b"importlib", b"pkgutil", b"pkg_resources"),  # Python
    *(b"__dirname", b"import.meta", b"require.resolve"),  # JavaScript
    *(b"__FILE__", b"__dir__", b"__DIR__", b"$FindBin", b"dist_file"),  # Ruby, PHP, Perl
)
"""Words of which a text has one if it works out where its own file is."""

NAME = re.compile(rb"""(?P<quote>["'`/])(?P<name>[\w+-][\w./+-]{0,120}\.[A-Za-z]\w{0,9})(?=["'`])""")
"""A literal, or its end after a directory that is computed, which may be the name of a file."""

ITSELF = re.compile(r"\.(pyc?|pyd|so|[cm]?js|node|rb|p[lm]|php|map)$")
"""Endings of code, which is found by the imports of its language."""

DIRECTORY = re.compile(
    rb"""(?<=["'`/])(?P<name>[A-Za-z_][\w-]{2,40}(?:/[\w-]{1,40}){0,3})/?(?=["'`](?!\s*\+))"""
)
"""A literal, or its end, which may be the name of a directory."""

BEGINNING = re.compile(
    rb"""["'`/](?P<name>[A-Za-z_][\w-]{1,40}(?:/[\w-]{1,40}){0,3})/(?:[#$]\{|["'`]\s*[+.])"""
)
"""A directory, and a name in it that is computed: ``"lexers/#{name}.rb"``."""

SHARED = re.compile(r".*/(python[\d.]*|(site|dist)-packages|node_modules)", re.DOTALL)
"""Directories of modules that have nothing to do with each other."""

OWN_WAY = re.compile(r".*\.(js|cjs|mjs)", re.DOTALL)
"""Files of a language that follows computed names itself."""

LISTING = re.compile(
    rb"""\b(?:r?glob\w*|listdir|iterdir|scandir|readdir\w*|each_child|children|Dir\[|fast-glob)\b"""
)
"""Words of a text that lists directories: it may load the code in them."""

MODULES = (b"iter_modules", b"walk_packages")
"""Words of a text that may load the modules in a package of Python."""

ABSOLUTE = re.compile(
    rb"""["'](?P<name>/usr/(?:local/)?share/(?!doc/|man/|info/|locale|zoneinfo)[\w.+-]{2,60}(?:/[\w.+-]{1,60}){0,8})
    /?["']""",
    re.VERBOSE,
)
"""An absolute path of data, as distributions put it into programs."""

SHARE = b"/share/"
"""A part of each such path, which is looked for first."""

CACHED = re.compile(r"\.(pyc|map)$|/(__pycache__|node_modules)(/|$)")

TESTS = re.compile(r"(^|/)(tests?|specs?|testing|fixtures)(/|$)")
NAMES = 200
"""The most names of one text."""

DEPTH, FILES = 3, 1000
"""The most levels of a directory of data, and the most files and directories."""

SMALL = 3 << 20
"""The bytes of data that belong to what loading a file needs; more may be for some of its functions only."""


class Data:
    """The data files beside a source file, and the libraries, that its literals name."""

    name = "data"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._libraries = libraries.SharedLibraries(files)
        self._directories: dict[tuple[str, str], list[tuple[str, int]]] = {}

    def reads(self, entry: Entry, head: bytes) -> bool:
        return SOURCE.fullmatch(entry.path) is not None

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        yield from libraries.mentions(content)
        for match in islice(ABSOLUTE.finditer(content), NAMES) if SHARE in content else ():
            line, name = content.count(b"\n", 0, match.start()) + 1, match["name"].decode()
            yield from (Mention(line, name, DATA), Mention(line, f"{name}/", DATA))
        if not any(word in content for word in LOCATIONS):
            return
        listing = "*" if LISTING.search(content) is not None else ""
        end = "**" if any(word in content for word in MODULES) else listing
        patterns = [(NAME, ""), (DIRECTORY, f"/{end}")]
        if OWN_WAY.fullmatch(path) is None:
            patterns.append((BEGINNING, "/*"))
        for pattern, end in patterns:
            names: dict[str, int] = {}
            for match in pattern.finditer(content):
                names.setdefault(match["name"].decode("ascii", "replace") + end, match.start())
            good = {n: at for n, at in names.items() if not ITSELF.search(n) and not TESTS.search(n)}
            yield from mentions_at(content, good, DATA, NAMES)

    def is_library(self, path: str) -> bool:
        return True

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        here = parent(path)
        for mention in mentions:
            if mention.how == DATA:
                name = mention.name.rstrip("*")
                targets = [normal(f"{place}/{name}") for place in _places(here, name)]
            else:
                targets = [target] if (target := self._libraries.find(mention.name)) else []
            for target in targets:
                entry = self._files.entry(target)
                if entry is None or (entry.kind is Kind.DIRECTORY) != mention.name.endswith(("/", "*")):
                    continue
                if entry.kind is Kind.DIRECTORY:
                    key = entry.path, mention.name[len(name) :]
                    if key not in self._directories:
                        self._directories[key] = self._below(*key)
                    files = self._directories[key]
                else:
                    files = [(target, entry.size)]
                lazy = mention.name.endswith("**") or sum(size for _, size in files) > SMALL
                for file, _ in files:
                    yield Import(path, mention.line, mention.name, file, mention.how, lazy)
                break

    def _below(self, top: str, stars: str) -> list[tuple[str, int]]:
        """Return the files in a directory with their sizes, or none if it has many. Code counts only with a
        star, and a package of Python with two."""
        out = CACHED if stars else ITSELF
        files: list[tuple[str, int]] = []
        level = [top]
        for _ in range(DEPTH):
            listings = [entry for path in level for entry in self._files.listing(path).values()]
            if stars != "**" and any(entry.path.endswith("/__init__.py") for entry in listings):
                return []
            good = [entry for entry in listings if not out.search(entry.path)]
            files += [(entry.path, entry.size) for entry in good if entry.kind is Kind.FILE]
            level = [e.path for e in good if e.kind is Kind.DIRECTORY and not TESTS.search(e.path)]
            if len(files) + len(level) > FILES:
                return []
        return files if not level else []


def _places(here: str, name: str) -> tuple[str, ...]:
    """Return the places of a name in a source in a directory. A directory is of use only beside the source,
    if its own place is not one that unrelated modules share."""
    if name.startswith("/"):
        return ("",)
    if name.endswith("/"):
        return () if SHARED.fullmatch(here) else (here,)
    return (here, parent(here))
