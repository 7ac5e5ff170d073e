"""Diagnosis with an engine: images and containers by name, dead ones too, and the repaired image."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from docker import DockerClient
from docker.errors import APIError

from tracewhale.cli import main

MISSING = "/etc/whale.conf"


@pytest.fixture(scope="module")
def bare(docker_client: DockerClient, image: Callable[[str], str]) -> Iterator[str]:
    """An image with a program alone, as a multi-stage build without its libraries makes it."""
    lines = f'FROM scratch\nCOPY --from={image("base")} /usr/bin/true /true\nCMD ["/true"]\n'
    built, _ = docker_client.images.build(fileobj=io.BytesIO(lines.encode()), rm=True)
    yield str(built.id)
    docker_client.images.remove(str(built.id), force=True)


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def first(result: Result) -> Any:
    return json.loads(result.stdout)["findings"][0]


def test_an_image_is_repaired_from_the_complete_one(
    docker_client: DockerClient, image: Callable[[str], str], bare: str, new_tag: Callable[[], str]
) -> None:
    tag = new_tag()
    result = call("diagnose", bare, "--fix", "--against", image("base"), "-t", tag)
    assert result.exit_code == 0, result.output
    assert "its dynamic loader" in result.stdout
    assert f"Fixed: {tag}" in result.stdout
    docker_client.containers.run(tag, remove=True)


def test_what_files_do_not_repair_leaves_no_image(
    docker_client: DockerClient, image: Callable[[str], str], new_tag: Callable[[], str], leaves_nothing: Path
) -> None:
    tag, command = new_tag(), ("--", "cat", MISSING)
    result = call("diagnose", image("base"), "--fix", "--against", image("base"), "-t", tag, *command)
    assert result.exit_code == 13, result.output
    assert not docker_client.images.list(tag)


def test_a_container_that_could_not_start_is_explained(docker_client: DockerClient, bare: str) -> None:
    container = docker_client.containers.create(bare)
    try:
        with suppress(APIError):  # newer engines start it, and runc fails in it
            container.start()
            container.wait()
        found = first(call("diagnose", str(container.id), "--json"))
    finally:
        container.remove(force=True)
    assert found["kind"] == "interpreter"


def test_a_dead_container_is_explained_by_its_log_and_not_run_again(
    docker_client: DockerClient, image: Callable[[str], str]
) -> None:
    container = docker_client.containers.create(image("base"), ["cat", MISSING])
    try:
        container.start()
        container.wait()
        container.reload()
        started = container.attrs["State"]["StartedAt"]
        found = first(call("diagnose", str(container.id), "--json"))
        container.reload()
    finally:
        container.remove(force=True)
    assert (found["kind"], found["paths"]) == ("file", [MISSING])
    assert container.attrs["State"]["StartedAt"] == started


def test_a_failed_run_and_its_saved_trace_end_with_the_finding(
    image: Callable[[str], str], tmp_path: Path
) -> None:
    """``run`` says cause and remedy in short; the trace that it wrote tells the same offline."""
    trace = str(tmp_path / "a.trace")
    failed = call("run", image("base"), "--trace-out", trace, "--", "cat", MISSING)
    assert failed.exit_code == 18, failed.output
    assert f"Cause: {MISSING} is not in the image." in failed.output
    assert "tracewhale diagnose" in failed.output
    found = first(call("diagnose", trace, "--json"))
    assert (found["kind"], found["paths"]) == ("file", [MISSING])
