"""The facts about a running target that steps use: its address and its health check."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NANOSECONDS = 1_000_000_000
PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The image's HEALTHCHECK as one command (``Healthcheck`` object, times in seconds)."""

    argv: tuple[str, ...]
    text: str
    interval: float
    timeout: float
    start_period: float
    retries: int


@dataclass(frozen=True, slots=True)
class Service:
    """A running target. Requests go to its own ``address``, or to its ``other_addresses`` if this refuses
    them, and nowhere else.

    ``ports`` are the TCP ports that its image exposes, ``step_ports`` those that steps name besides;
    ``environment`` is for the user's commands on this machine.
    """

    address: str = "127.0.0.1"
    ports: Sequence[int] = ()
    step_ports: Sequence[int] = ()
    check: HealthCheck | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    other_addresses: Sequence[str] = ()


def health_check(config: Mapping[str, Any]) -> HealthCheck | None:
    """Return the health check of an image's configuration, or None if it has none, or NONE."""
    check = config.get("Healthcheck") or {}
    kind, *words = check.get("Test") or ["NONE"]
    if kind == "CMD-SHELL" and words:
        argv = (*(config.get("Shell") or ("/bin/sh", "-c")), words[0])
    elif kind == "CMD" and words:
        argv = tuple(words)
    else:
        return None

    def seconds(name: str, default: float) -> float:
        return (check.get(name) or default * NANOSECONDS) / NANOSECONDS

    return HealthCheck(
        argv=argv,
        text=" ".join(words),
        interval=seconds("Interval", 30),
        timeout=seconds("Timeout", 30),
        start_period=seconds("StartPeriod", 0),
        retries=check.get("Retries") or 3,
    )


def ports_of(*exposed: Mapping[str, Any] | None) -> tuple[int, ...]:
    """Return the TCP ports in some ``ExposedPorts`` objects, sorted."""
    names = {name for group in exposed for name in group or ()}
    ports = {name.partition("/")[0] for name in names if name.partition("/")[2] in ("", "tcp")}
    numbers = {int(port) for port in ports if re.fullmatch("[0-9]{1,5}", port)}
    return tuple(sorted(number for number in numbers if number in PORTS))
