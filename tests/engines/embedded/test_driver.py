"""Runs in a sandbox: how they are driven, how they end, and that nothing is left of them, as with Docker."""

from __future__ import annotations

import base64
import io
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.engines.embedded.conftest import Runner
from tracewhale.errors import (
    CommandKilled,
    CommandNotFound,
    EmptyImage,
    Interrupted,
    ProbeError,
    UsageError,
    WorkloadFailed,
)
from tracewhale.running.console import Handle
from tracewhale.tracing.events import Step, Trace

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


def test_a_server_is_driven_once_it_listens(runner: Runner) -> None:
    script = "import os, urllib.request as u; u.urlopen('http://' + os.environ['TRACEWHALE_IP']).read()"
    trace = runner("nginx", steps=[Step("workload", f'{sys.executable} -c "{script}"')])
    assert trace.outcome is not None
    assert trace.outcome.stopped
    assert any(path.endswith(("index.html", "/html/")) for path in paths(trace, "nginx"))


def test_a_command_that_no_signal_stops_is_not_waited_for(runner: Runner, monkeypatch: Any) -> None:
    monkeypatch.setattr("tracewhale.running.stopping.STOP_SECONDS", 1e9)
    trace = runner("base", "sleep", "1000", steps=[Step("for", "0.1")])
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.stopped) == (137, True)


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


@pytest.mark.parametrize("user", ["root", "games"])
def test_a_sandbox_whose_keeper_is_killed(runner: Runner, user: str) -> None:
    step = Step("workload", "kill -9 $(sed -n 's/^PPid:.//p' /proc/$TRACEWHALE_PID/status)")
    with pytest.raises(ProbeError, match="The process that keeps the sandbox was killed"):
        runner("base", "sh", "-c", WAIT, user=user, steps=[step, Step("for", "60")])


def test_a_command_that_is_killed(runner: Runner) -> None:
    with pytest.raises(CommandKilled, match="signal 11"):
        runner("base", "perl", "-e", "unpack('P1', pack('Q', 16))")


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


def test_a_static_program_in_an_image_of_nothing_else(runner: Runner) -> None:
    trace = runner("static")
    assert trace.outcome is not None
    assert trace.outcome.status == 0
    assert len(trace.execs) == 1


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


def test_an_output_that_cannot_be_written_is_an_error(runner: Runner) -> None:
    def full(data: bytes) -> None:
        raise BrokenPipeError

    runner.stdout = type("Broken", (bytearray,), {"extend": lambda self, data: full(data)})()
    with pytest.raises(BrokenPipeError):
        runner("base", "sh", "-c", "echo x; sleep 60")
