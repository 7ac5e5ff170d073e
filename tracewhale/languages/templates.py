"""Templates and static files that a source file or another template names, relative to a directory of them:
``template_name = "forms/div.html"``, ``{% extends "admin/base.html" %}``.

Frameworks differ in how they search, but keep these directories in the package of the source file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import Import, Mention, MissingImport, mentions_at
from tracewhale.rootfs.tree import Entry, parent

PLACES = ("templates", "views", "jinja2", "static")
"""The usual names of such directories (Django, Flask, Jinja, Express, Rails)."""

READ = re.compile(r".*\.(py|js|cjs|mjs|rb|php)|.*/(templates|views|jinja2)/.*", re.DOTALL)
LARGEST = 1 << 20
"""The most bytes of a text that is searched."""

NAME = re.compile(
    rb"""["'](?P<name>(?:[\w-]{1,60}/){0,8}[\w-][\w.-]{0,60}
    \.(?:html?|txt|xml|js|css|svg|j2|jinja2?|tmpl|tpl|ejs|pug|hbs|erb|haml|twig|mako))["']""",
    re.VERBOSE,
)
NAMES = 500
"""The most names of one text."""

DEPTH = 6
"""The most directories above a file in which templates are looked for."""

TOPS = frozenset({"site-packages", "dist-packages", "node_modules", "vendor_ruby", "gems"})
"""Directories of many packages."""

TEMPLATE = "template"


class TemplateFiles:
    """The templates that sources and templates name."""

    name = "templates"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._roots: dict[str, tuple[str, ...]] = {}

    def reads(self, entry: Entry, head: bytes) -> bool:
        return entry.size <= LARGEST and READ.fullmatch(entry.path) is not None

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        names: dict[str, int] = {}
        for match in NAME.finditer(content):
            names.setdefault(match["name"].decode("ascii", "replace"), match.start())
        yield from mentions_at(content, names, TEMPLATE, NAMES)

    def is_library(self, path: str) -> bool:
        return True

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            for root in self._above(parent(path)):
                target = normal(f"{root}/{mention.name}")
                if target != path and self._files.is_file(target):
                    yield Import(path, mention.line, mention.name, target, TEMPLATE)
                    break

    def _above(self, directory: str) -> tuple[str, ...]:
        """Return the directories of templates in a directory and in those above it, within a package."""
        if directory not in self._roots:
            roots: list[str] = []
            above = directory
            for _ in range(DEPTH):
                if above == "/" or above.rpartition("/")[2] in TOPS:
                    break
                roots += (f"{above}/{name}" for name in PLACES if self._files.is_directory(f"{above}/{name}"))
                above = parent(above)
            self._roots[directory] = tuple(roots)
        return self._roots[directory]
