"""A step that is interrupted in the middle is completed first."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tracewhale.engines.docker.interrupts import run_to_end


def test_an_interrupt_comes_after_the_work() -> None:
    done: list[str] = []

    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        done.append("made")

    with pytest.raises(KeyboardInterrupt):
        run_to_end(work)
    assert done == ["made"]


def test_results_and_errors_are_those_of_the_work() -> None:
    assert run_to_end(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        run_to_end(lambda: 1 // 0)
