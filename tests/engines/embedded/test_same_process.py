"""A command in a sandbox is what it is in a container of Docker's: everything that the kernel tells of it.

What is mounted is compared where it is made (test_layout.py): Docker's control groups are its own, and device
nodes are this machine's, one by one, for without a device control group others must not work.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from tests.engines.docker.test_same_process import OPTIONS, SCRIPT, plain_output, whale
from tests.engines.embedded.conftest import Runner
from tracewhale.engines.docker.container_spec import untraced_spec
from tracewhale.rootfs.archive import open_docker_archive
from tracewhale.rootfs.layers import open_layers
from tracewhale.running.options import parse_options
from tracewhale.running.run import Run
from tracewhale.tracing.events import Step

__all__ = ["whale"]

ENGINES_ONLY = {"own seccomp profile", "init", "init for a user", "init and read-only"}
FACTS = re.sub(r"\nmount \|.*\n", "\n", SCRIPT)


@pytest.fixture(scope="module")
def root(docker_client: DockerClient, whale: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The files of the image in a directory."""
    directory = tmp_path_factory.mktemp("whale")
    saved = directory / "saved.tar"
    with saved.open("wb") as file:
        file.writelines(docker_client.images.get(whale).save())
    with open_docker_archive(str(saved)) as image, open_layers(image) as tree:
        tree.unpack_to(str(directory / "root"))
    return str(directory / "root")


@pytest.fixture
def config(docker_client: DockerClient, whale: str) -> dict[str, Any]:
    return dict(docker_client.images.get(whale).attrs["Config"])


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - ENGINES_ONLY))
def test_nothing_differs(
    name: str, runner: Runner, docker_client: DockerClient, whale: str, root: str, config: dict[str, Any]
) -> None:
    options = {"network": "host", **OPTIONS[name]}
    run = Run("whale", whale, config, parse_options(environ={}, **options), ("sh", "-c", FACTS))
    expected = plain_output(docker_client, run)
    traced = runner(root, "sh", "-c", FACTS, config=config, **options)
    assert traced.outcome is not None
    output = (traced.outcome.stdout + traced.outcome.stderr).decode(errors="replace")
    if options.get("security_opt") == ["seccomp=unconfined"]:  # one filter is more than none
        output = output.replace("Seccomp:\t2", "Seccomp:\t0")
    assert output.splitlines() == expected.splitlines()
    assert len(expected.splitlines()) > 60


@pytest.mark.parametrize("options", [{}, {"user": "games"}, {"read_only": True}, {"user": "_whale"}])
def test_no_descriptor_is_inherited(options: dict[str, Any], runner: Runner, root: str) -> None:
    runner(root, "/bin/ls", "/proc/self/fd", **options)
    assert runner.stdout == b"0\n1\n2\n3\n"  # 3 is that of the listing itself


@pytest.mark.parametrize("options", [{}, {"user": "_whale", "cap_drop": ["CHOWN"]}])
def test_an_exec_is_what_docker_exec_starts(
    options: dict[str, Any],
    runner: Runner,
    docker_client: DockerClient,
    whale: str,
    root: str,
    config: dict[str, Any],
) -> None:
    script = "grep -E '^(Uid|Gid|Groups|Cap|NoNew|Seccomp:)' /proc/self/status; env; pwd; id; hostname"
    given = {"network": "host", "workdir": "/usr", **options}
    run = Run("whale", whale, config, parse_options(environ={}, **given), ("sleep", "60"))
    api: Any = docker_client.api
    identifier = api.create_container_from_config(untraced_spec(run).body())["Id"]
    try:
        api.start(identifier)
        made = api.exec_create(identifier, ["sh", "-c", script])
        expected = api.exec_start(made["Id"]).decode()
    finally:
        api.remove_container(identifier, force=True, v=True)
    steps = [Step("exec", f'sh -c "{script}"')]
    runner(root, "sleep", "60", steps=steps, config={**config, "StopSignal": "SIGKILL"}, **given)
    assert sorted(runner.stdout.decode().splitlines()) == sorted(expected.splitlines())


def test_hosts_and_names_are_as_dockers(
    runner: Runner, docker_client: DockerClient, whale: str, root: str, config: dict[str, Any]
) -> None:
    options: dict[str, Any] = {
        "network": "host",
        "add_host": ["whale:192.0.2.1", "other:::1"],
        "hostname": "some.where",
    }
    command = ("cat", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname")
    run = Run("whale", whale, config, parse_options(environ={}, **options), command)
    expected = plain_output(docker_client, run)
    runner(root, *command, config=config, **options)
    assert runner.stdout.decode() == expected


def test_a_network_of_its_own_has_loopback_only(runner: Runner, root: str) -> None:
    script = "cat /proc/net/dev | grep -c :; hostname; cat /etc/hosts"
    runner(root, "/bin/sh", "-c", script, network="none")
    lines = runner.stdout.decode().splitlines()
    assert lines[0] == "1"
    assert re.fullmatch("[0-9a-f]{12}", lines[1])
    assert "127.0.0.1\tlocalhost" in lines[2:]


def test_no_file_of_the_sandboxs_own_is_seen(runner: Runner, root: str, tmp_path: Path) -> None:
    runner(root, "/usr/bin/find", "/", "-xdev", "-name", "*tracewhale*")
    assert runner.stdout == b""
    runner(root, "/bin/ls", "/")
    assert runner.stdout.decode().split() == sorted(path.name for path in Path(root).iterdir())
