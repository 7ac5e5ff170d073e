"""Ruby: ``require`` along the load path and the installed gems, ``require_relative``, ``autoload``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from tree_sitter import Node

from tracewhale.languages.commands import Commands
from tracewhale.languages.excerpt import has_any, occurrences, outside_comments, without
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import Import, Mention, MissingImport
from tracewhale.languages.syntax import Grammar, Ranges, Text
from tracewhale.rootfs.tree import Entry, Kind, parent

SCRIPT = re.compile(rb"#![^\n]*\b(j?ruby|truffleruby)[\d.]*\b")
NAMES = (".rb", ".ru", ".rake", ".gemspec", "/Rakefile", "/Gemfile")

GRAMMAR = Grammar(
    "tree_sitter_ruby",
    """
    (call method: (identifier) @method arguments: (argument_list)) @call
    [(method) (singleton_method) (lambda)] @lazy
    (subshell (string_content) @shell)
    """,
)
REQUIRING = frozenset({"require", "require_relative", "load", "autoload", "require_dependency"})
RUNNING = frozenset({"system", "exec", "spawn", "popen", "capture2", "capture2e", "capture3"})
WORDS = (b"require", b"load", b"system", b"exec", b"spawn", b"popen", b"capture", b"`", b"%x")
"""Words of which one is near every name in a text."""

COMMENT = re.compile(rb"[ \t]*#(?!\{)")
BLOCK = re.compile(rb"\n([ \t]{0,80})(?:def|class|module)\b")
"""The end of a line, and the beginning of a method, class or module."""

STANDARD = re.compile(
    r"(.*/(?:lib/ruby|lib/[\w-]+/ruby)/(?:(?:site_ruby|vendor_ruby)(?:/\d[\d.]*)?|\d[\d.]*))(?=/|$)"
)
"""A directory of Ruby's own libraries: of its version, the site or the distribution."""

GEM = re.compile(r"(?P<home>.*)/gems/(?P<gem>[\w.-]+-\d[\w.]*(?:-[\w.-]+)?)(?=/)")
PLATFORM = re.compile(r"[\w.]+-linux(?:-\w+)?")
SUFFIXES = (".rb", ".so")


class Ruby:
    """The files that Ruby files require; an ``autoload`` without a path names a file by ActiveSupport's
    convention."""

    name = "ruby"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._commands = Commands(files)
        self._modules: dict[str, tuple[str, ...]] = {}
        self._roots: tuple[str, ...] | None = None

    def reads(self, entry: Entry, head: bytes) -> bool:
        return entry.path.endswith(NAMES) or SCRIPT.match(head) is not None

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        positions = list(outside_comments(content, occurrences(content, WORDS), COMMENT))
        if not positions:
            return
        text = GRAMMAR.parse(content, without(content, _blocks(content, positions)))
        lazy = Ranges(text.nodes("lazy"))
        for node in text.nodes("shell"):
            yield Mention(text.line(text.offset(node)), text.text(node), "command", True)
        for node in text.nodes("call"):
            method = node.child_by_field_name("method")
            how = text.text(method) if method else ""
            if how in RUNNING or how in REQUIRING:
                yield from self._call(text, node, how, node.start_byte in lazy)

    def _call(self, text: Text, node: Node, how: str, late: bool) -> Iterator[Mention]:
        arguments = node.child_by_field_name("arguments")
        values = arguments.named_children if arguments else []
        line = text.line(text.offset(node))
        strings = [_literal(text, value) for value in values]
        if how in RUNNING:
            if strings and strings[0]:
                yield Mention(line, strings[0], "command", True)
        elif how == "autoload" and len(values) == 1 and values[0].type == "simple_symbol":
            modules = _nesting(text, node)
            name = "/".join(_underscored(part) for part in (*modules, text.text(values[0])[1:]))
            yield Mention(line, name, how, True)
        elif strings and strings[-1]:
            yield Mention(line, strings[-1], how, late or how == "autoload")

    def is_library(self, path: str) -> bool:
        return STANDARD.match(path) is not None or GEM.match(path) is not None

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            if mention.how == "command":
                yield from self._commands.of_text(path, mention)
                continue
            targets: tuple[str, ...]
            places: tuple[str, ...]
            relative = mention.how == "require_relative" or mention.name.startswith(("./", "../"))
            if relative or mention.name.startswith("/"):
                name = mention.name if mention.name.startswith("/") else f"{parent(path)}/{mention.name}"
                targets, places = _with_suffix(self._files, normal(name)), (parent(path),)
            else:
                places = (*self._own(path), *self.roots)
                targets = self._require(path, mention.name)
            for target in targets:
                yield Import(path, mention.line, mention.name, target, mention.how, mention.lazy)
            if not targets:
                yield MissingImport(path, mention.line, mention.name, places, mention.lazy)

    def _own(self, path: str) -> tuple[str, ...]:
        """Return the directories on the load path that belong to a file's own gem or application."""
        gem = GEM.match(path)
        if gem:
            return (f"{gem[0]}/lib",)
        if STANDARD.match(path):
            return ()
        directory = self._files.environment.directory
        return tuple(dict.fromkeys((normal(f"{directory}/lib"), normal(directory), parent(path))))

    def _require(self, path: str, name: str) -> tuple[str, ...]:
        for place in self._own(path):
            if own := _with_suffix(self._files, normal(f"{place}/{name}")):
                return own
        if name not in self._modules:
            files: tuple[str, ...] = ()
            for place in self.roots:
                if files := _with_suffix(self._files, f"{place}/{name}"):
                    break
            self._modules[name] = files
        return self._modules[name]

    @property
    def roots(self) -> tuple[str, ...]:
        """The load path: RUBYLIB, the directories of Ruby, then the installed gems, those in use first."""
        if self._roots is None:
            self._roots = tuple(dict.fromkeys(self._load_path()))
        return self._roots

    def _load_path(self) -> Iterator[str]:
        yield from (p for p in self._files.environment.get("RUBYLIB").split(":") if p.startswith("/"))
        matches = [match for path in self._files.kept if (match := STANDARD.match(path))]
        for directory in sorted({match[1] for match in matches}):
            yield directory
            yield from self._platforms(directory)
        gems = {match[0]: match["home"] for path in self._files.kept if (match := GEM.match(path))}
        homes = dict.fromkeys(sorted(gems.values()))
        for gem in sorted(gems):
            yield from self._gem(gem, gems[gem])
        for home in homes:
            for name in sorted(self._files.listing(f"{home}/gems"), reverse=True):
                yield from self._gem(f"{home}/gems/{name}", home)

    def _platforms(self, directory: str) -> Iterator[str]:
        for name, entry in sorted(self._files.listing(directory).items()):
            if entry.kind is Kind.DIRECTORY and PLATFORM.fullmatch(name):
                yield f"{directory}/{name}"

    def _gem(self, gem: str, home: str) -> Iterator[str]:
        yield f"{gem}/lib"
        for platform in self._files.listing(f"{home}/extensions"):
            for version in self._files.listing(f"{home}/extensions/{platform}"):
                extension = f"{home}/extensions/{platform}/{version}/{gem.rpartition('/')[2]}"
                if self._files.is_directory(extension):
                    yield extension


def _blocks(content: bytes, positions: Sequence[int]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the methods, classes and modules without any of the positions, as their lines are indented."""
    begin = 0
    while (match := BLOCK.search(content, begin)) is not None:
        start, begin = match.start() + 1, match.end()
        last = _last(len(match[1])).search(content, begin)
        if last is not None and last["end"] and not has_any(positions, start, last.end()):
            yield start, last.end(), b""
            begin = last.end()


@cache
def _last(indentation: int) -> re.Pattern[bytes]:
    """Return the pattern of the first line after a block's own with an indentation that is not larger. It
    is an ``end`` with the same one if the block is as it looks."""
    return re.compile(
        rb"\n(?:(?P<end>[ \t]{%d}end\b)|[ \t]{0,%d}(?!(?:rescue|ensure|else)\b)[^\s#])"
        % (indentation, indentation)
    )


def _with_suffix(files: Files, place: str) -> tuple[str, ...]:
    """Return the file that ``require`` loads for a path without a suffix, or with one."""
    if place.endswith((".rb", ".so")) and files.is_file(place):
        return (place,)
    return next(((place + suffix,) for suffix in SUFFIXES if files.is_file(place + suffix)), ())


def _literal(text: Text, node: Node) -> str:
    """Return the contents of a string without interpolation; nothing for ``File.join(__dir__, "x")``."""
    if node.type != "string" or any(child.type == "interpolation" for child in node.named_children):
        return ""
    return "".join(text.text(child) for child in node.named_children if child.type == "string_content")


def _nesting(text: Text, node: Node) -> list[str]:
    """Return the names of the modules and classes around a node, outermost first."""
    names: list[str] = []
    above = node.parent
    while above is not None and len(names) < 16:
        if above.type in ("module", "class") and (name := above.child_by_field_name("name")):
            names.append(text.text(name))
        above = above.parent
    return [part for name in reversed(names) for part in name.split("::")]


def _underscored(name: str) -> str:
    """Return a constant's name as a file name (ActiveSupport, ``underscore``)."""
    name = re.sub(r"([A-Z\d]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", name).lower()
