"""Perl: ``use`` and ``require`` along @INC, base classes, compiled and split functions (perlfunc).

There is no well-maintained grammar, so our own tokenizer removes comments, POD, here-documents and text after
``__END__``. Strings stay, because they contain names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from tracewhale.languages.commands import Commands
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import ELF, IN_CODE, PREFIX, Import, Mention, MissingImport
from tracewhale.rootfs.tree import Entry, Kind, parent

SCRIPT = re.compile(rb"#![^\n]*\bperl[\d.]*\b")
INTERPRETER = re.compile(r".*/(?:perl[\d.]*|libperl\.so[\d.]*)")
MODULE_IN_CODE = re.compile(rb"(?<=\0)[A-Za-z_]\w*(?:/\w+)*\.p[ml](?=\0)")
"""A module that the interpreter loads itself, such as attributes.pm."""

ENDINGS = (".pm", ".pl", ".PL", ".al", ".t", ".cgi", ".psgi")

POD = re.compile(rb"^=[a-zA-Z].*?(?:^=cut\b[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
END = re.compile(rb"^__(?:END|DATA)__\s*$", re.MULTILINE)
HEREDOC = re.compile(rb"<<~?(?P<quote>[\"']?)(?P<end>[A-Z_][A-Z0-9_]{0,40})(?P=quote)")
HEREDOCS = 1000
COMMENT = re.compile(rb"(?:^|(?<=[\s;{}]))#[^\n]*")

MODULE = rb"[A-Za-z_]\w*(?:(?:::|')\w+)*"
STATEMENT = re.compile(
    rb"(?:^|(?<=[;{}\n]))(?P<space>[ \t]*)(?:(?:eval|do)\s*\{\s*)?\b(?P<how>use|no|require)\s+(?P<name>"
    + MODULE
    + rb")(?P<rest>[^;\n]*)",
    re.MULTILINE,
)
INNER = re.compile(rb"\b(?P<how>require)\s+(?P<name>" + MODULE + rb")\s*[;)}]")
FILE = re.compile(rb"\b(?P<how>require|do)\s*\(?\s*(?P<quote>[\"'])(?P<name>[\w./-]{1,200})(?P=quote)")
STRING = re.compile(rb"(?P<quote>[\"'])(?P<name>[A-Za-z_]\w*(?:::\w+)+)(?P=quote)")
COMPUTED = re.compile(rb"(?P<quote>[\"'])(?P<name>(?:[A-Z]\w*::)+)(?:\$\{?\w|(?P=quote)\s*\.)")
"""The beginning of a module's name that is put together: ``"Zone::$name"``, ``'Zone::' . $name``."""

LOADING = re.compile(rb"\brequire(?:_module)?\b|\buse_module\b|\bload_(?:class|module)\b|\bload\s*\(")
MATCHES = 600
"""The most modules whose names have the same beginning."""

NESTED = 3
"""The most directories below a beginning that are searched."""

ISA = re.compile(rb"@ISA\s*=\s*(?P<rest>[^;\n]*)")
COMMAND = re.compile(
    rb"\b(?:system|exec|qx)\s*[({]?\s*(?P<quote>[\"'`({])(?P<name>[\w./+-][^\"`\n)}]{0,200})"
)
BACKTICKS = re.compile(rb"=\s*`(?P<name>[\w./+-][^`\n]{0,200})`")
IMPLIED = (
    ("File::Glob", re.compile(rb"(?<![\w$@%&>:])glob\s*[(\"'$@]|<[^<>\s;=*?]*[*?][^<>;=]*>")),
    ("Tie::Hash::NamedCapture", re.compile(rb"\$[+-]\{\s*\w|%[+-](?=\s*[;)])")),
    ("Errno", re.compile(rb"\$!\{|%!(?=\s*[;)])")),
)
"""Modules that the interpreter loads for an operator or a variable (perlfunc, "glob"; perlvar)."""

WORD = re.compile(rb"(?<![\w$@%&])" + MODULE)
BASES = frozenset({"base", "parent", "fields", "if", "aliased", "superclass"})
SUB = re.compile(rb"^\s*sub\s+\w+[^;\n]*\{", re.MULTILINE)

INC = (
    "/etc/perl",
    "/usr/local/lib/site_perl",
    "/usr/share/perl5",
    "/usr/lib/perl5",
    "/usr/share/perl",
    "/usr/lib/perl",
    "/usr/local/share/perl",
    "/usr/local/lib/perl5",
    "/usr/share/perl5/vendor_perl",
    "/usr/share/perl5/core_perl",
    "/usr/lib/perl5/core_perl",
    "/usr/lib/perl5/vendor_perl",
)
INSTALLED = re.compile(r"/usr/|/etc/perl|.*/perl5(/|$)", re.DOTALL)
"""A directory of @INC with installed modules (also of local::lib), rather than the author's own ``lib``."""

PACKAGE = re.compile(rb"^\s*package\s+([A-Za-z_]\w*(?:::\w+)*)", re.MULTILINE)
VERSION = re.compile(r"\d+(?:\.\d+)*|.*-linux.*|perl-base|(?:site|vendor|core)_perl|perl5?")
EVALUATED = re.compile(r"v?\d")


class Perl:
    """The modules that files use. @INC has the directories of the kept modules and those of the
    distributions."""

    name = "perl"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._commands = Commands(files)
        self._roots: tuple[str, ...] | None = None
        self._modules: dict[str, tuple[str, ...]] = {}

    def reads(self, entry: Entry, head: bytes) -> bool:
        if head.startswith(ELF):
            return INTERPRETER.fullmatch(entry.path) is not None
        return entry.path.endswith(ENDINGS) or SCRIPT.match(head) is not None

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        if content.startswith(ELF):
            names = dict.fromkeys(_decoded(match[0]) for match in MODULE_IN_CODE.finditer(content))
            yield from (Mention(0, name, IN_CODE, True) for name in names)
            return
        code = stripped(content)
        starts = _Lines(code)
        seen: set[int] = set()
        for match in STATEMENT.finditer(code):
            how, name = match["how"].decode(), _decoded(match["name"])
            line, late = starts.line(match.start("how")), bool(match["space"])
            seen.add(match.start("how"))
            if EVALUATED.match(name):
                continue
            yield Mention(line, name, how, late and how == "require")
            if name in BASES:
                yield from (Mention(line, word, f"use {name}") for word in _words(match["rest"]))
        for name, pattern in IMPLIED:
            if (first := pattern.search(code)) is not None:
                yield Mention(starts.line(first.start()), name, "operator")
        for pattern in (INNER, FILE):
            for match in pattern.finditer(code):
                if match.start("how") not in seen:
                    yield Mention(
                        starts.line(match.start()), _decoded(match["name"]), match["how"].decode(), True
                    )
        for match in ISA.finditer(code):
            line = starts.line(match.start())
            yield from (Mention(line, word, "@ISA", True) for word in _words(match["rest"]))
        for match in STRING.finditer(code):
            yield Mention(starts.line(match.start()), _decoded(match["name"]), "string", True)
        for match in COMPUTED.finditer(code) if LOADING.search(code) else ():
            yield Mention(starts.line(match.start()), _decoded(match["name"]), PREFIX, True)
        for match in (*COMMAND.finditer(code), *BACKTICKS.finditer(code)):
            yield Mention(starts.line(match.start()), _decoded(match["name"]), "command", True)

    def is_library(self, path: str) -> bool:
        if INTERPRETER.fullmatch(path):
            return True
        installed = (root for root in self.roots if INSTALLED.match(root))
        return any(path.startswith(f"{self._files.physical(root)}/") for root in installed)

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            if mention.how == "command":
                yield from self._commands.of_text(path, mention)
                continue
            if mention.how == PREFIX:
                modules = list(islice(self._matches(path, mention.name.replace("::", "/")), MATCHES + 1))
                for module in modules if len(modules) <= MATCHES else ():
                    name = module.removesuffix(".pm").replace("/", "::")
                    for target in self._find(path, module):
                        yield Import(path, mention.line, name, target, PREFIX, mention.lazy)
                continue
            name = mention.name.replace("'", "::")
            is_file = "/" in name or name.endswith((".pl", ".pm", ".ph"))
            file = name if is_file else name.replace("::", "/") + ".pm"
            targets = self._find(path, file)
            if not targets and mention.how == "string" and "/" in file:
                targets = self._find(path, parent(f"/{file}")[1:] + ".pm")  # a table or class in a module
            for target in targets:
                yield Import(path, mention.line, mention.name, target, mention.how, mention.lazy)
            if not targets and mention.how in ("use", "require"):
                yield MissingImport(
                    path, mention.line, mention.name, (*self._own(path), *self.roots), mention.lazy
                )

    def _matches(self, path: str, beginning: str) -> Iterator[str]:
        """Yield the files of modules whose names begin with a directory's, relative to @INC."""
        for root in (*self._own(path), *self.roots):
            pending = [beginning.rstrip("/")]
            while pending:
                directory = pending.pop()
                for name, entry in self._files.listing(f"{root}/{directory}").items():
                    if name.endswith(".pm"):
                        yield f"{directory}/{name}"
                    elif (
                        entry.kind is Kind.DIRECTORY and directory.count("/") < beginning.count("/") + NESTED
                    ):
                        pending.append(f"{directory}/{name}")

    def _own(self, path: str) -> tuple[str, ...]:
        """Return the directories of an application's own modules: beside the script, and in ``lib`` beside it
        or above."""
        if self.is_library(path):
            return ()
        here = parent(path)
        return tuple(
            dict.fromkeys(
                (
                    here,
                    normal(f"{here}/lib"),
                    normal(f"{parent(here)}/lib"),
                    self._files.environment.directory,
                )
            )
        )

    def _find(self, path: str, file: str) -> tuple[str, ...]:
        for place in self._own(path):
            if self._files.is_file(target := normal(f"{place}/{file}")):
                return (target, *self._beside(file))
        if file not in self._modules:
            self._modules[file] = ()
            for root in self.roots:
                if self._files.is_file(f"{root}/{file}"):
                    self._modules[file] = (f"{root}/{file}", *self._beside(file))
                    break
        return self._modules[file]

    def _beside(self, file: str) -> Iterator[str]:
        """Yield a module's compiled part and its split functions: ``auto/Name/Name.so`` (XSLoader,
        AutoLoader)."""
        for root in self.roots:
            directory = f"{root}/auto/{file.removesuffix('.pm')}"
            names = [
                name
                for name, entry in self._files.listing(directory).items()
                if entry.kind is Kind.FILE and name.endswith((".so", ".al", ".ix", ".bs"))
            ]
            yield from (f"{directory}/{name}" for name in names)
            if names:
                return

    @property
    def roots(self) -> tuple[str, ...]:
        """The existing directories of @INC."""
        if self._roots is None:
            self._roots = tuple(dict.fromkeys(self._inc()))
        return self._roots

    def _inc(self) -> Iterator[str]:
        libraries = self._files.environment.get("PERL5LIB").split(":")
        yield from (normal(path) for path in libraries if path.startswith("/"))
        kept = [path for path in self._files.kept if path.endswith(".pm")]
        for path in sorted(kept):
            match = PACKAGE.search(self._files.text(path))
            suffix = f"/{_decoded(match[1]).replace('::', '/')}.pm" if match else ""
            if suffix and path.endswith(suffix) and path != suffix:
                yield path.removesuffix(suffix)
        for base in (
            *INC,
            *(f"/usr/lib/{name}" for name in self._files.listing("/usr/lib") if "-linux-" in name),
        ):
            yield from self._below(base, 3)

    def _below(self, directory: str, depth: int) -> Iterator[str]:
        """Yield a directory of modules and, in it, those of versions and machines."""
        if depth and self._files.is_directory(directory):
            if not directory.startswith("/usr/lib/") or "perl" in directory:
                # As it is named: perl(1) has the link of a version in @INC, not where it leads.
                yield directory
            for name in sorted(self._files.listing(directory)):
                if VERSION.fullmatch(name):
                    yield from self._below(f"{directory}/{name}", depth - 1)


def stripped(content: bytes) -> bytes:
    """Return the code of a text: everything else becomes blank, and lines keep their numbers."""
    end = END.search(content)
    content = content[: end.start()] if end else content
    content = POD.sub(_blank, content)
    return COMMENT.sub(b"", _without_documents(content))


def _without_documents(content: bytes) -> bytes:
    """Return a text without its here-documents."""
    parts: list[bytes] = []
    done = 0
    for match in islice(HEREDOC.finditer(content), HEREDOCS):
        start = content.find(b"\n", match.end())
        if match.start() < done or start < 0:
            continue
        end = re.compile(rb"^[ \t]*" + re.escape(match["end"]) + rb"$", re.MULTILINE).search(
            content, start + 1
        )
        if end is not None:
            parts += [content[done:start], b"\n" * content.count(b"\n", start, end.start())]
            done = end.end()
    return b"".join((*parts, content[done:]))


def _blank(match: re.Match[bytes]) -> bytes:
    return b"\n" * match[0].count(b"\n")


def _words(rest: bytes) -> Iterator[str]:
    """Yield the names in a list: ``qw(A B)``, ``'A', 'B'``."""
    for match in WORD.finditer(rest.partition(b"=>")[0]):
        if match[0] not in (b"qw", b"norequire"):
            yield _decoded(match[0])


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


class _Lines:
    """Line numbers by offset; offsets may come in any order."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._last = (0, 1)

    def line(self, offset: int) -> int:
        at, line = self._last if self._last[0] <= offset else (0, 1)
        self._last = (offset, line + self._content.count(b"\n", at, offset))
        return self._last[1]
