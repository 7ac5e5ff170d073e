"""Runs on the engine: how they are driven, how they end, and that nothing is left of them."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from tests.engines.docker.conftest import Runner
from tracewhale.errors import (
    CommandKilled,
    CommandNotFound,
    EmptyImage,
    Interrupted,
    UsageError,
    WorkloadFailed,
)
from tracewhale.running.console import Handle
from tracewhale.tracing.events import Step, Trace

pytestmark = pytest.mark.usefixtures("leaves_nothing")

WAIT = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
"""A server's life: until it is told to stop."""


def paths(trace: Trace, program: str = "") -> set[str]:
    return {event.path for event in trace.events if program in event.program}


def after(condition: Any, action: Any) -> None:
    """Do something as soon as a condition holds, from another thread."""

    def watch() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        action()

    threading.Thread(target=watch, daemon=True).start()


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


def test_a_server_is_driven_once_it_listens(runner: Runner) -> None:
    script = "import os, urllib.request as u; u.urlopen('http://' + os.environ['TRACEWHALE_IP']).read()"
    trace = runner("nginx", steps=[Step("workload", f'{sys.executable} -c "{script}"')])
    assert trace.outcome is not None
    assert trace.outcome.stopped
    assert any(path.endswith(("index.html", "/html/")) for path in paths(trace, "nginx"))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Step("workload", "echo dying >&2; exit 3"), "workload .* failed with status 3:\ndying"),
        (Step("workload", "kill -9 $$"), "workload .* failed with status 137"),
        (Step("exec", "sh -c 'echo gasp; exit 4'"), "exec .* failed with status 4:\ngasp"),
        (Step("exec", "no-such-program"), "exec .* failed with status 127:\n.*No such file"),
    ],
)
def test_a_step_that_fails_is_named(runner: Runner, step: Step, words: str) -> None:
    with pytest.raises(WorkloadFailed, match=words):
        runner("base", "sh", "-c", WAIT, steps=[step])


def test_a_server_that_died_before_its_workload(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(WorkloadFailed, match=r"ended with status 4 before the workload .*\nlast words"):
        runner(
            "base", "sh", "-c", "echo last words; exit 4", steps=[Step("workload", f"touch {tmp_path}/ran")]
        )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("step", [Step("exec", ""), Step("exec", "'"), Step("for", "x"), Step("for", "-1")])
def test_a_step_that_makes_no_sense(runner: Runner, step: Step) -> None:
    with pytest.raises(UsageError):
        runner("base", "true", steps=[step])


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


def test_a_command_that_died_of_a_signal_that_was_handed_on(runner: Runner) -> None:
    handle = Handle()
    after(lambda: b"ready" in runner.stdout, lambda: handle.signal(9))
    trace = runner("base", "sh", "-c", "echo ready; sleep 60", handle=handle)
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (137, False)


def test_a_signal_reaches_the_command(runner: Runner) -> None:
    handle = Handle()
    after(lambda: b"ready" in runner.stdout, lambda: handle.signal(10))
    script = "trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.1; done"
    trace = runner("base", "sh", "-c", script, handle=handle)
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stdout) == (5, b"ready\nusr1\n")


def test_one_interrupt_ends_the_trace(runner: Runner) -> None:
    handle = Handle()
    after(lambda: b"ready" in runner.stdout, handle.interrupt)
    trace = runner("base", "sh", "-c", f"echo ready; {WAIT}", handle=handle)
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (0, True)


def test_one_interrupt_ends_a_workload(runner: Runner, tmp_path: Path) -> None:
    handle = Handle()
    mark, told = tmp_path / "mark", tmp_path / "told"
    after(mark.exists, handle.interrupt)
    workload = f"trap ': > {told}; exit' TERM; : > {mark}; sleep 600 & wait"
    trace = runner("base", "sh", "-c", WAIT, handle=handle, steps=[Step("workload", workload)])
    assert trace.steps == ()
    assert told.exists()


def test_two_interrupts_give_up(runner: Runner) -> None:
    handle = Handle()

    def twice() -> None:
        handle.interrupt()
        handle.interrupt()

    after(lambda: b"ready" in runner.stdout, twice)
    with pytest.raises(Interrupted):
        runner("base", "sh", "-c", "echo ready; trap '' TERM; while :; do sleep 1; done", handle=handle)


def test_input_is_passed_on_and_recorded(runner: Runner) -> None:
    trace = runner("base", "sh", "-c", "cat; echo end", interactive=True, stdin=io.BytesIO(b"a\n" * 50000))
    assert runner.stdout == b"a\n" * 50000 + b"end\n"
    runner.stdout.clear()
    recorded = base64.b64decode(str(trace.request["input"]))
    runner("base", "sh", "-c", "cat; echo end", interactive=True, recorded=recorded)
    assert runner.stdout == b"a\n" * 50000 + b"end\n"


def test_a_terminal_has_its_size(runner: Runner) -> None:
    runner(
        "base",
        "sh",
        "-c",
        "stty size; read line; echo got $line",
        interactive=True,
        tty=True,
        size=(33, 101),
        stdin=io.BytesIO(b"line\n"),
    )
    assert b"33 101\r\n" in runner.stdout
    assert runner.stdout.endswith(b"got line\r\n")


def test_ctrl_c_in_a_terminals_input_waits_for_the_command(runner: Runner) -> None:
    trace = runner("base", "cat", interactive=True, tty=True, recorded=b"\x03" * 9 + b"line\n\x04")
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (0, False)
    assert runner.stdout.endswith(b"line\r\nline\r\n")


def health(*test: str, **more: Any) -> dict[str, Any]:
    return {"Healthcheck": {"Test": list(test), **more}}


@pytest.mark.parametrize(
    "config",
    [
        health("CMD", "cat", "/etc/debian_version"),
        health("CMD-SHELL", "cat /etc/debian_version | grep ."),
        health("CMD-SHELL", "cat /etc/debian_version", StartPeriod=1) | {"Shell": ["/bin/bash", "-c"]},
        health("CMD-SHELL", "cat /etc/debian_version; [ -e /tmp/tried ] || ! : > /tmp/tried", Retries=2),
    ],
)
def test_the_health_check_runs_last_and_traced(runner: Runner, config: dict[str, Any]) -> None:
    trace = runner("base", "sh", "-c", WAIT, steps=[Step("for", "0.1")], config=config)
    assert [step.kind for step in trace.steps] == ["for", "healthcheck"]
    assert "/etc/debian_version" in paths(trace, "/cat")


def test_a_health_check_that_fails(runner: Runner) -> None:
    config = health("CMD-SHELL", "echo sick; exit 1", Retries=2, Interval=10**8)
    with pytest.raises(WorkloadFailed, match=r"health check .* failed with status 1:\nsick"):
        runner("base", "sh", "-c", WAIT, steps=[Step("for", "0.1")], config=config)


@pytest.mark.parametrize("config", [health("NONE"), health(), {}])
def test_no_health_check(runner: Runner, config: dict[str, Any]) -> None:
    assert len(runner("base", "sh", "-c", WAIT, steps=[Step("for", "0.1")], config=config).steps) == 1


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


def test_a_static_program_in_an_image_of_nothing_else(runner: Runner) -> None:
    trace = runner("static")
    assert trace.outcome is not None
    assert trace.outcome.status == 0
    assert len(trace.execs) == 1


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


def test_an_output_that_cannot_be_written_is_an_error(runner: Runner) -> None:
    def full(data: bytes) -> None:
        raise BrokenPipeError

    runner.stdout = type("Broken", (bytearray,), {"extend": lambda self, data: full(data)})()
    with pytest.raises(BrokenPipeError):
        runner("base", "sh", "-c", "echo x; sleep 60")


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
