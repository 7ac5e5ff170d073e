"""The forms in which a report is shown: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracewhale.report import json, markdown, ncdu, text
from tracewhale.report.document import Document
from tracewhale.report.model import Report

TEXT, VERBOSE, QUIET, JSON = "text", "verbose", "quiet", "json"
HTML, MARKDOWN, NCDU, PREFETCH = "html", "md", "ncdu", "prefetch"


@dataclass(frozen=True, slots=True)
class Format:
    """A form of report. ``render`` returns text that ends with a newline.

    ``for_programs``: it goes to standard output, where otherwise the command's own output goes.
    """

    render: Callable[[Report], str]
    for_programs: bool = False


FORMATS: Mapping[str, Format] = {
    TEXT: Format(text.render),
    VERBOSE: Format(text.render_verbose),
    QUIET: Format(text.render_name, for_programs=True),
    JSON: Format(json.dumps, for_programs=True),
}
"""Each form by the name that the command line has for it."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A form of report that is written to a file. ``render`` returns text that ends with a newline.

    ``endings`` are those of the names of such files; the longest that fits decides.
    """

    render: Callable[[Document], str]
    endings: tuple[str, ...]


def _page(document: Document) -> str:
    """Return the page; jinja2 is imported only where one is made."""
    from tracewhale.report import page

    return page.render(document)


def _prefetch(document: Document) -> str:
    """Return the kept files that were opened, a path a line, in the order of the first time."""
    kept = {file.path for file in document.files if file.kind == "file"}
    paths = [opened.path for opened in document.opened if opened.path in kept and "\n" not in opened.path]
    return "".join(f"{path}\n" for path in paths)


FILE_FORMATS: Mapping[str, FileFormat] = {
    HTML: FileFormat(_page, (".html", ".htm")),
    MARKDOWN: FileFormat(markdown.render, (".md", ".markdown")),
    JSON: FileFormat(json.dumps_document, (".json",)),
    NCDU: FileFormat(ncdu.dumps, (".ncdu", ".ncdu.json")),
    PREFETCH: FileFormat(_prefetch, (".prefetch",)),
}
"""Each form of file by the name that --format has for it."""


def format_of(name: str) -> str:
    """Return the form that the ending of a file's name asks for; an empty string if it asks for none."""
    endings = {ending: form for form, chosen in FILE_FORMATS.items() for ending in chosen.endings}
    found = [ending for ending in endings if name.lower().endswith(ending)]
    return endings[max(found, key=len)] if found else ""
