"""The README and the documents agree with the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tracewhale.cli import main
from tracewhale.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
LONGEST = 120
"""Lines of the README."""

ELSEWHERE = {"--version", "--privileged", "--help-all"}
"""Options that are not a parameter of a verb: click's, Docker's."""

GUIDES = ("README", "tutorial", "how-to", "use", "reports", "faq")
"""Documents whose every command line is read as the program reads it."""


VERBS = {
    name: command
    for name in main.list_commands(click.Context(main))
    if (command := main.get_command(click.Context(main), name)) is not None
}


def test_every_exit_code_is_explained() -> None:
    document = (ROOT / "docs/exit-codes.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \| \S", document, re.MULTILINE)
    assert rows == [(str(code.value), code.name) for code in ExitCode]


def known_options() -> set[str]:
    known = {
        name
        for command in VERBS.values()
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    return (
        known | {"--workload", "--exec", "--for"} | ELSEWHERE
    )  # rewritten to one option that keeps their order


def test_every_option_that_the_readme_names_exists() -> None:
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known_options() | {"--rm"}


def test_every_option_in_the_tables_of_use_exists() -> None:
    rows = [line for line in (ROOT / "docs/use.md").read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "\n".join(rows))) <= known_options()


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= LONGEST


def commands() -> Iterator[tuple[str, str]]:
    """Each command line of ours in the guides: in blocks, with lines that go on."""
    for name in GUIDES:
        path = ROOT / (f"docs/{name}.md" if name != "README" else "README.md")
        text = path.read_text().replace("\\\n", " ")
        pattern = r"^(?:    |- run: |\$ )(?:.*&& )?(?:\.venv/bin/)?(tracewhale .*)$"
        for line in re.findall(pattern, text, re.MULTILINE):
            yield name, re.split(r"\s#\s", line.replace(".venv/bin/", ""))[0].strip()


@pytest.mark.parametrize(("document", "line"), [each for each in commands() if "[" not in each[1]])
def test_every_command_is_one_that_the_program_takes(document: str, line: str) -> None:
    """Read it as the program does, without running anything."""
    for words in (shlex.split(part) for part in line.split(" && ")):
        if words[0] != "tracewhale" or words[1].startswith("-"):
            continue
        command = VERBS[words[1]]
        with click.Context(main, info_name="tracewhale") as parent:
            command.make_context(words[1], words[2:], parent=parent)


def test_the_guides_have_commands() -> None:
    assert len(list(commands())) > 40


def test_every_file_that_documents_name_exists() -> None:
    missing = [
        f"{document.name}: {link}"
        for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
        for link in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / link).exists()
    ]
    assert missing == []


def test_every_document_is_in_the_site() -> None:
    index = (ROOT / "docs/index.md").read_text()
    names = {path.stem for path in ROOT.glob("docs/*.md")} - {"index"}
    assert names <= set(re.findall(r"^([\w-]+)$", index, re.MULTILINE))
