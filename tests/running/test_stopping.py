"""How a command is stopped: with which signal, and whether there is anything to wait for."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

import pytest

from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run
from tracewhale.running.stopping import StopPolicy, reacts, stop_policy, stop_signal
from tracewhale.tracing.events import Outcome, Trace


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("SIGQUIT", signal.SIGQUIT),
        ("quit", signal.SIGQUIT),
        ("9", signal.SIGKILL),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("RTMAX-1", signal.SIGRTMAX - 1),
        ("", signal.SIGTERM),
        (None, signal.SIGTERM),
    ],
)
def test_the_stop_signal(text: Any, number: int) -> None:
    assert stop_signal({"StopSignal": text}) == number


@pytest.mark.parametrize(
    "text", ["0", "32", "65", "4294967296", "9" * 5000, "-1", "²", "SIG_DFL", "SIG_BLOCK", "RTMIN+99", "\n"]
)
def test_a_stop_signal_that_is_none(text: str) -> None:
    assert stop_signal({"StopSignal": text}) == signal.SIGTERM


@pytest.mark.parametrize(
    ("status", "number", "does"),
    [
        ("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180004002\n", 15, True),
        ("SigBlk:\t0000000000000000\nSigCgt:\t0000000180004002\n", 2, True),
        ("SigBlk:\t0000000000000000\nSigCgt:\t0000000180004002\n", 3, False),
        ("SigBlk:\t0000000000000000\nSigCgt:\t0000000000000000\n", 15, False),
        ("SigBlk:\t0000000000004000\nSigCgt:\t0000000000000000\n", 15, True),
        ("Name:\tx\n", 15, True),
        ("", 15, True),
    ],
)
def test_which_processes_react_to_a_signal(status: str, number: int, does: bool) -> None:
    assert reacts(status, number) is does


def repeated(status: int, *, stopped: bool = True, number: int = 0) -> Trace:
    outcome = Outcome(status, stopped=stopped, signal=number)
    return Trace("t", "i", "seccomp", {}, frozenset(), outcome=outcome)


@pytest.mark.parametrize(
    ("repeating", "policy"),
    [
        (None, StopPolicy(15, 10)),
        (repeated(0), StopPolicy(15, 10)),
        (repeated(137), StopPolicy(15, 0)),
        (repeated(137, stopped=False), StopPolicy(15, 10)),
        (repeated(0, number=2), StopPolicy(2, 10)),
    ],
)
def test_what_had_to_be_killed_is_killed_at_once_when_it_is_repeated(
    repeating: Trace | None, policy: StopPolicy
) -> None:
    assert stop_policy(Run("t", "i", {}), repeating) == policy


@pytest.mark.parametrize(
    ("given", "base", "seconds"),
    [(None, {}, 10), (3, {}, 3), (None, {"StopTimeout": 5}, 5), (0, {"StopTimeout": 5}, 0)],
)
def test_how_long_stopping_may_take(given: int | None, base: Mapping[str, Any], seconds: float) -> None:
    run = Run("t", "i", {}, RunOptions(stop_timeout=given), base={"Config": base})
    assert stop_policy(run).seconds == seconds
