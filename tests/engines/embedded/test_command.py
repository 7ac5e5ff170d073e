"""A sandbox gets an image's configuration, whatever that says."""

from __future__ import annotations

from tracewhale.running.service import ports_of


def test_exposed_ports() -> None:
    exposed = ("80/tcp", "9", "53/udp", "0/tcp", "65536/tcp", "²/tcp", "-1/tcp", "1-9/tcp", "9" * 5000, "/")
    assert ports_of(dict.fromkeys(exposed), {"443/tcp": 5}, None) == (9, 80, 443)
