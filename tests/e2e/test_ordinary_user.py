"""The tool as an ordinary user, without a container engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

import tracewhale
from tests.e2e.test_embedded import FETCH, Archive, run
from tests.e2e.tool import SECONDS

pytestmark = pytest.mark.usefixtures("temporary", "probe")


@pytest.fixture
def ordinary() -> Iterator[Callable[..., dict[str, Any]]]:
    """``ordinary(WORD...)`` is the report of the tool as an ordinary user, in a directory of theirs."""
    home = Path(tempfile.mkdtemp(prefix="tracewhale-ordinary-", dir="/tmp"))
    os.chown(home, UID, UID)
    try:
        yield lambda *words: as_user(home, *words)
    finally:
        shutil.rmtree(home)


UID = 61234
"""A user that nobody is."""


def as_user(home: Path, *words: str) -> dict[str, Any]:
    python, environment = python_for(UID)
    done = subprocess.run(
        [python, "-m", "tracewhale", *words[:1], "--json", *words[1:]],
        capture_output=True,
        timeout=SECONDS,
        check=False,
        cwd=home,
        env={**environment, "HOME": str(home), "TMPDIR": str(home), "PATH": os.environ["PATH"]},
        user=UID,
        group=UID,
        extra_groups=[],
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not [name for name in os.listdir(home) if name.startswith("tracewhale-")]
    return {**json.loads(done.stdout), "home": str(home)}


def python_for(uid: int) -> tuple[str, Mapping[str, str]]:
    """An interpreter that a user may execute, and the environment in which it finds us."""
    paths = os.pathsep.join([str(Path(tracewhale.__file__).parent.parent), *sys.path])
    environment = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    for python in (sys.executable, "/usr/bin/python3"):
        words = [python, "-c", "import click, docker, elftools, zstandard, tracewhale.cli"]
        try:
            subprocess.run(words, check=True, capture_output=True, env=environment, user=uid, extra_groups=[])
        except (OSError, subprocess.CalledProcessError):
            continue
        return python, environment
    pytest.fail("no Python here may be executed by an ordinary user", pytrace=False)


def test_an_ordinary_user(
    docker_client: DockerClient, ordinary: Callable[..., dict[str, Any]], new_tag: Callable[[], str]
) -> None:
    tag = new_tag()
    script = "echo $HOME; id -u; cat /etc/debian_version; echo x > /usr/x; echo y > $HOME/y && cat $HOME/y"
    found = ordinary("run", "-o", f"docker-archive:out.tar:{tag}", "host", "--", "/bin/sh", "-c", script)
    assert found["verification"]["output"] == "same"
    home = Path(found["home"])
    assert not (home / "y").exists()
    run("docker", "load", "-i", home / "out.tar")
    printed = docker_client.containers.run(tag, remove=True).decode()
    assert printed == f"{home}\n{UID}\n{Path('/etc/debian_version').read_text()}y\n"


def test_an_ordinary_user_and_an_archive(
    archive: Archive, ordinary: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    with open(archive("java"), "rb") as file, tempfile.NamedTemporaryFile(dir="/tmp", suffix=".tar") as copy:
        shutil.copyfileobj(file, copy)
        os.chmod(copy.name, 0o644)
        workload = f"/usr/bin/python3 -c '{FETCH}' http://$TRACEWHALE_IP:8080/"
        found = ordinary("run", "--workload", workload, "-o", "oci:out", f"docker-archive:{copy.name}")
    assert found["verification"]["verified"]
    assert found["trace"]["lost"] == 0
