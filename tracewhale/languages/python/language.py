"""Python's modules: resolve mentions to the files that the import system would load."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tracewhale.languages.commands import Commands
from tracewhale.languages.files import Files
from tracewhale.languages.model import ELF, IN_CODE, LISTED, PREFIX, Import, Mention, MissingImport
from tracewhale.languages.python import names
from tracewhale.languages.python.distributions import Distributions
from tracewhale.languages.python.paths import Paths, is_library, is_standard
from tracewhale.rootfs.tree import Entry, Kind, join, parent

SCRIPT = re.compile(rb"#![^\n]*\bpython[\d.]*\b")
EXTENSION = re.compile(r"(?:\.(?:cpython-\d+\w*|pypy\w+-\w+|abi\d)(?:-[\w-]+)?)?\.so")
"""Suffixes of a module's name in the file name of an extension (PEP 3149)."""

DISTRIBUTED = re.compile(r".*/(?:site|dist)-packages/(?!__pycache__/)[^/]+")
"""A module or package at the top level of a site directory."""

DIRECT_URL = "direct_url.json"
"""The record of a distribution that comes from a directory, an archive or a repository, rather than an
index."""

EXTENSION_FILE = re.compile(
    r".*/[^/.]+\.(?:cpython-|pypy|abi)[^/]*\.so|.*/(?:site|dist)-packages/.*\.so", re.DOTALL
)
GUESSES = (IN_CODE, "string", "import_string()", "load_object()")
"""Constructs whose names may end with a class, or may not be names of modules at all."""

LEAST = 3
"""The least number of modules in a list of names."""

MODULE = re.compile(r"\w[\w-]*")
"""The name of a module; one that is only imported by a call may have a hyphen."""

PRIVATE = re.compile(r"_[a-z]\w{3,}")
"""The name of a private module, long enough to be one where names are joined."""

PRIVATES = 500
"""The most private modules of a directory that are looked for in joined strings."""

MATCHES = 100
"""The most modules whose names have the same beginning."""

ATTRIBUTE = re.compile(r"\w+\.[A-Z]\w*")
"""A class in a module, by the convention of PEP 8."""

TESTS = frozenset({"test", "tests"})
"""Packages that are loaded only in tests if they are named lazily."""

ZIPPED = (".pyz", ".pex", ".egg", ".zip")


@dataclass(frozen=True, slots=True)
class PythonModule:
    """A module: its files, and the directories of its submodules if it is a package."""

    files: tuple[str, ...]
    directories: tuple[str, ...] = ()


class Python:
    """Every import of every kept module, lazy ones included."""

    name = "python"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._paths = Paths(files)
        self._commands = Commands(files)
        self._modules: dict[tuple[tuple[str, ...], str], PythonModule | None] = {}
        self._in_use = {match[0] for path in files.kept if (match := DISTRIBUTED.match(path))}
        self._suffixed: dict[str, dict[str, list[str]]] = {}
        self._distributions = Distributions(files)
        self._applications: dict[str, frozenset[str]] = {}

    def reads(self, entry: Entry, head: bytes) -> bool:
        path = entry.path
        if path.endswith((".py", ".pyw", ".pth", "-info/entry_points.txt")):
            return True
        if head.startswith(ELF):
            return EXTENSION_FILE.fullmatch(path) is not None
        return SCRIPT.match(head) is not None or (path.endswith(ZIPPED) and b"PK\x03\x04" in head)

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        if content.startswith(ELF):
            return names.native(content)
        if path.endswith("entry_points.txt"):
            return names.entry_points(content)
        if path.endswith(".pth"):
            return names.path_file(content)
        if b"PK\x03\x04" in content[:256]:
            return names.zipped(content)
        return names.mentions(content)

    def is_library(self, path: str) -> bool:
        return is_library(path) and not self._is_application(path)

    def _is_application(self, path: str) -> bool:
        """Return whether a module was installed from the author's own files (PEP 610)."""
        match = DISTRIBUTED.match(path)
        if match is None:
            return False
        site, _, name = match[0].rpartition("/")
        if site not in self._applications:
            self._applications[site] = frozenset(self._application_names(site))
        return name in self._applications[site]

    def _application_names(self, site: str) -> Iterator[str]:
        """Yield the top-level names in a site directory that come from the author's own files."""
        infos = [f"{site}/{name}" for name in self._files.listing(site) if name.endswith(".dist-info")]
        self._files.view.prefetch(infos)
        for info in infos:
            if DIRECT_URL in self._files.listing(info):
                record = self._files.text(f"{info}/RECORD").decode("utf-8", "replace")
                yield from {re.split("[/,]", line, maxsplit=1)[0] for line in record.splitlines()}

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        search = self._paths.search(path)
        standard, library = is_standard(path), self.is_library(path)
        listed: list[Mention] = []
        for mention in mentions:
            if (standard and mention.how == "string") or (library and mention.how == names.AS_MAIN):
                continue
            if mention.how == "command":
                yield from self._commands.of_text(path, mention)
            elif mention.how == LISTED:
                listed.append(mention)
            elif mention.how == PREFIX:
                yield from self._beginning(path, mention, search)
            elif mention.how == names.JOINED:
                yield from self._private(path, mention)
            elif mention.how == IN_CODE and "." not in mention.name:
                yield from self._beside(path, mention, search)
            elif mention.name.startswith("."):
                yield from self._relative(path, mention)
            else:
                yield from self._absolute(path, mention, search)
        yield from self._listed(path, listed)

    def _listed(self, path: str, mentions: list[Mention]) -> Iterator[Import]:
        """Yield the modules beside a file among the names in its lists, if several are."""
        here = parent(path)
        own = path.rpartition("/")[2].removesuffix(".py")
        modules = [
            (mention, module)
            for mention in mentions
            if mention.name != own and (module := self._find((here,), mention.name)) is not None
        ]
        if len({mention.name for mention, _ in modules}) >= LEAST:
            for mention, module in modules:
                yield from _edges(path, mention, module.files, mention.name)

    def _beginning(self, path: str, mention: Mention, search: tuple[str, ...]) -> Iterator[Import]:
        """Yield the modules whose names have a known beginning, and perhaps end (``f"forms.{name}"``)."""
        *above, start = mention.name.lstrip(".").split(".")
        places: tuple[str, ...] = (parent(path),) if mention.name.startswith(".") else search
        for part in above:
            module = self._find(places, part)
            places = module.directories if module else ()
        listed = {name.partition(".")[0] for place in places for name in self._files.listing(place)}
        names = [name for name in sorted(listed) if name.startswith(start) and MODULE.fullmatch(name)]
        for name in names if len(names) <= MATCHES else ():
            inside, files = places, tuple[str, ...]()
            for part in (name, *mention.parts):
                module = self._find(inside, part)
                inside, files = (module.directories, (*files, *module.files)) if module else ((), ())
            yield from _edges(path, mention, files, ".".join((*above, name, *mention.parts)))

    def _beside(self, path: str, mention: Mention, search: tuple[str, ...]) -> Iterator[Import]:
        """Yield a private module that an extension names, beside it or of the standard library."""
        places = tuple(place for place in search if is_standard(f"{place}/"))
        module = self._find((parent(path), *places), mention.name)
        if module is not None and path not in module.files:
            yield from _edges(path, mention, module.files, mention.name)

    def _private(self, path: str, mention: Mention) -> Iterator[Import]:
        """Yield the private modules beside an extension whose names are in its joined strings."""
        here = parent(path)
        stems = {name.partition(".")[0] for name in self._files.listing(here)}
        private = sorted(stem for stem in stems if PRIVATE.fullmatch(stem))
        for stem in private[:PRIVATES]:
            if stem in mention.name:
                module = self._find((here,), stem)
                if module is not None and path not in module.files:
                    yield from _edges(path, replace(mention, how=IN_CODE), module.files, stem)

    def _relative(self, path: str, mention: Mention) -> Iterator[Import | MissingImport]:
        """Resolve ``from ..name import part``: one dot means the package of the file."""
        rest = mention.name.lstrip(".")
        directory = parent(path)
        for _ in range(len(mention.name) - len(rest) - 1):
            directory = parent(directory)
        if rest:
            yield from self._absolute(path, replace(mention, name=rest), (directory,))
            return
        init = self._find((parent(directory),), directory.rpartition("/")[2])
        package = PythonModule((), (directory,)) if init is None else init
        yield from _edges(path, mention, package.files, mention.name)
        yield from self._parts(path, mention, package.directories)

    def _absolute(
        self, path: str, mention: Mention, search: tuple[str, ...]
    ) -> Iterator[Import | MissingImport]:
        places = search
        seen: list[Import] = []
        certain = mention.how not in GUESSES
        optional = mention.lazy and self.is_library(path)
        for depth, part in enumerate(mention.name.split(".")):
            module = self._find(places, part)
            if optional and depth == 0 and module is not None and self._is_out_of_use(path, module):
                return
            if module is None:
                if certain:
                    yield from seen
                if certain and mention.name.split(".")[0] not in sys.stdlib_module_names:
                    yield MissingImport(path, mention.line, mention.name, places, mention.lazy)
                elif not certain and (depth > 1 or (depth == 1 and ATTRIBUTE.fullmatch(mention.name))):
                    yield from seen
                return
            seen += _edges(path, mention, (*module.files, *self._metadata(module, depth)), mention.name)
            places = module.directories
        yield from seen
        yield from self._parts(path, mention, places)

    def _metadata(self, module: PythonModule, depth: int) -> tuple[str, ...]:
        """Return the metadata of the distribution of a module at the top level."""
        match = DISTRIBUTED.match((module.files or ("",))[0]) if depth == 0 else None
        return self._distributions.metadata(match[0]) if match else ()

    def _is_out_of_use(self, path: str, module: PythonModule) -> bool:
        """Return whether a module belongs to a distribution without kept files that the library does not
        require: an optional dependency."""
        own = DISTRIBUTED.match(path)
        matches = [DISTRIBUTED.match(file) for file in module.files or module.directories]
        roots = {match[0] for match in matches if match}
        if not roots or roots & (self._in_use | {own[0] if own else ""}):
            return False
        return own is None or not any(self._distributions.requires(own[0], root) for root in roots)

    def _parts(self, path: str, mention: Mention, directories: tuple[str, ...]) -> Iterator[Import]:
        """Yield the submodules among the names that a ``from`` imports; the others are attributes."""
        for part in mention.parts:
            module = self._find(directories, part) if directories and part != "*" else None
            if module is not None:
                yield from _edges(path, mention, module.files, f"{mention.name}.{part}".replace("..", "."))

    def _find(self, places: tuple[str, ...], name: str) -> PythonModule | None:
        """Return a module from the first directory that has it; a namespace package is in all of them (PEP
        420)."""
        key = (places, name)
        if key not in self._modules:
            self._modules[key] = self._look(places, name)
        return self._modules[key]

    def _look(self, places: tuple[str, ...], name: str) -> PythonModule | None:
        portions: list[str] = []
        for place in places:
            listing = self._files.listing(place)
            if name in listing:
                directory = join(place, name)
                if self._files.is_directory(directory):
                    if init := self._sources(directory, "__init__"):
                        return PythonModule(init, (directory,))
                    portions.append(directory)
            if files := self._sources(place, name):
                return PythonModule(files)
        return PythonModule((), tuple(portions)) if portions else None

    def _sources(self, place: str, name: str) -> tuple[str, ...]:
        """Return the extension module, or the source without its cached bytecode, or the bytecode alone
        (importlib)."""
        listing = self._files.listing(place)
        extensions = self._extensions(place).get(name)
        if extensions:
            return tuple(join(place, extension) for extension in extensions)
        if f"{name}.py" in listing:
            return (join(place, f"{name}.py"),)
        return (join(place, f"{name}.pyc"),) if f"{name}.pyc" in listing else ()

    def _extensions(self, place: str) -> dict[str, list[str]]:
        """Return the file names of a directory's extension modules by module name; computed once."""
        if place not in self._suffixed:
            names: dict[str, list[str]] = {}
            for name, entry in self._files.listing(place).items():
                stem, dot, rest = name.partition(".")
                if dot and entry.kind is not Kind.DIRECTORY and EXTENSION.fullmatch(dot + rest):
                    names.setdefault(stem, []).append(name)
            self._suffixed[place] = names
        return self._suffixed[place]


def _edges(path: str, mention: Mention, targets: Iterable[str], name: str) -> Iterator[Import]:
    parts = mention.name.split(".")
    if mention.lazy and any(part in TESTS and f"/{part}/" not in path for part in parts):
        return
    for target in targets:
        yield Import(path, mention.line, name, target, mention.how, mention.lazy)
