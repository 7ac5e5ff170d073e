"""A project file's image: made, locked, and refused when it holds what the lock file lacks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.tool import refusal, tracewhale
from tests.project.runner import pip_that_installs, run_action
from tracewhale.errors import ExitCode

NewTag = Callable[[], str]
Image = Callable[[str], str]


@pytest.mark.usefixtures("leaves_nothing")
def test_an_image_of_a_project(image: Image, new_tag: NewTag, tmp_path: Path) -> None:
    project, lock, tag = tmp_path / "tracewhale.toml", tmp_path / "tracewhale.lock", new_tag()
    target = f'[targets.web]\nimage = "{image("nginx")}"\ntag = "{tag}"\nkeep = "touched"\n'
    text = target + 'steps = [{ http = "/" }]\ncache = "traces"\n'
    project.write_text(text)
    made = tracewhale("make", "--project", str(project))
    assert made.returncode == 0, made.stderr.decode()
    locked = json.loads(lock.read_text())["targets"][tag]
    assert "/usr/sbin/nginx" in locked["paths"]
    # Again by the GitHub Action, out of the cache; and with a path that the lock file lacks.
    tool = pip_that_installs(tmp_path, f'#!/bin/sh\nexec {sys.executable} -m tracewhale "$@"\n')
    again = run_action(tmp_path, {"targets": "web", "project": str(project)}, os.environ, tool)
    assert again.returncode == 0, again.stderr.decode()
    assert b"using the trace in the cache" in again.stderr
    project.write_text(text + 'include = "/usr/share/nginx/html/index.html"\n')
    status, told = refusal("make", "--locked", "--project", str(project))
    assert status == ExitCode.NEW_PATHS
    assert "+ /usr/share/nginx/html/index.html" in told
    assert json.loads(lock.read_text())["targets"][tag] == locked
    project.write_text(text + 'max-size = "1MB"\njunit = "made.xml"\n')
    status, told = refusal("make", "--project", str(project))
    assert status == ExitCode.IMAGE_GREW
    assert "and may have 1,000,000." in told
    suite = ElementTree.fromstring((tmp_path / "made.xml").read_text())
    assert [failure.get("type") for failure in suite.iter("failure")] == ["ImageGrew"]
    assert suite[0].get("name") == "GET /"
