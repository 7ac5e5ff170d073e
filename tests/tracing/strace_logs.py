"""Logs of strace as the tests write them, and the events in them."""

from __future__ import annotations

from textwrap import dedent

from tracewhale.tracing.events import Event, Trace
from tracewhale.tracing.strace import Log, Start, parse

ROOT = Start(directory="/start")


def log(text: str, name: str = "log") -> Log:
    return Log(name, dedent(text).lstrip("\n").splitlines(keepends=True))


def trace(text: str, first: Start = ROOT) -> Trace:
    return parse([log(text)], first=first)


def asked(found: Trace) -> list[tuple[str, str, bool]]:
    return sorted((event.path, event.access, event.present) for event in found.events)


def only(text: str, first: Start = ROOT) -> Event:
    (event,) = trace(text, first).events
    return event
