"""Runs on the engine: how they are driven, how they end, and that nothing is left of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from tests.engines.docker.conftest import Runner
from tests.engines.driver_contract import WAIT, DriverContract, paths
from tracewhale.errors import (
    CommandKilled,
    CommandNotFound,
    EmptyImage,
    UsageError,
)
from tracewhale.tracing.events import Step

pytestmark = pytest.mark.usefixtures("leaves_nothing")


class TestDriver(DriverContract):
    """Runs on the engine do what every engine's runs do."""


def test_a_command_ends_by_itself(runner: Runner) -> None:
    trace = runner("base", "sh", "-c", "cat /etc/hostname /etc/debian_version; echo err >&2; exit 3")
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (3, False)
    assert trace.outcome.hostname in trace.outcome.stdout.decode()
    assert trace.outcome.stderr == b"err\n" == runner.stderr
    assert trace.outcome.stdout == runner.stdout
    assert len(trace.outcome.addresses) == 1
    assert {"/etc/debian_version"} <= paths(trace, "/cat")
    assert {each.path for each in trace.execs} == {"/usr/bin/sh", "/usr/bin/cat"}
    assert trace.counters.received > 0 == trace.counters.lost
    assert {"/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"} <= set(trace.mounts)


def test_steps_are_taken_in_order_and_the_command_is_stopped(runner: Runner, tmp_path: Path) -> None:
    told = tmp_path / "told"
    steps = [
        Step("workload", f'echo "$TRACEWHALE_CONTAINER $TRACEWHALE_IP" > {told}; echo from the workload'),
        Step("exec", "sh -c 'cat /etc/debian_version; echo \"a b\"'"),
        Step("for", "0.2"),
    ]
    trace = runner("base", "sh", "-c", WAIT, steps=steps)
    assert trace.steps == tuple(steps)
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped, trace.outcome.stdout) == (0, True, b"")
    identifier, address = told.read_text().split()
    assert (len(identifier), address) == (64, trace.outcome.addresses[0])
    assert "/etc/debian_version" in paths(trace, "/cat")
    assert runner.stdout.endswith(b"a b\n")
    assert b"from the workload\n" in runner.stderr


@pytest.mark.parametrize(
    ("command", "options", "reason"),
    [
        ("no-such-command", {}, "No such file or directory"),
        ("/etc/passwd", {}, "Permission denied"),
        ("/etc", {}, "Permission denied|Is a directory"),
        ("no-such-command", {"init": True}, "No such file or directory"),
        ("no-such-command", {"user": "games", "tty": True}, "No such file or directory"),
    ],
)
def test_a_command_that_cannot_be_executed(
    runner: Runner, command: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CommandNotFound, match=f"'{command}'.*({reason})"):
        runner("base", command, **options)


def test_a_command_that_is_killed(runner: Runner) -> None:
    with pytest.raises(CommandKilled, match="signal 11"):
        runner("base", "sh", "-c", "kill -SEGV $$", init=True)


def test_a_status_that_tells_of_a_signal_is_not_said_to_be_one(runner: Runner) -> None:
    with pytest.raises(CommandKilled, match=r"ended with status 130, as one does .* signal 2 \(SIGINT\)"):
        runner("base", "sh", "-c", "exit 130")


def test_ctrl_c_in_a_terminals_input_waits_for_the_command(runner: Runner) -> None:
    trace = runner("base", "cat", interactive=True, tty=True, recorded=b"\x03" * 9 + b"line\n\x04")
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (0, False)
    assert runner.stdout.endswith(b"line\r\nline\r\n")


def test_mounts_are_used_and_named(runner: Runner, docker_client: DockerClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("from the host\n")
    script = "cat /bind/file; echo x > /named/x; echo y > /anonymous/y; df /scratch | tail -1"
    trace = runner(
        "base",
        "sh",
        "-c",
        script,
        volume=[f"{tmp_path}:/bind:ro", "twtest-named:/named", "/anonymous"],
        tmpfs=["/scratch:size=1m"],
    )
    assert runner.stdout.startswith(b"from the host\n")
    assert {"/bind", "/named", "/scratch"} <= set(trace.mounts)
    assert "/anonymous" not in trace.mounts
    assert "twtest-named" not in [volume.name for volume in docker_client.volumes.list()]


def test_a_named_volume_that_was_there_stays(runner: Runner, docker_client: DockerClient) -> None:
    volume = docker_client.volumes.create("twtest-kept")
    try:
        runner("base", "sh", "-c", "echo x > /v/x", volume=["twtest-kept:/v"])
        runner("base", "cat", "/v/x", mount=["source=twtest-kept,target=/v"])
        assert runner.stdout == b"x\n"
    finally:
        volume.remove()


def test_all_capabilities_for_a_user_who_gets_none(
    runner: Runner, docker_client: DockerClient, image: Callable[[str], str]
) -> None:
    command = ["grep", "^Cap", "/proc/self/status"]
    untraced = docker_client.containers.run(image("base"), command, cap_add=["ALL"], user="1", remove=True)
    trace = runner("base", *command, cap_add=["ALL"], user="1")
    assert trace.outcome is not None
    assert trace.outcome.stdout == untraced


def test_no_file_may_grow(runner: Runner) -> None:
    trace = runner("base", "sh", "-c", "ulimit -f; cat /etc/debian_version", ulimit=["fsize=0"])
    assert trace.outcome is not None
    assert trace.outcome.stdout.startswith(b"0\n")
    assert "/etc/debian_version" in paths(trace, "/cat")


PROBES_OWN = ("mount", "open_tree", "process_vm_readv", "pidfd_getfd", "ptrace", "setns", "kcmp", "unshare")


def test_a_profile_that_refuses_what_only_the_probe_may(runner: Runner, tmp_path: Path) -> None:
    rule = {"names": PROBES_OWN, "action": "SCMP_ACT_ERRNO"}
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    command = ("sh", "-c", "cat /etc/debian_version; unshare -m true || cat /etc/passwd")
    trace = runner("base", *command, security_opt=[f"seccomp={profile}"])
    assert {"/etc/debian_version", "/etc/passwd"} <= paths(trace, "/cat")
    assert trace.unresolved == ()


def test_what_the_engine_refuses(runner: Runner) -> None:
    with pytest.raises(UsageError, match="Unable to find user nobody-here"):
        runner("base", "true", user="nobody-here")
    with pytest.raises(UsageError, match="network no-such-network"):
        runner("base", "true", network="no-such-network")
    with pytest.raises(UsageError, match="/no/such/path"):
        runner("base", "true", mount=["type=bind,src=/no/such/path,dst=/x"])
    with pytest.raises(EmptyImage):
        runner("base", entrypoint="")


def test_a_container_that_shares_anothers_processes(runner: Runner, docker_client: DockerClient) -> None:
    other = docker_client.containers.create(runner.image("base"), ["sleep", "1000"])
    try:
        other.start()
        command = ["cat", "/proc/1/comm", "/etc/debian_version"]
        image, mode = runner.image("base"), f"container:{other.id}"
        shared = docker_client.containers.create(image, command, pid_mode=mode)
        try:
            trace = runner(str(shared.id))
        finally:
            shared.remove(force=True)
    finally:
        other.remove(force=True)
    assert trace.outcome is not None
    assert trace.outcome.stdout.startswith(b"sleep\n")
    assert {"/proc/1/comm", "/etc/debian_version"} <= paths(trace, "/cat")
