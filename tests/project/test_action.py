"""The GitHub Action, with programs that only write down their words; a shell reads the scripts of workflows.

``tests/e2e/test_make.py`` runs the Action with the tool itself.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.project.runner import ROOT, pip_that_installs, run_action

WORDS = """#!/bin/sh
printf '%s|' "$@" > words
"""
"""A program that writes down its words."""


def test_it_installs_into_an_environment_of_its_own(tmp_path: Path) -> None:
    path = pip_that_installs(tmp_path, WORDS)
    assert run_action(tmp_path, {}, {}, path).returncode == 0
    assert (tmp_path / "installed").read_text() == f"install|--quiet|{ROOT}|"
    assert (tmp_path / "github_path").read_text() == f"{tmp_path}/tracewhale/bin\n"
    assert run_action(tmp_path, {"version": "tracewhale==1"}, {}, path).returncode == 0
    assert (tmp_path / "installed").read_text() == "install|--quiet|tracewhale==1|"


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "make|--locked|"),
        ({"locked": "false"}, "make|"),
        (
            {"project": "a b/x.toml", "locked": "false", "targets": "shop  worker"},
            "make|--project|a b/x.toml|shop|worker|",
        ),
        ({"targets": "$(touch /tmp/x); *"}, "make|--locked|$(touch|/tmp/x);|*|"),
    ],
)
def test_it_makes_the_images(tmp_path: Path, inputs: dict[str, str], words: str) -> None:
    assert run_action(tmp_path, inputs, {}, pip_that_installs(tmp_path, WORDS)).returncode == 0
    assert (tmp_path / "words").read_text() == words


def test_it_fails_as_the_tool_does(tmp_path: Path) -> None:
    assert run_action(tmp_path, {}, {}, pip_that_installs(tmp_path, "exit 20\n")).returncode == 20


def scripts(value: Any) -> Iterator[str]:
    """Yield every script of a workflow, of GitHub's or GitLab's."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name in ("run", "script", "before_script") and each:
                yield each if isinstance(each, str) else "\n".join(each)
            else:
                yield from scripts(each)
    elif isinstance(value, list):
        for each in value:
            yield from scripts(each)


def workflows() -> dict[str, str]:
    """Each workflow of ours, and those that the document of the project file shows."""
    found = {path.name: path.read_text() for path in ROOT.glob(".github/workflows/*.yml")}
    text = (ROOT / "docs/project-file.md").read_text()
    for name in ("GitHub", "GitLab"):
        block = text.partition(f"## {name}\n")[2].lstrip("\n")
        lines = takewhile(lambda line: not line.strip() or line.startswith("    "), block.splitlines())
        found[name] = textwrap.dedent("\n".join(lines))
    return found


@pytest.mark.parametrize(("name", "text"), workflows().items(), ids=list(workflows()))
def test_the_scripts_of_a_workflow_are_a_shell_s(name: str, text: str) -> None:
    found = list(scripts(yaml.safe_load(text)))
    assert found, name
    for script in found:
        # GitHub puts its expressions in before a shell reads them.
        plain = re.sub(r"\$\{\{.*?\}\}", "x", script)
        checked = subprocess.run(["bash", "-n"], input=plain, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
