"""Compose is waited for, but not for ever, and what it has made is removed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import pytest
from docker import APIClient
from docker.errors import APIError

from tracewhale.engines.base import Request
from tracewhale.engines.docker import compose
from tracewhale.engines.docker.compose import ComposeProject, _compose, find_compose, remove_project
from tracewhale.errors import EngineError, WorkloadFailed
from tracewhale.running.compose import Composition

SLEEPER = (
    sys.executable,
    "-c",
    "import sys, time; print('pulling', file=sys.stderr, flush=True); time.sleep(99)",
)


class Project:
    """A client of an engine with one object of each kind, which it removes when asked for the ``stuck`` + 1st
    time."""

    def __init__(self, stuck: int) -> None:
        self.timeout: float = 900
        self.timeouts: set[float] = set()
        self.left = {"container": stuck, "network": stuck, "volume": stuck}

    def containers(self, **how: Any) -> list[dict[str, str]]:
        return self._listed("container", "Id")

    def networks(self, **how: Any) -> list[dict[str, str]]:
        return self._listed("network", "Id")

    def volumes(self, **how: Any) -> dict[str, Any]:
        return {"Volumes": self._listed("volume", "Name") or None}

    def _listed(self, kind: str, key: str) -> list[dict[str, str]]:
        self.timeouts.add(self.timeout)
        return [{key: kind}] if kind in self.left else []

    def _remove(self, kind: str) -> None:
        if self.left[kind]:
            self.left[kind] -= 1
            raise APIError("it is in use")
        del self.left[kind]

    def remove_container(self, name: str, **how: Any) -> None:
        self._remove(name)

    remove_network = _remove
    remove_volume = _remove


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "LOOK_SECONDS", 0.0)


def test_what_is_in_use_is_removed_later() -> None:
    project = Project(stuck=3)
    remove_project(cast(APIClient, project), "p")
    assert project.left == {}
    # The engine may take long to answer, but not so long.
    assert (project.timeouts, project.timeout) == ({compose.REMOVE_SECONDS}, 900)


def test_what_cannot_be_removed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "REMOVE_SECONDS", 0.01)
    with pytest.raises(EngineError, match="project p could not be removed") as raised:
        remove_project(cast(APIClient, Project(stuck=10**9)), "p")
    assert "com.docker.compose.project=p" in raised.value.hint


def test_compose_is_not_waited_for_without_end() -> None:
    with pytest.raises(WorkloadFailed, match="did not end within 1 s") as raised:
        _compose(SLEEPER, "up", seconds=1)
    assert "pulling" in raised.value.what


def test_no_word_to_compose_is_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "START_SECONDS", 0.5)
    service = Composition("web", "shop", "p", {})
    project = ComposeProject(service, SLEEPER, cast(APIClient, Project(stuck=0)), lambda text: None, 0.1)
    with pytest.raises(WorkloadFailed, match=r"`compose up` did not end within 0\.5 s"), project.running():
        pytest.fail("it was created")
    with pytest.raises(WorkloadFailed, match="did not end"):
        project.request(Request())


def test_a_compose_that_does_not_answer_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec sleep 99\n")
    program.chmod(0o755)
    monkeypatch.setattr(compose, "QUESTION_SECONDS", 0.5)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EngineError, match="Compose is not installed"):
        find_compose({"PATH": str(tmp_path)})
