"""Runs in a sandbox: how they are driven, how they end, and that nothing is left of them, as with Docker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engines.driver_contract import WAIT, DriverContract, paths
from tests.engines.embedded.conftest import Runner
from tracewhale.errors import (
    CommandKilled,
    CommandNotFound,
    EmptyImage,
    ProbeError,
    UsageError,
)
from tracewhale.tracing.events import Step


class TestDriver(DriverContract):
    """Runs in a sandbox do what every engine's runs do."""


def test_what_it_wrote_and_which_processes_failed_are_told(runner: Runner, tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    fails = "sh -c 'exit 7'; sh -c 'kill -9 $$'"
    writes = (
        "echo x > /srv/new; ln -s new /srv/link; mkdir /srv/made; chmod 600 /etc/passwd; echo y > /mnt/out"
    )
    trace = runner("base", "sh", "-c", f"{fails}; {writes}; rm /etc/issue", volume=[f"{out}:/mnt"])
    assert trace.outcome is not None
    assert [(f.status, f.killed) for f in trace.outcome.failed or ()] == [(0, True), (7, False)]
    assert [(f.path, f.kind, f.size) for f in trace.outcome.written or ()] == [
        ("/mnt/out", "file", 2),
        ("/srv/link", "symlink", 0),
        ("/srv/made", "directory", 0),
        ("/srv/new", "file", 2),
    ]


def test_a_command_ends_by_itself(runner: Runner) -> None:
    trace = runner("base", "sh", "-c", "cat /etc/hostname /etc/debian_version; echo err >&2; exit 3")
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (3, False)
    assert trace.outcome.hostname in trace.outcome.stdout.decode()
    assert trace.outcome.stderr == b"err\n" == runner.stderr
    assert trace.outcome.stdout == runner.stdout
    assert {"/etc/debian_version"} <= paths(trace, "/cat")
    assert {each.path for each in trace.execs} == {"/usr/bin/sh", "/usr/bin/cat"}
    assert trace.counters.received > 0 == trace.counters.lost
    assert {"/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"} <= set(trace.mounts)


def test_steps_are_taken_in_order_and_the_command_is_stopped(runner: Runner, tmp_path: Path) -> None:
    told = tmp_path / "told"
    steps = [
        Step("workload", f'echo "$TRACEWHALE_PID $TRACEWHALE_IP" > {told}; echo from the workload'),
        Step("exec", "sh -c 'cat /etc/debian_version; echo \"a b\"'"),
        Step("for", "0.2"),
    ]
    trace = runner("base", "sh", "-c", WAIT, steps=steps)
    assert trace.steps == tuple(steps)
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped, trace.outcome.stdout) == (0, True, b"")
    process, address = told.read_text().split()
    assert (process.isdigit(), address) == (True, "127.0.0.1")
    assert "/etc/debian_version" in paths(trace, "/cat")
    assert runner.stdout.endswith(b"a b\n")
    assert b"from the workload\n" in runner.stderr


def test_a_command_that_no_signal_stops_is_not_waited_for(runner: Runner, monkeypatch: Any) -> None:
    monkeypatch.setattr("tracewhale.running.stopping.STOP_SECONDS", 1e9)
    trace = runner("base", "sleep", "1000", steps=[Step("for", "0.1")])
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (137, True)


@pytest.mark.parametrize(
    ("command", "options", "reason"),
    [
        ("no-such-command", {}, "No such file or directory"),
        ("/etc/passwd", {}, "Permission denied"),
        ("/etc", {}, "Permission denied|Is a directory"),
        ("no-such-command", {"user": "games", "tty": True}, "No such file or directory"),
    ],
)
def test_a_command_that_cannot_be_executed(
    runner: Runner, command: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CommandNotFound, match=f"'{command}'.*({reason})"):
        runner("base", command, **options)


def test_a_command_that_is_too_long(runner: Runner) -> None:
    with pytest.raises(CommandNotFound, match="'echo' cannot be executed: Argument list too long"):
        runner("base", "echo", "x" * (1 << 18))


def test_a_start_that_takes_too_long_says_what_it_waited_for(runner: Runner, monkeypatch: Any) -> None:
    monkeypatch.setattr("tracewhale.engines.embedded.sandbox_session.READY_SECONDS", 0.0)
    with pytest.raises(ProbeError, match=r"within 0 seconds: the sandbox was not ready\.$"):
        runner("base", "true")


@pytest.mark.parametrize("user", ["root", "games"])
def test_a_sandbox_whose_keeper_is_killed(runner: Runner, user: str) -> None:
    step = Step("workload", "kill -9 $(sed -n 's/^PPid:.//p' /proc/$TRACEWHALE_PID/status)")
    with pytest.raises(ProbeError, match="The process that keeps the sandbox was killed"):
        runner("base", "sh", "-c", WAIT, user=user, steps=[step, Step("for", "60")])


def test_a_command_that_is_killed(runner: Runner) -> None:
    with pytest.raises(CommandKilled, match="signal 11"):
        runner("base", "perl", "-e", "unpack('P1', pack('Q', 16))")


def test_mounts_are_used_and_named(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("from the host\n")
    writable = tmp_path / "writable"
    script = (
        "cat /bind/file; echo x > /bind/file; echo y > /etc/w/y; echo z > /anonymous/z; "
        "df /scratch | tail -1; mount | grep -c ' on /scratch .*nosuid.*nodev.*noexec'"
    )
    trace = runner(
        "base",
        "sh",
        "-c",
        script,
        volume=[f"{tmp_path}:/bind:ro", f"{writable}:/etc/w", "/anonymous"],
        tmpfs=["/scratch:size=1m"],
    )
    lines = runner.stdout.decode().splitlines()
    assert (lines[0], lines[1].split()[1], lines[2]) == ("from the host", "1024", "1")
    assert b"/bind/file: Read-only file system" in runner.stderr
    assert b"anonymous/z" in runner.stderr  # it was never made: only the engine's volumes are
    assert (writable / "y").read_text() == "y\n"
    assert {"/bind", "/etc/w", "/scratch"} <= set(trace.mounts)
    assert "/anonymous" not in trace.mounts


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user": "nobody-here"}, "Unable to find user nobody-here"),
        ({"network": "no-such-network"}, "--network no-such-network needs a container engine"),
        ({"publish": ["80:80"]}, "-p needs a container engine"),
        ({"gpus": "all"}, "--gpus needs a container engine"),
        ({"init": True}, "--init needs a container engine"),
        ({"security_opt": ["apparmor=mine"]}, "--security-opt apparmor needs a container engine"),
        ({"volume": ["named:/v"]}, "-v named:/v: named is a volume"),
        ({"mount": ["type=volume,dst=/x"]}, "--mount type=volume needs a Docker engine"),
        ({"mount": ["type=bind,src=/no/such/path,dst=/x"]}, "/no/such/path"),
    ],
)
def test_what_only_an_engine_can_give_is_refused(runner: Runner, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        runner("base", "true", **options)


def test_no_command(runner: Runner) -> None:
    with pytest.raises(EmptyImage):
        runner("base", entrypoint="", config={"Cmd": None})
