"""The next run removes what a killed run left, and nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from docker import APIClient, DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from tracewhale.engines.docker.leftovers import OWNER, is_gone, owner, remove_leftovers


@pytest.fixture
def gone() -> str:
    """The owner's name of a process that has ended."""
    with subprocess.Popen(["sleep", "60"]) as process:
        told = owner(process.pid)
        process.kill()
    return told


def test_an_owner_that_lives_is_not_gone() -> None:
    assert not is_gone(owner())
    with subprocess.Popen(["sleep", "60"]) as process:
        told = owner(process.pid)
        assert not is_gone(told)
        process.kill()
    assert is_gone(told)


def test_a_zombie_is_gone() -> None:
    """Its parent may never wait for it, as process 1 of many containers does not."""
    process = subprocess.Popen(["sleep", "60"])
    told = owner(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(told)
    process.wait()


def test_a_number_that_another_process_has_by_now(gone: str) -> None:
    boot, space, _, started = gone.split(" ")
    assert is_gone(f"{boot} {space} {os.getpid()} {started}")


@pytest.mark.parametrize("told", ["", "x", "a b c d", "a b 1 2 3"])
def test_nonsense_is_nobody_who_is_gone(told: str) -> None:
    assert not is_gone(told)


def test_owners_elsewhere_are_not_gone(gone: str) -> None:
    boot, space, pid, started = gone.split(" ")
    assert not is_gone(f"another-boot {space} {pid} {started}")
    assert not is_gone(f"{boot} pid:[1] {pid} {started}")
    assert not is_gone(f"{boot} {space} -1 {started}")


@pytest.fixture
def owned(docker_client: DockerClient, image: Callable[[str], str]) -> Iterator[Callable[[str], Container]]:
    """Make a container of an owner."""
    made: list[Container] = []

    def make(told: str) -> Container:
        made.append(
            docker_client.containers.run(image("base"), "sleep 60", labels={OWNER: told}, detach=True)
        )
        return made[-1]

    yield make
    for each in made:
        with suppress(NotFound):
            each.remove(force=True)


def test_only_what_is_left_is_removed(api: APIClient, owned: Callable[[str], Container], gone: str) -> None:
    left, lives, elsewhere = owned(gone), owned(owner()), owned(gone.replace("pid:[", "pid:[1"))
    remove_leftovers(api)
    with pytest.raises(NotFound):
        left.reload()
    lives.reload()
    elsewhere.reload()
