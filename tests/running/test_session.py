"""A run's session, whichever engine runs it: how long output is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from tracewhale.errors import Interrupted
from tracewhale.running.console import Console, Handle
from tracewhale.running.session import STDOUT, RunSession, TargetProcess
from tracewhale.running.steps import drive
from tracewhale.tracing.events import Step


class Nothing(RunSession):
    """A session in which nothing runs."""

    def enter(self, argv: Sequence[str], *, seconds: float | None = None) -> tuple[TargetProcess, int]:
        raise NotImplementedError

    def kill(self, number: int) -> None:
        """Nobody is there."""

    def resize(self) -> None:
        """There is no terminal."""

    def tell_agent(self, data: bytes) -> bool:
        return False

    def stop(self) -> None:
        """Nothing runs."""


def printing(write: Callable[[bytes], None], pieces: int) -> Nothing:
    """A session whose command has ended and printed ``pieces``, that a thread passes to ``write``."""
    session = Nothing(Console(stdout=write), Handle())

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
    session = Nothing(Console(), Handle())
    session.await_output(session.command, 0.01)
    assert not session.command.drained


def test_an_interrupt_between_start_and_first_step_ends_the_command() -> None:
    session = Nothing(Console(), Handle())
    session.handle.interrupt()
    session.wait(lambda: session.interrupted, 60)
    steps, stopped = drive(session, {}, [Step("for", "1000")], (), {})
    assert (steps, stopped) == ([], True)


def test_two_interrupts_give_up_whatever_happens() -> None:
    session = Nothing(Console(), Handle())
    session.handle.interrupt()
    session.handle.interrupt()
    with pytest.raises(Interrupted):
        session.wait(lambda: False, 60)


def test_an_interrupt_before_the_command_runs_gives_up() -> None:
    handle = Handle()
    handle.interrupt()
    with pytest.raises(Interrupted):
        Nothing(Console(), handle)
