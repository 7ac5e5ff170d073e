"""Let a target run until it requests nothing new."""

from __future__ import annotations

import time

from tracewhale.running.session import RunSession

SLICE_SECONDS = 1.0
LIMIT_SECONDS = 600.0
"""The longest run in seconds of a target that never becomes quiet."""


def until_idle(session: RunSession, quiet: float, limit: float) -> tuple[int, ...]:
    """Wait until no new access has come for ``quiet`` seconds, the command ends, or ``limit`` seconds have
    passed.

    Return the number of distinct accesses at the end of each second. Wait at least ``quiet`` seconds.
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
