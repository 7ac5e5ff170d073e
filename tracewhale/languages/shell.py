"""Shell scripts: commands, sourced files, absolute paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tree_sitter import Node

from tracewhale.languages.commands import Commands
from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import Import, Mention, MissingImport
from tracewhale.languages.syntax import Grammar, Ranges, Text
from tracewhale.rootfs.tree import Entry, join, parent

SCRIPT = re.compile(rb"#![ \t]*(?:\S*/)?(?:env[ \t]+(?:-S[ \t]+)?(?:\S*/)?)?(?:ba|da|a|k|mk|z)?sh\b")
ENV = re.compile(rb"#![ \t]*\S*/env[ \t]+(?:-S[ \t]+)?(?:\w+=\S*[ \t]+)*([\w./+-]+)")

GRAMMAR = Grammar(
    "tree_sitter_bash",
    """
    (command) @command
    (function_definition name: (word) @function body: (_) @lazy)
    [(if_statement) (case_statement) (while_statement) (list)] @lazy
    (word) @word
    """,
)

BUILTINS = frozenset(
    ". : [ [[ alias bg bind break builtin caller cd command compgen complete continue declare dirs "
    "disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let local "
    "logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt source suspend "
    "test time times trap true type typeset ulimit umask unalias unset wait".split()
)
"""Commands that are built into a shell (bash(1), dash(1))."""

WRAPPERS = frozenset(
    "chroot command doas env exec flock gosu ionice nice nohup runuser setpriv setsid stdbuf su-exec "
    "sudo tini dumb-init time timeout xargs".split()
)
"""Commands with another command as an argument, after options and other words."""

FIND_ACTIONS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
"""Words of find(1) that precede a command."""

WRAPPED = 4
"""The most words of a wrapper before its command."""

PARAMETER = re.compile(r"-|\w+=|\d+\w?$|[\w-]+:[\w-]+$|/\S*\.lock$")
"""An option of a wrapper, a variable that it sets, a duration, a user and group, a lock."""

SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})
SYSTEM = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/share/", "/bin/", "/sbin/", "/lib/")
NESTED = 3
"""The deepest nesting of scripts in strings (``sh -c '...'``) that is read."""

MATCHES = 100
"""The most files that one pattern names."""

SETTING = ("variable_assignment", "heredoc_redirect", "file_redirect")
VARIABLE = re.compile(r"\$\w+|\$\{[^}]*\}|\$\([^)]*\)|`[^`]*`|\$[@*#?0-9]")
ABSOLUTE = re.compile(r"/[\w.+@-]+(?:/[\w.+@-]+)+")


class Shell:
    """The programs and files that a script runs and reads. Commands in a branch or a function are lazy."""

    name = "shell"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._commands = Commands(files)
        self._sourced: set[str] = set()

    def reads(self, entry: Entry, head: bytes) -> bool:
        return SCRIPT.match(head) is not None or ENV.match(head) is not None or self._is_script(entry.path)

    def _is_script(self, path: str) -> bool:
        return path.endswith(".sh") or path in self._sourced

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        if (run := ENV.match(content)) is not None:
            yield Mention(1, run[1].decode("utf-8", "surrogateescape"), "command")
        if SCRIPT.match(content) is not None or self._is_script(path):
            yield from script(content)

    def is_library(self, path: str) -> bool:
        return path.startswith(SYSTEM)

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            if mention.how == "command":
                yield from self._commands.of_text(path, mention)
                continue
            places = [mention.name]
            if not mention.name.startswith("/"):
                starts = (parent(path), self._files.environment.directory)
                places = [normal(f"{place}/{mention.name}") for place in starts]
            targets = next((files for place in places if (files := self._matches(place))), [])
            for target in targets:
                if mention.how == "source":
                    self._sourced.add(self._files.physical(target))
                yield Import(path, mention.line, mention.name, target, mention.how, mention.lazy)
            if not targets and mention.how == "source" and "*" not in mention.name:
                yield MissingImport(path, mention.line, mention.name, tuple(places), mention.lazy)

    def _matches(self, place: str) -> list[str]:
        """Return a file, or the files in a directory that match a pattern."""
        if "*" not in place:
            return [place] if self._files.is_file(place) else []
        directory = parent(place)
        if "*" in directory:
            return []
        pattern = re.compile(".*".join(map(re.escape, place.rpartition("/")[2].split("*"))), re.DOTALL)
        names = (name for name in sorted(self._files.listing(directory)) if pattern.fullmatch(name))
        return [path for name in names if self._files.is_file(path := join(directory, name))][:MATCHES]


def script(content: bytes, first: int = 0, depth: int = 0) -> Iterator[Mention]:
    """Yield the mentions of a script; ``first`` is the number of lines before it."""
    text = GRAMMAR.parse(content)
    functions = {text.text(node) for node in text.nodes("function")}
    lazy = Ranges(text.nodes("lazy"))
    for node in text.nodes("command"):
        words = [text.text(child) for child in node.children if child.type not in SETTING]
        line = first + text.line(node.start_byte)
        late = node.start_byte in lazy or depth > 0
        yield from _command(words, functions, line, late)
        if depth < NESTED:
            yield from _nested(text, node, words, line, depth)
    for node in text.nodes("word"):
        word = text.text(node)
        if ABSOLUTE.fullmatch(word):
            yield Mention(first + text.line(node.start_byte), word, "path", True)


def _command(words: list[str], functions: set[str], line: int, late: bool) -> Iterator[Mention]:
    """Yield the command in some words, and the command that it wraps."""
    while words:
        name = _plain(words[0])
        if name in (".", "source") and len(words) > 1:
            yield Mention(line, _pattern(words[1]), "source", late)
            return
        if name and name not in BUILTINS and name not in functions:
            yield Mention(line, name, "command", late)
        if name.rpartition("/")[2] == "find":
            for at, word in enumerate(words[:-1]):
                if word in FIND_ACTIONS:
                    yield from _command(words[at + 1 :], functions, line, late)
        if name.rpartition("/")[2] not in WRAPPERS:
            return
        after = range(1, min(len(words), WRAPPED + 1))
        words = next((words[at:] for at in after if not PARAMETER.match(words[at])), [])


def _nested(text: Text, node: Node, words: list[str], line: int, depth: int) -> Iterator[Mention]:
    """Yield the commands in ``sh -c 'script'``, ``trap 'script' SIGNAL`` and ``eval 'script'``."""
    names = {_plain(word).rpartition("/")[2] for word in words}
    is_shell = bool(names & SHELLS) and any(re.fullmatch(r"-\w*c", word) for word in words)
    if is_shell or names & {"trap", "eval"}:
        for child in node.children:
            if child.type in ("string", "raw_string"):
                yield from script(text.bytes(child)[1:-1], line - 1, depth + 1)
                return


def _pattern(word: str) -> str:
    """Return a word without its quotes, with ``*`` for each part that is composed at run time; nothing if the
    other parts have almost no letters."""
    pattern = VARIABLE.sub("*", word.replace('"', "").replace("'", ""))
    rest = pattern.removeprefix("*/")
    return _plain(word) if "*" not in pattern else rest if re.match(r"[^*]*\w", rest) else ""


def _plain(word: str) -> str:
    """Return a word without its quotes; nothing if it is composed at run time."""
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        word = word[1:-1]
    return "" if any(sign in word for sign in "$`*?{(\"'\\ \n") else word
