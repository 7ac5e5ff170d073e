"""PHP: ``include`` and ``require`` of literals, and the classes in Composer's maps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tree_sitter import Node

from tracewhale.languages.commands import Commands
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import Import, Mention, MissingImport
from tracewhale.languages.syntax import Grammar, Ranges, Text
from tracewhale.rootfs.tree import Entry, join, parent

ENDINGS = (".php", ".phtml", ".inc", ".phar", ".module")
SCRIPT = re.compile(rb"#![^\n]*\bphp[\d.]*\b|\s*<\?php")

GRAMMAR = Grammar(
    "tree_sitter_php",
    """
    [(include_expression) (include_once_expression) (require_expression) (require_once_expression)] @include
    [(function_definition) (method_declaration) (anonymous_function) (arrow_function)] @lazy
    (namespace_definition name: (_) @namespace)
    (namespace_use_declaration) @use
    [(qualified_name) (base_clause (name)) (class_interface_clause (name))] @class
    (object_creation_expression (name) @class)
    (scoped_call_expression scope: (name) @class)
    (class_constant_access_expression . (name) @class)
    (named_type (name) @class)
    (function_call_expression function: (name) @function
     arguments: (arguments . (argument [(string) (encapsed_string)] @argument)))
    """,
    "language_php",
)
RUNNING = frozenset({"exec", "shell_exec", "system", "passthru", "popen", "proc_open"})
HERE = re.compile(r"(?:__DIR__|dirname\(__FILE__\))\s*\.\s*")
UP = re.compile(r"dirname\((?:__DIR__|dirname\(__FILE__\))\)\s*\.\s*")
LITERAL = re.compile(r"""(?P<quote>['"])(?P<name>[^'"$\n]{1,300})(?P=quote)""")
NAME = re.compile(r"\\?[A-Za-z_]\w*(?:\\[A-Za-z_]\w*)*")

MAPPING = re.compile(
    rb"""(?P<quote>['"])(?P<key>[^'"\n]{1,300})(?P=quote)\s*=>\s*(?:array\s*\(|\[)?(?P<value>[^\n]{1,2000})"""
)
PLACE = re.compile(
    rb"""\$(?P<base>vendorDir|baseDir)\s*\.\s*(?P<quote>['"])(?P<path>[^'"\n]{0,300})(?P=quote)"""
)
MAPS = ("autoload_classmap.php", "autoload_psr4.php", "autoload_namespaces.php", "autoload_files.php")


class Php:
    """Included files, found in the directory of the file and ``include_path``; classes found by Composer."""

    name = "php"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._commands = Commands(files)
        self._composers: dict[str, Composer | None] = {}

    def reads(self, entry: Entry, head: bytes) -> bool:
        return entry.path.endswith(ENDINGS) or SCRIPT.match(head) is not None

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        if b"<?" not in content:
            return
        text = GRAMMAR.parse(content)
        lazy = Ranges(text.nodes("lazy"))
        for node in text.nodes("include"):
            name = _included(text.text(node).partition(" ")[2] or text.text(node).partition("(")[2])
            if name:
                yield Mention(
                    text.line(node.start_byte), name, node.type.split("_")[0], node.start_byte in lazy
                )
        for function, argument in zip(text.nodes("function"), text.nodes("argument"), strict=False):
            if text.text(function) in RUNNING:
                yield Mention(text.line(function.start_byte), text.text(argument)[1:-1], "command", True)
        yield from _classes(text, lazy)

    def is_library(self, path: str) -> bool:
        return "/vendor/" in path or path.startswith(
            ("/usr/share/php/", "/usr/share/pear/", "/usr/local/lib/php/")
        )

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            if mention.how == "command":
                yield from self._commands.of_text(path, mention)
            elif mention.how == "class":
                composer = self._composer(path)
                names = (mention.name, *mention.parts)
                target = composer and next((file for name in names if (file := composer.find(name))), None)
                if target:
                    yield Import(path, mention.line, mention.name, target, "class", mention.lazy)
            else:
                places = [
                    parent(path),
                    self._files.environment.directory,
                    "/usr/share/php",
                    "/usr/local/lib/php",
                ]
                candidates = [
                    normal(mention.name if mention.name.startswith("/") else f"{place}/{mention.name}")
                    for place in places
                ]
                target = next((candidate for candidate in candidates if self._files.is_file(candidate)), None)
                if target is None:
                    yield MissingImport(path, mention.line, mention.name, tuple(places), mention.lazy)
                    continue
                yield Import(path, mention.line, mention.name, target, mention.how, mention.lazy)
                if target.endswith("/vendor/autoload.php"):
                    yield from self._autoloaded(path, mention, parent(target))

    def _autoloaded(self, path: str, mention: Mention, vendor: str) -> Iterator[Import]:
        """Yield the files that Composer's loader loads at once: its own, and those that packages register."""
        for name in sorted(self._files.listing(f"{vendor}/composer")):
            if name.endswith(".php"):
                yield Import(path, mention.line, mention.name, f"{vendor}/composer/{name}", mention.how)
        composer = self._at(vendor)
        for file in composer.files if composer else ():
            if self._files.is_file(file):
                yield Import(path, mention.line, mention.name, file, "autoload_files.php")

    def _composer(self, path: str) -> Composer | None:
        """Return the maps of the ``vendor`` directory that contains a file, or is beside it."""
        if "/vendor/" in path:
            return self._at(path[: path.rindex("/vendor/")] + "/vendor")
        here = parent(path)
        while True:
            if vendor := self._at(join(here, "vendor")):
                return vendor
            if here == "/":
                return None
            here = parent(here)

    def _at(self, vendor: str) -> Composer | None:
        if vendor not in self._composers:
            exists = self._files.is_directory(f"{vendor}/composer")
            self._composers[vendor] = Composer(self._files, vendor) if exists else None
        return self._composers[vendor]


class Composer:
    """The maps of one ``vendor`` directory: classes to files, name spaces to directories (PSR-4, PSR-0)."""

    def __init__(self, files: Files, vendor: str) -> None:
        self._files = files
        classes, spaces, old, extra = (
            {}
            if not files.is_file(f"{vendor}/composer/{name}")
            else dict(_entries(files.text(f"{vendor}/composer/{name}"), vendor))
            for name in MAPS
        )
        self._classes = {name: places[0] for name, places in classes.items() if places}
        self._spaces = spaces
        self._old = old
        self.files = [place for places in extra.values() for place in places]

    def find(self, name: str) -> str | None:
        """Return the file of a class by its full name."""
        if name in self._classes:
            return self._classes[name] if self._files.is_file(self._classes[name]) else None
        for spaces, cut in ((self._spaces, True), (self._old, False)):
            prefix = name
            while prefix:
                prefix = prefix[: prefix.rfind("\\", 0, -1) + 1]
                rest = name[len(prefix) if cut else 0 :].replace("\\", "/")
                for place in spaces.get(prefix, ()):
                    if self._files.is_file(f"{place}/{rest}.php"):
                        return f"{place}/{rest}.php"
        return None


def _entries(content: bytes, vendor: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the entries of a map that Composer generates: a key, and paths below two directories."""
    bases = {b"vendorDir": vendor, b"baseDir": parent(vendor)}
    for match in MAPPING.finditer(content):
        places = [
            normal(bases[place["base"]] + place["path"].decode("utf-8", "surrogateescape"))
            for place in PLACE.finditer(match["value"])
        ]
        yield match["key"].decode("utf-8", "surrogateescape").replace("\\\\", "\\"), places


def _included(expression: str) -> str:
    """Return the path of an include: a literal, alone or after ``__DIR__``; nothing if it is computed."""
    expression = expression.strip().lstrip("(").rstrip(";) ")
    up = UP.match(expression)
    here = HERE.match(expression)
    rest = expression[up.end() if up else here.end() if here else 0 :]
    literal = LITERAL.fullmatch(rest.strip())
    if literal is None:
        return ""
    return (".." if up else "." if here else "") + literal["name"]


def _classes(text: Text, lazy: Ranges) -> Iterator[Mention]:
    """Yield the full names of classes in a file: imported, qualified, or in its own name space."""
    spaces = text.nodes("namespace")
    space = text.text(spaces[0]) + "\\" if spaces else ""
    aliases: dict[str, str] = {}
    for node in text.nodes("use"):
        for alias, name in _uses(text.text(node)):
            aliases[alias] = name
            yield Mention(text.line(node.start_byte), name, "class", True)
    seen: set[str] = set()
    for node in text.nodes("class"):
        for name in NAME.findall(text.text(node)):
            if name in ("extends", "implements") or name in seen:
                continue
            seen.add(name)
            first, _, rest = name.partition("\\")
            full = (
                name[1:] if name.startswith("\\") else aliases.get(first, "") + ("\\" + rest if rest else "")
            )
            if not full.startswith("\\") and full and full != "\\" + rest:
                yield Mention(text.line(node.start_byte), full, "class", _is_late(node, lazy))
            else:
                yield Mention(text.line(node.start_byte), space + name, "class", _is_late(node, lazy))


def _is_late(node: Node, lazy: Ranges) -> bool:
    return node.start_byte in lazy or node.type not in ("base_clause", "class_interface_clause")


def _uses(statement: str) -> Iterator[tuple[str, str]]:
    """Yield the aliases and full names of ``use A\\B, C as D;`` and ``use A\\{B, C};``."""
    body = re.sub(r"^use\s+(?:function\s+|const\s+)?", "", statement.strip()).rstrip(";")
    prefix, brace, group = body.partition("{")
    for part in (group.rstrip("} ") if brace else body).split(","):
        name, _, alias = part.strip().partition(" as ")
        full = (prefix.strip() if brace else "") + name.strip()
        if NAME.fullmatch(full):
            yield alias.strip() or full.rpartition("\\")[2], full.lstrip("\\")
