"""The site of the documents: `sphinx-build -W docs site` with the extra `docs`."""

from __future__ import annotations

import re
from pathlib import Path

import click
from sphinx.application import Sphinx

from tracewhale import __version__
from tracewhale.cli import main

HERE = Path(__file__).parent

project = "TraceWhale"
copyright = "TraceWhale contributors"  # noqa: A001 (Sphinx's name)
version = release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"TraceWhale {release}"
exclude_patterns = ["pictures/*"]
myst_heading_anchors = 3


def help_of(command: click.Command, name: str) -> str:
    """Return all the help of a verb, as its --help-all prints it."""
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    context.meta["tracewhale.help_all"] = True
    return command.get_help(context)


def write_reference(app: Sphinx) -> None:
    """Write the reference of every verb, and of the object that --json prints."""
    parts = ["# Reference", "", "What `tracewhale VERB --help-all` prints, and the schema of `--json`.", ""]
    for name in main.list_commands(click.Context(main)):
        command = main.get_command(click.Context(main), name)
        assert command is not None
        parts += [f"## {name}", "", "```text", help_of(command, f"tracewhale {name}"), "```", ""]
    parts += ["## The report as JSON", "", "```{literalinclude} ../tracewhale/report/schema.json", "```", ""]
    text = "\n".join(parts)
    place = HERE / "reference.md"
    if not place.exists() or place.read_text() != text:
        place.write_text(text)


def without_outside_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Leave the text of links to files that are not documents, which the site does not have."""
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", source[0])


def setup(app: Sphinx) -> None:
    """Connect both."""
    app.connect("builder-inited", write_reference)
    app.connect("source-read", without_outside_links)
