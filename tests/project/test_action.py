"""The steps of the GitHub Action, run by a shell as a runner does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ACTION = Path(__file__).parents[2] / "action.yml"


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
