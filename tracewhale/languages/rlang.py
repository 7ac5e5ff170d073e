"""R: packages that scripts attach or name, and the dependencies in a package's DESCRIPTION.

A package's functions are in a database for lazy loading, so it is kept with all files that loading it reads.
Its data sets are found only where it is attached, or after ``::`` (R-exts, 1.1.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tracewhale.languages.commands import Commands
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import Import, Mention, MissingImport
from tracewhale.rootfs.tree import Entry, Kind, parent

SCRIPT = re.compile(rb"#![^\n]*\b(Rscript|littler|r)\b")
DESCRIPTION = re.compile(r"(?P<library>.*/(?:library|site-library))/(?P<package>[A-Za-z][\w.]*)/DESCRIPTION")

TOKEN = re.compile(
    rb"""(?P<comment>\#[^\n]*)
    | (?P<call>\b(?:library|require|requireNamespace|loadNamespace|attachNamespace))\s*\(\s*
      (?:package\s*=\s*)?["']?(?P<name>[A-Za-z][\w.]*)["']?\s*[,)]
    | \bsource\s*\(\s*(?P<quote>["'])(?P<file>[^"'\\\n]{1,300})(?P=quote)
    | \bsystem2?\s*\(\s*(?P<mark>["'])(?P<command>[\w./+-](?:(?!(?P=mark))[^\n]){0,300})(?P=mark)
    | (?P<space>[A-Za-z][\w.]*):::?[\w.`]
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""",
    re.VERBOSE | re.DOTALL,
)
FIELD = re.compile(rb"^(Depends|Imports|LinkingTo):((?:[^\n]*\n?)(?:[ \t][^\n]*\n?)*)", re.MULTILINE)
DEPENDENCY = re.compile(rb"([A-Za-z][\w.]*)\s*(?:\([^)]*\))?\s*(?:,|\Z)")

LIBRARIES = (
    "/usr/local/lib/R/site-library",
    "/usr/lib/R/site-library",
    "/usr/lib/R/library",
    "/usr/local/lib/R/library",
    "/usr/lib64/R/library",
)
LOADED = ("R", "Meta", "libs")
"""The directories of a package whose files are read when it is loaded; DATA is read for its data sets."""

DATA = "data"
BASE = re.compile(rb"^Priority: base$", re.MULTILINE)
"""The mark of a package of R itself. Its functions read other directories, too: metrics of fonts."""

NOT_READ = frozenset(("help", "html", "doc", "demo", "tests", "include", "po"))
"""The directories of a package that only the help system, compilers and gettext(3) read."""

HELP = frozenset({"Rd.rds", "hsearch.rds", "links.rds", "vignette.rds", "demo.rds"})
"""Indexes in ``Meta`` that only the help system reads (tools:::.install_package_indices)."""

NOT_ATTACHED = "Imports"
"""The field with packages whose data sets the package that imports them does not see."""

FILES_OF_PART = 500


class RLanguage:
    """Packages by name. The imports of DESCRIPTION are loaded with the package."""

    name = "r"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._commands = Commands(files)
        libraries = {match["library"] for path in files.kept if (match := DESCRIPTION.fullmatch(path))}
        variables = ":".join(files.environment.get(name) for name in ("R_LIBS", "R_LIBS_SITE", "R_LIBS_USER"))
        places = (*(p for p in variables.split(":") if p.startswith("/")), *LIBRARIES, *sorted(libraries))
        self._libraries = tuple(dict.fromkeys(normal(place) for place in places))

    def reads(self, entry: Entry, head: bytes) -> bool:
        path = entry.path
        return path.endswith((".R", ".r", ".Rprofile")) or bool(
            DESCRIPTION.fullmatch(path) or SCRIPT.match(head)
        )

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        if path.endswith("/DESCRIPTION"):
            return _described(content)
        return _scripted(content)

    def is_library(self, path: str) -> bool:
        return any(path.startswith(f"{library}/") for library in self._libraries)

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            if mention.how == "command":
                yield from self._commands.of_text(path, mention)
                continue
            if mention.how == "source":
                starts = (parent(path), self._files.environment.directory)
                places = [
                    normal(mention.name if mention.name.startswith("/") else f"{start}/{mention.name}")
                    for start in starts
                ]
                targets = [place for place in places if self._files.is_file(place)][:1]
            else:
                places = [f"{library}/{mention.name}" for library in self._libraries]
                root = next((place for place in places if self._files.is_file(f"{place}/DESCRIPTION")), "")
                targets = list(self._package(root, mention.how != NOT_ATTACHED)) if root else []
            for target in targets:
                yield Import(path, mention.line, mention.name, target, mention.how, mention.lazy)
            if not targets:
                yield MissingImport(path, mention.line, mention.name, tuple(places), mention.lazy)

    def _package(self, root: str, data: bool) -> Iterator[str]:
        """Yield the files that a loaded package reads: its databases, metadata and shared objects, and its
        data sets if they are visible."""
        base = BASE.search(self._files.text(f"{root}/DESCRIPTION")) is not None
        for name, entry in self._files.listing(root).items():
            if entry.kind is Kind.FILE and name in ("DESCRIPTION", "NAMESPACE", "INDEX"):
                yield f"{root}/{name}"
            if name not in LOADED and not (data if name == DATA else base and name not in NOT_READ):
                continue
            for file in sorted(self._files.listing(f"{root}/{name}").keys() - HELP)[:FILES_OF_PART]:
                if self._files.is_file(f"{root}/{name}/{file}"):
                    yield f"{root}/{name}/{file}"


def _described(content: bytes) -> Iterator[Mention]:
    for field in FIELD.finditer(content):
        how = field[1].decode()
        if how == "LinkingTo":
            continue
        for match in DEPENDENCY.finditer(field[2].strip()):
            if match[1] != b"R":
                line = content.count(b"\n", 0, field.start(2) + match.start()) + 1
                yield Mention(line, match[1].decode(), how)


def _scripted(content: bytes) -> Iterator[Mention]:
    for match in TOKEN.finditer(content):
        for group in ("name", "file", "command", "space"):
            if match[group]:
                how = match["call"].decode() if group == "name" else "::" if group == "space" else group
                line = content.count(b"\n", 0, match.start()) + 1
                name = match[group].decode("utf-8", "surrogateescape")
                yield Mention(line, name, "source" if how == "file" else how, group in ("command", "space"))
