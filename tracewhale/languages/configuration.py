"""Command lines in configuration: of supervisors, schedulers, playbooks, ``package.json``, make and others.

Only the author's own files count. The formats differ, but a command line is the value of a key that says so
(``command = ...``, ``shell: ...``), the rest of a line of a crontab or a Procfile, or a line of a recipe.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator

from tracewhale.languages.commands import Commands
from tracewhale.languages.files import Files
from tracewhale.languages.model import Import, Mention, MissingImport
from tracewhale.rootfs.tree import Entry

NAME = re.compile(
    r".*(?:\.(?:ya?ml|ini|conf|cfg|toml|json|service|timer|mk|just)|/(?:Procfile|Makefile|Justfile|crontab)"
    r"|/cron\.d/[^/]+|/crontabs/[^/]+|[./-]cron(?:tab)?)",
    re.DOTALL,
)
LIBRARY = re.compile(
    r"/usr/(?!local/(?!lib)|src/)|.*/(?:node_modules|(?:site|dist)-packages|gems|vendor)/", re.DOTALL
)
"""Paths of files that come with packages."""

KEY = re.compile(
    rb"""^(?P<indent>[\t ]*)(?:-[ ]+)?["']?(?:[\w.-]{0,60}[._-])?
    (?:commands?|cmd|shell|(?:before_|after_)?scripts?|exec\w{0,20}|run|entrypoint|program
    |(?:pre|post)[_-]?\w{1,30}|hooks?|test)
    ["']?[ \t]*[:=][ \t]*(?P<value>[^\n]*)""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
BLOCK = re.compile(rb"[|>][+-]?\d?\s*$|\s*$|\{\s*$")
"""A value on the lines below."""

ITEM = re.compile(rb"""^(?:-[ ]+)?(?:["']?[\w:.-]+["']?[ \t]*[:=](?=[ \t])[ \t]*)?""")
"""The beginning of such a line: a dash, or a key."""

SCHEDULE = re.compile(
    rb"^[ \t]*(?:@\w+|(?:[\d*/,A-Za-z-]+[ \t]+){4}[\d*/,A-Za-z-]+)[ \t]+(\S[^\n]*)", re.MULTILINE
)
"""A line of a crontab (crontab(5))."""

RECIPE = re.compile(rb"^\t[@+-]*(\S[^\n]*)", re.MULTILINE)
"""A line of a recipe (make)."""

PROCESS = re.compile(rb"^\w[\w-]*:[ \t]*(\S[^\n]*)", re.MULTILINE)
"""A line of a Procfile."""

LINES_OF = {
    "crontab": (re.compile(r"/cron(\.d|tabs)/|[./-]cron(tab)?$"), SCHEDULE),
    "makefile": (re.compile(r"/(Makefile|Justfile)$|\.(mk|just)$"), RECIPE),
    "procfile": (re.compile(r"/Procfile$"), PROCESS),
}
"""The formats without keys: the pattern of their files' paths, and that of a line with a command."""

USER = re.compile(rb"[\w-]+[ \t]+(?=\S)")
"""A word before the command in a crontab of the system."""

STRING = re.compile(rb""":\s*"((?:[^"\\\n]|\\.)+)"|(?<=[\[,])\s*"((?:[^"\\\n]|\\.)+)\"""")
"""The value of an object, or an item of an array."""

QUOTES = b"\"' \t,[]-@+!"
LARGEST = 1 << 20
"""The most bytes of a text that is searched."""

LINES, LENGTH = 500, 2000
"""The most command lines of one text, a longer one is data; and the bytes of a line that are read."""


class Configuration:
    """The commands in an author's configuration, of one of the formats without keys or of all those with
    keys. Each is a language of its own, because the path tells them apart."""

    def __init__(self, files: Files, name: str = "configuration") -> None:
        self.name = name
        self._commands = Commands(files)

    def reads(self, entry: Entry, head: bytes) -> bool:
        if entry.size > LARGEST or LIBRARY.match(entry.path) is not None:
            return False
        formats = (name for name, (paths, _) in LINES_OF.items() if paths.search(entry.path))
        return NAME.fullmatch(entry.path) is not None and next(formats, "configuration") == self.name

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        texts = dict(sorted(_lines(self.name, content)))
        if len(texts) <= LINES:
            for at, line in texts.items():
                text = line[:LENGTH].lstrip(QUOTES).rstrip(b"\"' \t,\r]").decode("utf-8", "replace")
                if text:
                    yield Mention(content.count(b"\n", 0, at) + 1, text, "command", True)

    def is_library(self, path: str) -> bool:
        return False

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            for target in self._commands.of_text(path, mention):
                if isinstance(target, Import):
                    yield target


def _lines(name: str, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield command lines with their places."""
    if name in LINES_OF:
        pattern = LINES_OF[name][1]
        for match in pattern.finditer(content):
            yield match.start(1), match[1]
            if pattern is SCHEDULE and (user := USER.match(match[1])):
                yield match.start(1) + user.end(), match[1][user.end() :]
        return
    done = 0
    for match in KEY.finditer(content):
        if BLOCK.match(match["value"]):  # its lines may be within another key's, and are read once
            done = yield from _below(content, max(match.end() + 1, done), len(match["indent"]))
        elif match["value"].startswith(b"{"):
            for item in STRING.finditer(match["value"]):
                yield match.start("value") + item.start(), item[1] or b""
        elif match["value"].startswith(b"["):
            words = [item[2] for item in STRING.finditer(match["value"]) if item[2]]
            yield (
                match.start("value"),
                b" ".join(word for word in words if word not in (b"CMD", b"CMD-SHELL")),
            )
        else:
            yield match.start("value"), match["value"]


def _below(content: bytes, at: int, indent: int) -> Generator[tuple[int, bytes], None, int]:
    """Yield the lines that are indented more than their key. Return the place of the first other line."""
    while at < len(content):
        end = content.find(b"\n", at) % (len(content) + 1)
        line = content[at:end]
        text = line.lstrip()
        if text and len(line) - len(text) <= indent and not text.startswith(b"- "):
            break
        if text and not text.startswith(b"#"):
            yield at, ITEM.sub(b"", text)
        at = end + 1
    return at
