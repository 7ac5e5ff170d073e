"""Signals that end the work, whatever Python was doing when they came."""

from __future__ import annotations

import signal
import sys

import pytest

from tracewhale.cli.signals import Termination, signals
from tracewhale.context import Context


class Finalized:
    """An object in whose finalizer a signal comes."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_a_finalizer_swallows_ends_the_work_at_the_next_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: ignored.append(unraisable.exc_type))
    current = Context()
    with signals(current):
        Finalized()
        assert ignored == [Termination]
        with pytest.raises(Termination), current.stage("plan", "planning"):
            pytest.fail("the work went on")
