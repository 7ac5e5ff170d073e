"""The trace file: docs/trace-format.md, version 1. Written by `trace`, read by every later stage."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields as dataclass_fields
from operator import attrgetter
from typing import Any

from tracewhale import __version__
from tracewhale.errors import NoSpace, TraceFileError
from tracewhale.tracing import exchanges, fields, outcomes
from tracewhale.tracing.events import (
    Access,
    Counters,
    Event,
    Exec,
    Moment,
    Step,
    Trace,
    UnresolvedPath,
)

FORMAT = "tracewhale-trace"
VERSION = 1
LINE_LIMIT = 96 << 20
"""The most characters of a line: an outcome has two outputs of OUTPUT_LIMIT bytes in base64. A longer line is
cut."""
ACCESSES = {access.value: access.value for access in Access}
_IN_ORDER = attrgetter(*(field.name for field in dataclass_fields(Event)))
"""The sort key of events: it orders them as they compare, many times as fast. There may be a million."""


def dumps(trace: Trace) -> Iterator[str]:
    """Yield the lines of a trace file, each with its newline, in the order that the format fixes."""
    count = 0
    for count, line in enumerate(_lines(trace), start=1):  # noqa: B007 - the count is wanted afterwards
        yield json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"
    end = {"type": "end", "counters": _counters(trace.counters), "lines": count}
    yield json.dumps(end, sort_keys=True, separators=(",", ":")) + "\n"


def check_place(path: str) -> None:
    """Raise TraceFileError before a run if its trace could not be written."""
    directory = os.path.dirname(path) or "."
    reason = ""
    if os.path.isdir(path):
        reason = os.strerror(errno.EISDIR)
    elif not os.path.isdir(directory):
        reason = os.strerror(errno.ENOENT)
    elif not os.access(path if os.path.exists(path) else directory, os.W_OK):
        reason = os.strerror(errno.EACCES)
    if reason:
        raise TraceFileError(f"The trace file {path} cannot be written: {reason}.", "Name another place.")


def write(trace: Trace, path: str) -> None:
    """Write a trace file completely or not at all (a temporary name beside it, then rename(2)).

    A pipe, a device or a link (/dev/stdout is one) is written to, not replaced. Raise NoSpace, or
    TraceFileError if the place cannot be written.
    """
    special = os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path))
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        place, mode = (path, "w") if special else (temporary, "x")
        with open(place, mode, encoding="utf-8", newline="\n", opener=_private) as file:
            file.writelines(dumps(trace))
        if not special:
            os.replace(temporary, path)
    except OSError as error:
        _unlink(temporary)
        if error.errno == errno.ENOSPC:
            raise NoSpace(f"No space left to write the trace file {path}.", "Free some space.") from error
        raise TraceFileError(
            f"The trace file {path} cannot be written: {error.strerror}.", "Name another place."
        ) from error
    except BaseException:
        _unlink(temporary)
        raise


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner may read if it is new: a trace has variables and input."""
    return os.open(path, flags, 0o600)


def read(path: str) -> Trace:
    """Read a trace file. Raise TraceFileError if it is absent, cut, damaged or too new."""
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            return loads(iter(lambda: file.readline(LINE_LIMIT), ""), path)
    except UnicodeDecodeError as error:
        raise TraceFileError(f"{path} is not a trace file: it is not UTF-8 text.", _AGAIN) from error
    except OSError as error:
        raise TraceFileError(f"The trace file {path} cannot be read: {error.strerror}.", _AGAIN) from error


def loads(lines: Iterator[str], name: str = "the trace") -> Trace:
    """Parse the lines of a trace file; ``name`` is its name in errors."""
    header = _parse(next(lines, ""), name, 1)
    if header.get("type") != "header" or header.get("format") != FORMAT:
        raise TraceFileError(f"{name} is not a trace file: it does not start with its header.", _AGAIN)
    if not isinstance(header.get("version"), int) or header["version"] < 1:
        raise TraceFileError(f"{name} is not a trace file: it has no version.", _AGAIN)
    if header["version"] > VERSION:
        raise TraceFileError(
            f"{name} is of version {header['version']}, and this program knows version {VERSION}.",
            "Use the TraceWhale that wrote it, or a newer one.",
        )
    events: set[Event] = set()
    moments: dict[Event, Moment] = {}
    result: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ("exec", "unresolved", "step", "outcome")}
    number, end = 1, None
    try:
        for number, line in enumerate(lines, start=2):
            value = _parse(line, name, number)
            if end is not None:
                raise TraceFileError(f"{name} is damaged: line {number} stands after its end.", _AGAIN)
            if value.get("type") == "event":
                event = _event(value)
                events.add(event)
                if "first" in value:
                    moments[event] = _moment(value["first"]).earlier(moments.get(event))
            elif value.get("type") == "end":
                end = value
            elif value.get("type") in result:
                result[value["type"]].append(value)
            else:
                raise TraceFileError(f"{name} is damaged: line {number} is of no known type.", _AGAIN)
        if end is None or end.get("lines") != number - 1:
            raise TraceFileError(f"{name} is cut: its end is missing.", _AGAIN)
        trace = _trace(header, events, moments, result, end)
    except UnicodeDecodeError:
        raise  # an error of the file, reported where it was opened
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TraceFileError(
            f"{name} is damaged: a field is missing or malformed ({error}).", _AGAIN
        ) from error
    if trace.counters.lost:
        raise TraceFileError(f"{name} lost {trace.counters.lost} events, so it cannot be used.", _AGAIN)
    return trace


_AGAIN = "Trace again."


def _lines(trace: Trace) -> Iterator[dict[str, Any]]:
    yield {
        "type": "header",
        "format": FORMAT,
        "version": VERSION,
        "tool": __version__,
        "target": trace.target,
        "image": trace.image,
        "probe": trace.probe,
        "request": trace.request,
        "mounts": list(trace.mounts),
        "changes": list(trace.changes),
        "seconds": round(trace.seconds, 3),
    }
    for event in sorted(trace.events, key=_IN_ORDER):
        line: dict[str, Any] = {
            "type": "event",
            "path": event.path,
            "access": event.access,
            "program": event.program,
            "present": event.present,
        }
        line |= {} if event.follow else {"follow": False}
        line |= {"real": event.real} if event.real else {}
        line |= {"root": event.root} if event.root != "/" else {}
        moment = trace.moments.get(event)
        line |= {"first": [moment.number, round(moment.seconds, 3)]} if moment else {}
        yield line
    for run in sorted(trace.execs):
        environment = [list(pair) for pair in run.loader_environment]
        yield {"type": "exec", "path": run.path, "environment": environment}
    for failure in sorted(trace.unresolved):
        yield {
            "type": "unresolved",
            "access": failure.access,
            "program": failure.program,
            "reason": failure.reason,
            "count": failure.count,
        }
    for step in trace.steps:
        line = {"type": "step", "kind": step.kind, "argument": step.argument, "status": step.status}
        line |= {"seconds": step.seconds} if step.seconds else {}
        line |= {"growth": list(step.growth)} if step.growth else {}
        line |= (
            {"exchanges": [exchanges.to_json(exchange) for exchange in step.exchanges]}
            if step.exchanges
            else {}
        )
        yield line
    if trace.outcome is not None:
        yield {"type": "outcome"} | outcomes.to_json(trace.outcome)


def _counters(counters: Counters) -> dict[str, int]:
    return {
        "received": counters.received,
        "recorded": counters.recorded,
        "repeated": counters.repeated,
        "unresolved": counters.unresolved,
        "ignored": counters.ignored,
    }


def _parse(line: str, name: str, number: int) -> dict[str, Any]:
    if not line.endswith("\n"):
        raise TraceFileError(f"{name} is cut in line {number}.", _AGAIN)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TraceFileError(f"{name} is damaged: line {number} is not JSON.", _AGAIN) from error
    if not isinstance(value, dict):
        raise TraceFileError(f"{name} is damaged: line {number} is not an object.", _AGAIN)
    return value


def _trace(
    header: Mapping[str, Any],
    events: Set[Event],
    moments: Mapping[Event, Moment],
    records: Mapping[str, list[dict[str, Any]]],
    end: Mapping[str, Any],
) -> Trace:
    return Trace(
        target=fields.text(header["target"]),
        image=fields.text(header["image"]),
        probe=fields.text(header["probe"]),
        request=dict(header["request"]),
        events=frozenset(events),
        execs=frozenset(
            Exec(
                fields.path(run["path"]),
                tuple((fields.text(k), fields.text(v)) for k, v in run["environment"]),
            )
            for run in records["exec"]
        ),
        unresolved=tuple(
            UnresolvedPath(
                _access(u["access"]),
                fields.text(u["program"]),
                fields.text(u["reason"]),
                fields.integer(u["count"]),
            )
            for u in records["unresolved"]
        ),
        counters=Counters(**{key: fields.integer(end["counters"][key]) for key in _counters(Counters())}),
        outcome=next(map(outcomes.from_json, records["outcome"]), None),
        steps=tuple(_step(line) for line in records["step"]),
        mounts=tuple(fields.path(path) for path in header["mounts"]),
        changes=tuple(fields.path(path) for path in header["changes"]),
        seconds=fields.seconds(header["seconds"]),
        moments=moments,
    )


def _step(line: Mapping[str, Any]) -> Step:
    return Step(
        kind=fields.text(line["kind"]),
        argument=fields.text(line["argument"]),
        status=fields.integer(line["status"]),
        seconds=fields.seconds(line.get("seconds", 0.0)),
        growth=tuple(int(count) for count in line.get("growth", ())),
        exchanges=tuple(exchanges.from_json(exchange) for exchange in line.get("exchanges", ())),
    )


def _event(line: Mapping[str, Any]) -> Event:
    return Event(
        path=fields.path(line["path"]),
        access=_access(line["access"]),
        program=sys.intern(fields.text(line["program"])),
        present=bool(line["present"]),
        follow=bool(line.get("follow", True)),
        real=fields.text(line.get("real", "")),
        root=fields.path(line.get("root", "/")),
    )


def _moment(value: Any) -> Moment:
    number, seconds = value
    if fields.integer(number) < 1:
        raise ValueError(f"{number} is not a place in an order")
    return Moment(number, fields.seconds(seconds))


def _access(value: object) -> str:
    if fields.text(value) not in ACCESSES:
        raise ValueError(f"{value!r} is not a kind of access")
    return ACCESSES[fields.text(value)]


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
