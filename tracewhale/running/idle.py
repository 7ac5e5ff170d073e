"""Lets a target run until nothing new comes from it."""

from __future__ import annotations

import time

from tracewhale.running.session import RunSession

SLICE_SECONDS = 1.0
LIMIT_SECONDS = 600.0
"""How long a run lasts at most that never gets quiet."""


def until_idle(session: RunSession, quiet: float, limit: float) -> tuple[int, ...]:
    """Wait until no new access has come for ``quiet`` seconds, the command ends, or ``limit`` is over.

    Returns the distinct accesses known at the end of each second. It lasts ``quiet`` seconds at least.
    """
    began = last = time.monotonic()
    counts: list[int] = []
    while session.status is None:
        session.wait(lambda: session.status is not None, min(SLICE_SECONDS, quiet))
        session.synchronize()
        now, count = time.monotonic(), len(session.collector.events)
        if not counts or count > counts[-1]:
            last = now if counts else began
        counts.append(count)
        session.progress(f"{count} accesses, nothing new for {now - last:.0f} of {quiet:g} s")
        if now - last >= quiet or now - began >= (limit or LIMIT_SECONDS):
            break
    return tuple(counts)
