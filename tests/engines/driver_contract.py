"""The tests that every engine's runs pass: how they are driven, how they end, and that nothing is left."""

from __future__ import annotations

import base64
import io
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.engines.runner import EngineRunner
from tracewhale.errors import (
    Interrupted,
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


def health(*test: str, **more: Any) -> dict[str, Any]:
    return {"Healthcheck": {"Test": list(test), **more}}


class DriverContract:
    """Tests of a driver by the ``runner`` of its engine."""

    def test_a_server_is_driven_once_it_listens(self, runner: EngineRunner) -> None:
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
    def test_a_step_that_fails_is_named(self, runner: EngineRunner, step: Step, words: str) -> None:
        with pytest.raises(WorkloadFailed, match=words):
            runner("base", "sh", "-c", WAIT, steps=[step])

    def test_a_server_that_died_before_its_workload(self, runner: EngineRunner, tmp_path: Path) -> None:
        with pytest.raises(WorkloadFailed, match=r"ended with status 4 before the workload .*\nlast words"):
            runner(
                "base",
                "sh",
                "-c",
                "echo last words; exit 4",
                steps=[Step("workload", f"touch {tmp_path}/ran")],
            )
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        "step", [Step("exec", ""), Step("exec", "'"), Step("for", "x"), Step("for", "-1")]
    )
    def test_a_step_that_makes_no_sense(self, runner: EngineRunner, step: Step) -> None:
        with pytest.raises(UsageError):
            runner("base", "true", steps=[step])

    def test_a_command_that_died_of_a_signal_that_was_handed_on(self, runner: EngineRunner) -> None:
        handle = Handle()
        after(lambda: b"ready" in runner.stdout, lambda: handle.signal(9))
        trace = runner("base", "sh", "-c", "echo ready; sleep 60", handle=handle)
        assert trace.outcome is not None
        assert (trace.outcome.status, trace.outcome.stopped) == (137, False)

    def test_a_signal_reaches_the_command(self, runner: EngineRunner) -> None:
        handle = Handle()
        after(lambda: b"ready" in runner.stdout, lambda: handle.signal(10))
        script = "trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.1; done"
        trace = runner("base", "sh", "-c", script, handle=handle)
        assert trace.outcome is not None
        assert (trace.outcome.status, trace.outcome.stdout) == (5, b"ready\nusr1\n")

    def test_one_interrupt_ends_the_trace(self, runner: EngineRunner) -> None:
        handle = Handle()
        after(lambda: b"ready" in runner.stdout, handle.interrupt)
        trace = runner("base", "sh", "-c", f"echo ready; {WAIT}", handle=handle)
        assert trace.outcome is not None
        assert (trace.outcome.status, trace.outcome.stopped) == (0, True)

    def test_one_interrupt_ends_a_workload(self, runner: EngineRunner, tmp_path: Path) -> None:
        handle = Handle()
        mark, told = tmp_path / "mark", tmp_path / "told"
        after(mark.exists, handle.interrupt)
        workload = f"trap ': > {told}; exit' TERM; : > {mark}; sleep 600 & wait"
        trace = runner("base", "sh", "-c", WAIT, handle=handle, steps=[Step("workload", workload)])
        assert trace.steps == ()
        assert told.exists()

    def test_two_interrupts_give_up(self, runner: EngineRunner) -> None:
        handle = Handle()

        def twice() -> None:
            handle.interrupt()
            handle.interrupt()

        after(lambda: b"ready" in runner.stdout, twice)
        with pytest.raises(Interrupted):
            runner("base", "sh", "-c", "echo ready; trap '' TERM; while :; do sleep 1; done", handle=handle)

    def test_input_is_passed_on_and_recorded(self, runner: EngineRunner) -> None:
        trace = runner(
            "base", "sh", "-c", "cat; echo end", interactive=True, stdin=io.BytesIO(b"a\n" * 50000)
        )
        assert runner.stdout == b"a\n" * 50000 + b"end\n"
        runner.stdout.clear()
        recorded = base64.b64decode(str(trace.request["input"]))
        runner("base", "sh", "-c", "cat; echo end", interactive=True, recorded=recorded)
        assert runner.stdout == b"a\n" * 50000 + b"end\n"

    def test_a_terminal_has_its_size(self, runner: EngineRunner) -> None:
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

    @pytest.mark.parametrize(
        "config",
        [
            health("CMD", "cat", "/etc/debian_version"),
            health("CMD-SHELL", "cat /etc/debian_version | grep ."),
            health("CMD-SHELL", "cat /etc/debian_version", StartPeriod=1) | {"Shell": ["/bin/bash", "-c"]},
            health("CMD-SHELL", "cat /etc/debian_version; [ -e /tmp/tried ] || ! : > /tmp/tried", Retries=2),
        ],
    )
    def test_the_health_check_runs_last_and_traced(
        self, runner: EngineRunner, config: dict[str, Any]
    ) -> None:
        trace = runner("base", "sh", "-c", WAIT, steps=[Step("for", "0.1")], config=config)
        assert [step.kind for step in trace.steps] == ["for", "healthcheck"]
        assert "/etc/debian_version" in paths(trace, "/cat")

    def test_a_health_check_that_fails(self, runner: EngineRunner) -> None:
        config = health("CMD-SHELL", "echo sick; exit 1", Retries=2, Interval=10**8)
        with pytest.raises(WorkloadFailed, match=r"health check .* failed with status 1:\nsick"):
            runner("base", "sh", "-c", WAIT, steps=[Step("for", "0.1")], config=config)

    @pytest.mark.parametrize("config", [health("NONE"), health(), {}])
    def test_no_health_check(self, runner: EngineRunner, config: dict[str, Any]) -> None:
        assert len(runner("base", "sh", "-c", WAIT, steps=[Step("for", "0.1")], config=config).steps) == 1

    def test_a_static_program_in_an_image_of_nothing_else(self, runner: EngineRunner) -> None:
        trace = runner("static")
        assert trace.outcome is not None
        assert trace.outcome.status == 0
        assert len(trace.execs) == 1

    def test_an_output_that_cannot_be_written_is_an_error(self, runner: EngineRunner) -> None:
        def full(data: bytes) -> None:
            raise BrokenPipeError

        runner.stdout = type("Broken", (bytearray,), {"extend": lambda self, data: full(data)})()
        with pytest.raises(BrokenPipeError):
            runner("base", "sh", "-c", "echo x; sleep 60")
