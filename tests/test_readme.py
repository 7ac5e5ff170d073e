"""What the README says, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import click

from tracewhale.cli import main
from tracewhale.cli.group import VERBS
from tracewhale.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_every_exit_code_is_explained() -> None:
    rows = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \| \S", README, re.MULTILINE)
    assert rows == [(str(code.value), code.name) for code in ExitCode]


def test_every_option_that_it_names_exists() -> None:
    known = {
        name
        for verb in VERBS
        if (command := main.get_command(click.Context(main), verb)) is not None
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    known |= {"--workload", "--exec", "--for"}  # rewritten to one option that keeps their order
    known |= {"--version", "--privileged", "--help-all"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known


def test_every_file_that_documents_name_exists() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    missing = [
        f"{document.name}: {link}"
        for document in documents
        for link in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / link).exists()
    ]
    assert missing == []
