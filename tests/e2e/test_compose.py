"""A service of a Compose project: the others beside it in each run, and nothing of them left."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e.test_interrupts import start
from tests.e2e.tool import refusal, report
from tracewhale.errors import ExitCode

NewTag = Callable[[], str]
Image = Callable[[str], str]
SECONDS = 120

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture
def project(image: Image, tmp_path: Path) -> Callable[[str], str]:
    """``project(check)`` is a Compose file whose data base is healthy when ``check`` says so."""

    def write(check: str) -> str:
        services = {
            "web": {
                "image": image("nginx"),
                "environment": {"A": "b"},
                "depends_on": {"db": {"condition": "service_healthy"}},
                "networks": ["front", "back"],
                "volumes": ["data:/data"],
                "ports": ["127.0.0.1:18099:80"],
                "x-tracewhale": {
                    "steps": [
                        {"http": "/"},
                        # A second write would fail: each run begins with a new volume.
                        {"exec": "sh -c 'getent hosts db && test $$A = b && mkdir /data/made'"},
                    ]
                },
            },
            "db": {
                "image": image("base"),
                "command": ["sleep", "1000"],
                "init": True,
                "networks": ["back"],
                "healthcheck": {"test": ["CMD-SHELL", check], "interval": "1s", "retries": 2},
            },
        }
        file = {"version": "3.8", "services": services, "networks": {"front": {}, "back": {}}}
        path = tmp_path / "compose.json"
        path.write_text(json.dumps({**file, "volumes": {"data": {}}}))
        return str(path)

    return write


def test_a_service_with_the_others_beside_it(
    docker_client: DockerClient, project: Callable[[str], str], new_tag: NewTag
) -> None:
    tag = new_tag()
    found = report("run", "-t", tag, "--compose", project("getent hosts db"), "--service", "web")
    assert found["verification"]["answers"]["alike"] == 1
    assert [(step["kind"], step["status"]) for step in found["trace"]["steps"]][-1] == ("exec", 0)
    # What Compose says of the service stays Compose's.
    assert "A=b" not in (docker_client.images.get(tag).attrs["Config"]["Env"] or [])


def test_a_service_that_never_becomes_healthy(project: Callable[[str], str]) -> None:
    status, told = refusal("run", "--compose", project("exit 1"), "--service", "web")
    assert status == ExitCode.WORKLOAD
    assert "The service db is unhealthy (service_healthy)" in told


def test_ctrl_c_while_a_service_is_awaited(project: Callable[[str], str]) -> None:
    process = start("run", "--compose", project("sleep 100"), "--service", "web")
    assert process.stderr is not None
    while b"waiting for db" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, b"Traceback" in errors) == (ExitCode.INTERRUPTED, False), errors


def test_without_compose_there_is_a_sentence(project: Callable[[str], str], tmp_path: Path) -> None:
    words = ("run", "--compose", project("true"), "--service", "web")
    status, told = refusal(*words, PATH=str(tmp_path))
    assert (status, "Compose is not installed" in told) == (ExitCode.ENGINE, True)


def test_a_service_that_the_file_lacks(project: Callable[[str], str]) -> None:
    status, told = refusal("run", "--compose", project("true"), "--service", "wep")
    assert (status, "has no service wep" in told) == (ExitCode.USAGE, True), told
