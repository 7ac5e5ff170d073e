"""Targets that exceed what a machine or a container gives: each ends with a sentence and leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from tests.e2e.tool import refusal, report
from tracewhale.errors import ExitCode

Image = Callable[[str], str]

MEMORY = 'x=$(head -c 200000000 /dev/zero | tr "\\0" a); echo ${#x}'
PROCESSES = "for i in 1 2 3 4 5 6 7 8 9; do sleep 3 & done; wait"
LIMITS: Mapping[str, Mapping[str, Any]] = {
    "memory": {"mem_limit": "48m", "memswap_limit": "48m"},
    "processes": {"pids_limit": 6},
}
NAMES = 200_000
HUGE = 60 << 30


@pytest.fixture
def base_tree(unpacked: Callable[[str], tuple[str, Mapping[str, Any]]], tmp_path: Path) -> Path:
    """A copy of a sample image's files, which a test may add to."""
    subprocess.run(["cp", "-a", unpacked("base")[0], str(tmp_path / "base")], check=True)
    return tmp_path / "base"


@pytest.mark.parametrize(("limit", "script"), [("memory", MEMORY), ("processes", PROCESSES)])
@pytest.mark.usefixtures("leaves_nothing")
def test_a_container_with_a_limit(docker_client: DockerClient, image: Image, limit: str, script: str) -> None:
    """The limits are those of the container that is the target; the command fails as it does untraced."""
    container = docker_client.containers.create(image("base"), ["sleep", "1"], **LIMITS[limit])
    try:
        status, sentences = refusal("run", container.id or "", "--", "sh", "-c", script)
    finally:
        container.remove(force=True)
    assert status not in (0, ExitCode.INTERNAL)
    assert sentences.strip()


@pytest.mark.usefixtures("leaves_nothing")
def test_a_huge_sparse_file_and_very_many_names(base_tree: Path, tmp_path: Path) -> None:
    """Neither is read, nor listed more often than once."""
    with open(base_tree / "huge", "wb") as file:
        file.truncate(HUGE)
    (base_tree / "many").mkdir()
    for number in range(NAMES):
        os.mknod(base_tree / "many" / f"{number:06}")
    words = ("-o", f"oci:{tmp_path / 'layout'}", f"rootfs:{base_tree}", "--", "cat", "/many/000001")
    found = report("run", *words)
    assert found["verification"]["output"] == "same"
    assert found["built"]["size"] < 10_000_000


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, '{"lines": ' + "9" * 5_000 + "}", json.dumps({"type": "end", "lines": 10**30})],
    ids=["nested", "digits", "lines"],
)
@pytest.mark.usefixtures("leaves_nothing")
def test_an_absurd_trace(image: Image, tmp_path: Path, text: str) -> None:
    head = {"format": "tracewhale-trace", "image": image("base"), "type": "begin"}
    (tmp_path / "a.trace").write_text(f"{json.dumps(head)}\n{text}\n")
    status, sentences = refusal("plan", str(tmp_path / "a.trace"))
    assert status == ExitCode.TRACE_FILE
    assert "trace" in sentences
