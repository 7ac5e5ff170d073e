"""JavaScript and TypeScript in Node: modules as ``require`` and ``import`` resolve them (its "Modules")."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from tree_sitter import Node

from tracewhale.languages.commands import Commands
from tracewhale.languages.excerpt import has_any, matches_at, without
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import PREFIX, Import, Mention, MissingImport
from tracewhale.languages.syntax import Grammar, Ranges
from tracewhale.rootfs.tree import Entry, Kind, parent

SCRIPT = re.compile(rb"#![^\n]*\b(node|nodejs|bun|deno)\b")
SCRIPTS = (".js", ".cjs", ".mjs", ".jsx")
TYPED = (".ts", ".cts", ".mts", ".tsx")
SUFFIXES = (".js", ".json", ".node", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")
"""Suffixes to try after a name: ``require``'s own, and those of common loaders."""

QUERY = """
    [(function_declaration) (function_expression) (arrow_function) (method_definition)
     (generator_function_declaration)] @lazy
    (call_expression function: [(function_expression) (parenthesized_expression
     [(function_expression) (arrow_function)])] @called)
    (call_expression function: (member_expression object: [(function_expression) (parenthesized_expression
     (function_expression))] @called))
"""
GRAMMAR = Grammar("tree_sitter_javascript", QUERY)
TYPESCRIPT = Grammar("tree_sitter_typescript", QUERY, "language_typescript")
TSX = Grammar("tree_sitter_typescript", QUERY, "language_tsx")

CALL = re.compile(
    rb"""\b(?P<how>require(?:\.resolve)?|import(?:\.meta\.resolve)?|__non_webpack_require__)\s*\(\s*
    (?:/\*.{0,200}?\*/\s*)?
    (?P<quote>["'`])(?P<name>[^"'`$\\\n]{1,300})(?P=quote)""",
    re.VERBOSE | re.DOTALL,
)
STATEMENT = re.compile(
    rb"""\b(?P<how>import|from)\s*(?P<quote>["'])(?P<name>[^"'\\\n]{1,300})(?P=quote)""", re.VERBOSE
)
COMMAND = re.compile(
    rb"""\b(?:spawn|spawnSync|exec|execSync|execFile|execFileSync|execa|execaSync)\s*\(\s*
    (?P<quote>["'`])(?P<name>[\w./+-](?:(?!(?P=quote))[^\n]){0,300})(?P=quote)""",
    re.VERBOSE,
)
PATH = re.compile(
    rb"""\b(?:join|resolve)\s*\(\s*__dirname\s*,\s*
    (?P<quote>["'])(?P<name>[^"'\\\n]{1,300})(?P=quote)\s*\)""",
    re.VERBOSE,
)
JOINED = re.compile(
    rb"""(?P<quote>["'])(?P<name>\.{1,2}/[\w./@-]{0,200})(?P=quote)\s*\+
    |`(?P<template>\.{1,2}/[\w./@-]{0,200})\$\{
    |\b__dirname\s*(?:\+\s*|,\s*)(?P<mark>["'])(?P<below>/?[\w./@-]{1,200})(?P=mark)\s*[+,]""",
    re.VERBOSE,
)
"""The known beginning of a relative path that is put together: ``'./locale/' + name``."""
OPENING = re.compile(rb"\{[ \t]*\n")
INDENTATION = re.compile(rb"[ \t]{0,80}")
PLATFORMS, NATIVE_FILES = 100, 500
"""The most optional dependencies of a package that are looked up, and the most files of machine code in
them."""

BRACKETS = ((b"(", b")"), (b"[", b"]"), (b"{", b"}"), (b"/*", b"*/"))

WORDS = {
    CALL: (b"require", b"import", b"__non_webpack_require__"),
    STATEMENT: (b"import", b"from"),
    PATH: (b"join", b"resolve"),
    COMMAND: (b"spawn", b"exec"),
    JOINED: (b"'.", b'".', b"`.", b"__dirname"),
}
"""The beginnings of what each pattern matches."""

QUOTES = frozenset({"'", '"', "`", "string", "template_string", "identifier"})

CODE = frozenset({"identifier", "property_identifier", "import", "from", "meta_property", "call_expression"})

BUILTIN = frozenset(
    "assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel "
    "dns domain events fs http http2 https inspector module net os path perf_hooks process punycode "
    "querystring readline repl sea sqlite stream string_decoder sys test timers tls trace_events tty "
    "url util v8 vm wasi worker_threads zlib".split()
)
REQUIRING = ("node", "require", "module-sync", "default")
IMPORTING = ("node", "import", "module-sync", "default")
GLOBAL = ("/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs", "/usr/lib/nodejs")
DEPTH = 8


class JavaScript:
    """Modules named by literals; the conditions of ``exports`` are those of the construct."""

    name = "javascript"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._commands = Commands(files)
        self._manifests: dict[str, dict[str, Any]] = {}
        self._natives: dict[str, list[str]] = {}

    def reads(self, entry: Entry, head: bytes) -> bool:
        return entry.path.endswith((*SCRIPTS, *TYPED)) or SCRIPT.match(head) is not None

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        matches = [match for pattern in WORDS for match in matches_at(pattern, content, WORDS[pattern])]
        if not matches or path.endswith((".d.ts", ".d.mts", ".d.cts")):
            return
        grammar = TSX if path.endswith(".tsx") else TYPESCRIPT if path.endswith(TYPED) else GRAMMAR
        positions = sorted(match.start() for match in matches)
        text = grammar.parse(content, without(content, _bodies(content, positions)))
        called = {_inner(node) for node in text.nodes("called")}
        lazy = Ranges(node for node in text.nodes("lazy") if node.start_byte not in called)
        for match in matches:
            at = match.start()
            if match.re is JOINED:
                if text.type_at(at, at + 1) in QUOTES:
                    start = match["name"] or match["template"] or b"./" + match["below"].lstrip(b"/")
                    yield Mention(text.line(at), start.decode("utf-8", "surrogateescape"), PREFIX, True)
                continue
            word_end = at + len(re.match(rb"\w+", match[0])[0])  # type: ignore[index]
            if text.type_at(at, word_end) not in CODE:
                continue
            how = "command" if match.re is COMMAND else "path" if match.re is PATH else match["how"].decode()
            name = match["name"].decode("utf-8", "surrogateescape")
            yield Mention(text.line(at), name, how, text.place(at) in lazy or how in ("path", "command"))

    def is_library(self, path: str) -> bool:
        return "/node_modules/" in path

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            if mention.how == "command":
                yield from self._commands.of_text(path, mention)
                continue
            if mention.how == PREFIX:
                yield from self._beginning(path, mention)
                continue
            name = mention.name.partition("?")[0] if mention.how in ("import", "from") else mention.name
            if mention.how == "path":
                targets, places = self._at(normal(f"{parent(path)}/{name}")), [parent(path)]
            elif name.startswith("node:") or name.split("/")[0] in BUILTIN or ":" in name:
                continue
            else:
                conditions = REQUIRING if mention.how.startswith("require") else IMPORTING
                targets, places = self._module(path, name, conditions)
            for target in targets:
                yield Import(path, mention.line, mention.name, target, mention.how, mention.lazy)
            if not targets and mention.how != "path":
                yield MissingImport(path, mention.line, mention.name, tuple(places), mention.lazy)

    def _beginning(self, path: str, mention: Mention) -> Iterator[Import]:
        """Yield the modules of a directory whose relative names have a known beginning."""
        start = f"{parent(path)}/{mention.name}"
        directory, _, stem = start.rpartition("/")
        for name, entry in self._files.listing(normal(directory)).items():
            if name.startswith(stem) and (entry.kind is Kind.DIRECTORY or name.endswith(SUFFIXES)):
                for target in self._at(normal(f"{directory}/{name}")):
                    if target != path:
                        yield Import(path, mention.line, mention.name, target, PREFIX, True)

    def _module(self, path: str, name: str, conditions: tuple[str, ...]) -> tuple[list[str], list[str]]:
        """Return the files for a name, the manifests on the way, and the searched places."""
        here = parent(path)
        if name.startswith(("./", "../", "/")) or name in (".", ".."):
            place = normal(name if name.startswith("/") else f"{here}/{name}")
            return self._at(place), [place]
        scope, manifest = self._scope(here)
        if name.startswith("#"):
            target = _matched(manifest.get("imports"), name, conditions)
            return (self._target(scope, target, conditions, path), [scope])
        parts = name.split("/")
        package = "/".join(parts[: 2 if name.startswith("@") else 1])
        rest = "." + name[len(package) :]
        if manifest.get("name") == package and "exports" in manifest:
            return self._exported(scope, manifest, rest, conditions), [scope]
        places = [place for place in self._places(here) if self._files.is_directory(place)]
        for place in places:
            root = f"{place}/{package}"
            if self._files.is_directory(root):
                files = self._package(self._files.physical(root), rest, conditions)
                return ([root, *files] if files else []), places
            if rest == "." and (files := self._at(root)):
                return files, places
        return [], places

    def _places(self, directory: str) -> Iterator[str]:
        while True:
            if not directory.endswith("/node_modules"):
                yield normal(f"{directory}/node_modules")
            if directory == "/":
                break
            directory = parent(directory)
        yield from (p for p in self._files.environment.get("NODE_PATH").split(":") if p.startswith("/"))
        yield from GLOBAL

    def _package(self, root: str, rest: str, conditions: tuple[str, ...]) -> list[str]:
        manifest = self._manifest(root)
        own = [f"{root}/package.json"] if manifest else []
        if "exports" in manifest:
            files = self._exported(root, manifest, rest, conditions)
        else:
            files = self._at(normal(f"{root}/{rest}"))
        if files and root not in self._natives:
            self._natives[root] = list(islice(self._for_platform(root, manifest), NATIVE_FILES))
        return [*own, *files, *self._natives[root]] if files else []

    def _for_platform(self, root: str, manifest: dict[str, Any]) -> Iterator[str]:
        """Yield the machine code of installed optional dependencies of a package that are for one platform
        (package.json, "optionalDependencies", "cpu"): a package loads them by computed names."""
        names = manifest.get("optionalDependencies")
        for name in islice(names, PLATFORMS) if isinstance(names, dict) else ():
            homes = (normal(f"{place}/{name}") for place in self._places(root))
            home = next(filter(self._files.is_directory, homes), "")
            if home and "cpu" in self._manifest(home):
                yield f"{home}/package.json"
                inner = [home, *(f"{home}/{name}" for name in self._files.listing(home))]
                files = (f"{place}/{name}" for place in inner for name in self._files.listing(place))
                yield from (file for file in files if file.endswith(".node") or parent(file) == f"{home}/bin")

    def _exported(
        self, root: str, manifest: dict[str, Any], rest: str, conditions: tuple[str, ...]
    ) -> list[str]:
        target = _matched(manifest["exports"], rest, conditions)
        return self._at(normal(f"{root}/{target}")) if target.startswith("./") else []

    def _target(self, root: str, target: str, conditions: tuple[str, ...], path: str) -> list[str]:
        if target.startswith("./"):
            return self._at(normal(f"{root}/{target}"))
        return self._module(path, target, conditions)[0] if target and not target.startswith("#") else []

    def _scope(self, directory: str) -> tuple[str, dict[str, Any]]:
        """Return the nearest directory above that has a manifest."""
        while (
            not (manifest := self._manifest(directory))
            and directory != "/"
            and not directory.endswith("/node_modules")
        ):
            directory = parent(directory)
        return directory, manifest

    def _manifest(self, root: str) -> dict[str, Any]:
        if root not in self._manifests:
            try:
                manifest = json.loads(self._files.text(f"{root}/package.json") or b"{}")
            except (ValueError, RecursionError):
                manifest = {}
            self._manifests[root] = manifest if isinstance(manifest, dict) else {}
        return self._manifests[root]

    def _at(self, place: str, depth: int = 0) -> list[str]:
        """Return a file as named, with a suffix, or the main file of a directory (LOAD_AS_FILE)."""
        if self._files.is_file(place):
            return [place]
        for suffix in SUFFIXES:
            if self._files.is_file(place + suffix):
                return [place + suffix]
        stem, dot, suffix = place.rpartition(".")
        typed = f"{stem}.{suffix.replace('js', 'ts')}"
        if dot and suffix in ("js", "mjs", "cjs", "jsx") and self._files.is_file(typed):
            return [typed]
        if not self._files.is_directory(place) or depth > 1:
            return []
        manifest = self._manifest(place)
        main = manifest.get("main")
        if isinstance(main, str) and (files := self._at(normal(f"{place}/{main}"), depth + 1)):
            return [f"{place}/package.json", *files]
        indexes = (f"{place}/index{suffix}" for suffix in SUFFIXES)
        return [index for index in indexes if self._files.is_file(index)][:1]


def _bodies(content: bytes, positions: Sequence[int]) -> Iterator[tuple[int, int, bytes]]:
    """Yield what is in braces without any of the positions, where the lines of both are indented alike: code
    without it is as correct as before."""
    begin = 0
    while (match := OPENING.search(content, begin)) is not None:
        start = begin = match.end() - 1
        line = content.rfind(b"\n", 0, match.start()) + 1
        indentation = INDENTATION.match(content, line)
        last = _last(len(indentation[0]) if indentation else 0).search(content, start)
        if last is not None and last["end"] is not None:
            end = last.start()
            if not has_any(positions, start, end) and _is_whole(content[start:end]):
                yield start, end, b""
                begin = end


@cache
def _last(indentation: int) -> re.Pattern[bytes]:
    """Return the pattern of the first line of a block with an indentation that is not larger than that of its
    own. It is a brace with the same one if the block is as it looks."""
    return re.compile(rb"\n(?:(?P<end>[ \t]{%d}\})|[ \t]{0,%d}\S)" % (indentation, indentation))


def _is_whole(piece: bytes) -> bool:
    """Return whether a piece of a text leaves no bracket, comment or template open."""
    return piece.count(b"`") % 2 == 0 and all(
        piece.count(left) == piece.count(right) for left, right in BRACKETS
    )


def _inner(node: Node) -> int:
    """Return the first byte of a function that is called where it is defined, as bundles wrap a module: it is
    executed when its file is loaded."""
    inner = node.named_child(0) if node.type == "parenthesized_expression" else node
    return node.start_byte if inner is None else inner.start_byte


def _matched(table: Any, name: str, conditions: tuple[str, ...]) -> str:
    """Return the result of ``exports`` or ``imports`` for a name (PACKAGE_EXPORTS_RESOLVE), or nothing."""
    if not isinstance(table, dict) or not any(key.startswith((".", "#")) for key in table):
        return _conditional(table, conditions) if name == "." else ""
    if name in table:
        return _conditional(table[name], conditions)
    best, filling = "", ""
    for key in table:
        before, star, after = key.partition("*")
        fits = star and name.startswith(before) and name.endswith(after) and len(name) >= len(key) - 1
        if fits and len(before) > len(best.partition("*")[0]):
            best, filling = key, name[len(before) : len(name) - len(after)]
    return _conditional(table[best], conditions).replace("*", filling) if best else ""


def _conditional(target: Any, conditions: tuple[str, ...], depth: int = 0) -> str:
    if isinstance(target, str):
        return target
    if depth > DEPTH:
        return ""
    values = target if isinstance(target, list) else []
    if isinstance(target, dict):
        values = [value for key, value in target.items() if key in conditions]
    return next((branch for value in values if (branch := _conditional(value, conditions, depth + 1))), "")
