"""Judge whether the traced command succeeded. Pure: a trace in, an error or nothing out."""

from __future__ import annotations

from tracewhale.errors import CommandFailed
from tracewhale.printable import printable
from tracewhale.tracing.events import Trace

SHORTEST_NAME = 3
"""The shortest file name in characters; a shorter one is found in any output by chance."""


def failure_of(trace: Trace, expected: int) -> CommandFailed | None:
    """Return the error of a run that did not end as it should, or None.

    A command that was stopped has no status of its own.
    """
    outcome = trace.outcome
    if outcome is None or outcome.stopped or outcome.status == expected:
        return None
    said = outcome.tail()
    what = (
        f"The command ended with status {outcome.status}, where {expected} was expected"
        if expected
        else (f"The command ended with status {outcome.status}")
    )
    what += f". Its last output:\n{said}" if said else ", and printed nothing."
    missing = likely_missing(trace, said)
    hint = f"If it is meant to end so, say --expect-status {outcome.status}."
    if missing:
        place = f"{printable(missing)}, which the target does not have"
        hint = f"It asked for {place}: is that its path, and -w the directory to run in? {hint}"
    return CommandFailed(what, hint)


def likely_missing(trace: Trace, output: str) -> str:
    """Return the path that a command requested in vain and that its last lines name, or an empty string."""
    absent = sorted(
        {event.path for event in trace.events if not event.present}, key=lambda path: (-len(path), path)
    )
    in_full = [path for path in absent if path in output]
    by_name = [
        path for path in absent if len(name := path.rpartition("/")[2]) >= SHORTEST_NAME and name in output
    ]
    return next(iter((*in_full, *by_name)), "")
