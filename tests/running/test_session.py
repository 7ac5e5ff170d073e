"""A run's session, whichever engine runs it: how long output is waited for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from tests.running.nothing import Nothing
from tracewhale.errors import Interrupted, TraceLost, WorkloadFailed
from tracewhale.running.console import Console, Handle
from tracewhale.running.service import Service
from tracewhale.running.session import STDOUT, RunSession
from tracewhale.running.steps import drive
from tracewhale.running.stopping import StopPolicy
from tracewhale.tracing.events import Step


class Stubborn(Nothing):
    """A session whose command reacts to the stop signal as ``masks`` say, and dies of SIGKILL only.

    ``handling``: it has a handler, ``resetting``: which gives the signal its default meaning back.
    """

    def __init__(self, masks: list[str]) -> None:
        super().__init__(Console())
        self.masks = masks
        self.sent: list[int] = []

    def kill(self, number: int) -> None:
        self.sent.append(number)
        if number == signal.SIGKILL:
            self.later(lambda: setattr(self, "status", 137))

    def process_status(self) -> str:
        mask = self.masks.pop(0) if len(self.masks) > 1 else self.masks[0]
        return f"SigBlk:\t0\nSigCgt:\t{mask}\n"

    def stop(self) -> None:
        RunSession.stop(self)


@pytest.mark.parametrize("masks", [["0"], ["4000", "0"]])
def test_a_command_that_does_not_react_to_the_stop_signal_is_killed_at_once(masks: list[str]) -> None:
    session = Stubborn(masks)
    session.stop_policy = StopPolicy(signal.SIGTERM, 3600)
    session.stop()
    assert (session.sent, session.status) == ([signal.SIGTERM, signal.SIGKILL], 137)


def test_a_command_that_handles_the_stop_signal_has_its_time_which_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracewhale.running.session.STOP_SILENCE_SECONDS", 0.0)
    said: list[str] = []
    session = Stubborn(["4000"])
    session.progress = said.append
    session.stop_policy = StopPolicy(signal.SIGTERM, 0.5)
    session.stop()
    assert session.sent == [signal.SIGTERM, signal.SIGKILL]
    assert "--stop-timeout" in said[0]


def test_a_command_that_outlives_sigkill_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracewhale.running.session.KILL_SECONDS", 0.1)
    monkeypatch.setattr(Stubborn, "kill", lambda self, number: self.sent.append(number))
    session = Stubborn(["0"])
    with pytest.raises(TraceLost, match=r"still there 0\.1 s after it was killed"):
        session.stop()
    assert session.sent == [signal.SIGTERM, signal.SIGKILL]


def test_sigterm_to_the_run_ends_the_command_with_it() -> None:
    session = Stubborn(["0"])
    session.handle.signal(signal.SIGTERM)
    steps, stopped = drive(session, Service(), [])
    assert (steps, stopped, session.ending_signal) == ([], True, signal.SIGTERM)
    assert session.sent[0] == signal.SIGTERM


def test_a_command_without_an_end_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracewhale.running.steps.ENDLESS_SECONDS", 0.0)
    said: list[str] = []
    session = Nothing(Console())

    def progress(text: str) -> None:
        said.append(text)
        session.later(lambda: setattr(session, "status", 0))

    session.progress = progress
    assert drive(session, Service(), []) == ([], False)
    assert all(way in said[0] for way in ("Ctrl-C", "--for", "--http", "--workload", "--exec"))


def test_a_workload_ends_when_the_command_has_and_both_have_their_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracewhale.running.workloads.ORPHANED_SECONDS", 0.1)
    session = Nothing(Console())
    session.collector.listening.add(80)
    session.command.captured.stderr += b"ImportError: no module named x\n"

    def console(data: bytes) -> None:
        session.later(lambda: setattr(session, "status", 1))  # it ends while the workload runs

    session.console = Console(stderr=console)
    with pytest.raises(WorkloadFailed) as caught:
        drive(session, Service(), [Step("workload", "echo refused; exec sleep 1000")])
    assert "still running when the command had ended:\nrefused" in caught.value.what
    assert "ended with status 1. Its last output:\nImportError: no module named x" in caught.value.what


def test_the_first_interrupt_says_what_the_second_does() -> None:
    said: list[str] = []
    session = Nothing(Console())
    session.progress = said.append
    session.handle.interrupt()
    session.wait(lambda: session.interrupted, 60)
    assert said == ["stopping; Ctrl-C again gives up"]


def test_other_signals_are_the_commands() -> None:
    session = Stubborn(["0"])
    session.handle.signal(signal.SIGUSR1)
    session.wait(lambda: bool(session.sent), 60)
    assert (session.sent, session.ending_signal) == ([signal.SIGUSR1], 0)


def test_a_second_sigterm_gives_up() -> None:
    session = Stubborn(["0"])
    session.handle.signal(signal.SIGTERM)
    session.handle.signal(signal.SIGTERM)
    with pytest.raises(Interrupted):
        session.wait(lambda: False, 60)


def printing(write: Callable[[bytes], None], pieces: int) -> Nothing:
    """A session whose command has ended and printed ``pieces``, that a thread passes to ``write``."""
    session = Nothing(Console(stdout=write))

    def pump() -> None:
        for _ in range(pieces):
            session.output(session.command, STDOUT, b"x")
        session.later(lambda: setattr(session.command, "drained", True))

    session.spawn(pump)
    return session


def test_output_is_waited_for_as_long_as_its_reader_takes() -> None:
    taken = threading.Event()
    read: list[bytes] = []

    def slowly(data: bytes) -> None:
        taken.wait(60)
        read.append(data)

    session = printing(slowly, 3)
    threading.Timer(0.5, taken.set).start()
    session.await_output(session.command, 0.01)
    assert read == [b"x"] * 3
    assert session.command.drained


def test_a_stream_that_never_ends_is_not_waited_for() -> None:
    session = Nothing(Console())
    session.await_output(session.command, 0.01)
    assert not session.command.drained


def test_an_interrupt_between_start_and_first_step_ends_the_command() -> None:
    session = Nothing(Console())
    session.handle.interrupt()
    session.wait(lambda: session.interrupted, 60)
    steps, stopped = drive(session, Service(), [Step("for", "1000")])
    assert (steps, stopped) == ([], True)


def test_an_agent_that_falls_silent_before_the_command_starts_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracewhale.running.session.ASK_EVERY_SECONDS", 0.2)
    session = Nothing(Console())
    session.answer_seconds, session.begun = 0.3, True
    with pytest.raises(TraceLost, match="does not answer"):
        session.wait(lambda: False, 60)


def test_two_interrupts_give_up_whatever_happens() -> None:
    session = Nothing(Console())
    session.handle.interrupt()
    session.handle.interrupt()
    with pytest.raises(Interrupted):
        session.wait(lambda: False, 60)


def test_an_interrupt_before_the_command_runs_gives_up() -> None:
    handle = Handle()
    handle.interrupt()
    with pytest.raises(Interrupted):
        Nothing(Console(handle=handle))
