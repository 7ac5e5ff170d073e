"""The steps of the GitHub Action, run by a shell as a runner does; the scripts of workflows, read by one."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"


def steps() -> list[dict[str, Any]]:
    loaded: dict[str, Any] = yaml.safe_load(ACTION.read_text())
    assert all(step["shell"] == "bash" for step in loaded["runs"]["steps"])
    return list(loaded["runs"]["steps"])


def ran(step: dict[str, Any], directory: Path, **environment: str) -> list[str]:
    """Run a step with programs that only write down their words; returns a line for each."""
    programs = directory / "programs"
    programs.mkdir(exist_ok=True)
    log = directory / "log"
    for name in ("tracewhale", "python3"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nprintf "%s|" {name} "$@" >> {log}; echo >> {log}\n')
        program.chmod(0o755)
    given = dict.fromkeys(step.get("env", {}), "") | environment
    path = f"{programs}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        check=True,
        env={"PATH": path, **given},
        timeout=60,
    )
    return log.read_text().splitlines() if log.exists() else []


def test_it_installs_into_an_environment_of_its_own(tmp_path: Path) -> None:
    place = tmp_path / "tracewhale" / "bin"
    place.mkdir(parents=True)
    pip = place / "pip"
    pip.write_text(f'#!/bin/sh\nprintf "%s|" pip "$@" >> {tmp_path}/log\n')
    pip.chmod(0o755)
    lines = ran(
        steps()[0],
        tmp_path,
        RUNNER_TEMP=str(tmp_path),
        GITHUB_PATH=str(tmp_path / "path"),
        TRACEWHALE_ACTION="/action dir",
    )
    assert lines == [f"python3|-m|venv|{tmp_path}/tracewhale|", "pip|install|--quiet|/action dir|"]
    assert (tmp_path / "path").read_text() == f"{place}\n"


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "tracewhale|make|"),
        ({"LOCKED": "true"}, "tracewhale|make|--locked|"),
        (
            {"PROJECT": "a b/x.toml", "LOCKED": "false", "TARGETS": "shop  worker"},
            "tracewhale|make|--project|a b/x.toml|shop|worker|",
        ),
        ({"TARGETS": "$(touch /tmp/x); *"}, "tracewhale|make|$(touch|/tmp/x);|*|"),
    ],
)
def test_it_makes_the_images(tmp_path: Path, inputs: dict[str, str], words: str) -> None:
    given = {f"TRACEWHALE_{name}": value for name, value in inputs.items()}
    assert ran(steps()[1], tmp_path, **given) == [words]


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
