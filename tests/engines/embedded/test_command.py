"""What a sandbox is told of an image's configuration, whatever that says."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tracewhale.engines.embedded.command import stop_signal
from tracewhale.running.steps import ports_of


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


def test_exposed_ports() -> None:
    exposed = ("80/tcp", "9", "53/udp", "0/tcp", "65536/tcp", "²/tcp", "-1/tcp", "1-9/tcp", "9" * 5000, "/")
    assert ports_of(dict.fromkeys(exposed), {"443/tcp": 5}, None) == (9, 80, 443)
