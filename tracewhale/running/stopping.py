"""The way to stop a command: the signal, and the seconds until it is killed. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracewhale.running.run import Run
from tracewhale.tracing.events import Trace

STOP_SECONDS = 10.0
"""The seconds that ``docker stop`` waits by default."""

KILLED = 128 + signal.SIGKILL

SIGNALS: Mapping[str, int] = {
    **{item.name.removeprefix("SIG"): int(item) for item in signal.Signals},
    **{f"RTMIN+{number}": signal.SIGRTMIN + number for number in range(1, 16)},
    **{f"RTMAX-{number}": signal.SIGRTMAX - number for number in range(1, 15)},
}
"""Signals by the names that a ``StopSignal`` may have (moby, signal.SignalMap)."""


@dataclass(frozen=True, slots=True)
class StopPolicy:
    """The signal that requests a command to end, and the seconds after which it is killed."""

    signal: int = int(signal.SIGTERM)
    seconds: float = STOP_SECONDS


DEFAULT_POLICY = StopPolicy()


def stop_policy(run: Run, repeating: Trace | None = None) -> StopPolicy:
    """Return how a run is stopped: as by ``docker stop``, or as in the run that it repeats.

    If that run had to be killed, there is nothing to wait for.
    """
    number = stop_signal(run.config)
    timeout = run.options.stop_timeout
    if timeout is None:
        timeout = (run.base.get("Config") or {}).get("StopTimeout")
    seconds = STOP_SECONDS if timeout is None else float(timeout)
    outcome = repeating.outcome if repeating is not None else None
    if outcome is not None and outcome.stopped:
        number = outcome.signal or number
        seconds = 0.0 if outcome.status == KILLED else seconds
    return StopPolicy(number, seconds)


def stop_signal(config: Mapping[str, Any]) -> int:
    """Return the image's StopSignal as a number, or SIGTERM if it is missing or unknown.

    The value is a number or a name, with or without ``SIG`` (moby, signal.ParseSignal).
    """
    text = str(config.get("StopSignal") or "").upper().removeprefix("SIG")
    number = int(text) if re.fullmatch("[0-9]{1,3}", text) else SIGNALS.get(text, 0)
    return number if number in signal.valid_signals() else int(signal.SIGTERM)


def reacts(status: str, number: int) -> bool:
    """Return whether process 1 of a container may react to a signal, by its /proc/PID/status (proc(5)).

    It must have a handler, or block the signal to wait for it: otherwise the kernel drops signals that would
    end any other process (pid_namespaces(7), "The namespace init process").
    """
    masks = [re.search(rf"^{name}:\s*([0-9a-f]+)$", status, re.MULTILINE) for name in ("SigCgt", "SigBlk")]
    return not all(masks) or any(int(mask[1], 16) >> (number - 1) & 1 for mask in masks if mask)
