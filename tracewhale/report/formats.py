"""The formats of a report, one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracewhale.report import json, markdown, ncdu, text
from tracewhale.report.document import ReportDocument
from tracewhale.report.model import Report
from tracewhale.report.names import HTML, JSON, MARKDOWN, NCDU, PREFETCH, QUIET, TEXT, VERBOSE

FORMATS: Mapping[str, Callable[[Report], str]] = {
    TEXT: text.render,
    VERBOSE: text.render_verbose,
    QUIET: text.render_name,
    JSON: json.dumps,
}
"""The function that renders each format, by its name on the command line: text that ends with a newline."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of a report in a file. ``render`` returns text that ends with a newline.

    ``endings`` are the endings of such files' names; the longest that matches decides.
    """

    render: Callable[[ReportDocument], str]
    endings: tuple[str, ...]


def _page(document: ReportDocument) -> str:
    """Return the page; jinja2 is imported only when it is needed."""
    from tracewhale.report import page

    return page.render(document)


def _prefetch(document: ReportDocument) -> str:
    """Return the kept files that were opened, one path per line, in the order of the first time."""
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
"""Each format of a file by its name for --format."""


def format_of(name: str) -> str:
    """Return the format for the ending of a file's name, or an empty string."""
    endings = {ending: form for form, chosen in FILE_FORMATS.items() for ending in chosen.endings}
    matching = [ending for ending in endings if name.lower().endswith(ending)]
    return endings[max(matching, key=len)] if matching else ""
