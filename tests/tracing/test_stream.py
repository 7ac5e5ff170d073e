"""The event stream: decoded however it is cut, and believed only where it adds up."""

from __future__ import annotations

import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewhale.errors import ProbeError, TraceLost
from tracewhale.tracing.collector import Collector
from tracewhale.tracing.events import Access, Counters, Event, Exec, Moment, UnresolvedPath
from tracewhale.tracing.records import (
    AccessRecord,
    CountersRecord,
    EndRecord,
    ExecRecord,
    FailureRecord,
    Feature,
    Hello,
    Listening,
    Program,
    Record,
    StartRecord,
)
from tracewhale.tracing.stream import RECORD_LIMIT, Decoder, decode


def strings(*texts: bytes) -> bytes:
    return b"".join(text + b"\0" for text in texts)


def hello(version: int = 1) -> bytes:
    return b"H" + struct.pack("<II", version, 3)


def program(number: int, path: bytes) -> bytes:
    return b"P" + struct.pack("<I", number) + strings(path)


def accessed(access: Access, flags: int, received: int, *paths: bytes, number: int = 0) -> bytes:
    head = struct.pack("<BBIIQ", list(Access).index(access), flags, 7, number, received)
    return b"A" + head + strings(*paths)


def failed(access: Access = Access.STAT, reason: bytes = b"Bad address") -> bytes:
    return b"U" + struct.pack("<BIII", list(Access).index(access), 7, 0, 14) + strings(reason)


def counted(*numbers: int) -> bytes:
    return b"C" + struct.pack("<5Q", *numbers)


def framed(*bodies: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(body)) + body for body in bodies)


STREAM = (
    hello(),
    program(0, b"/usr/bin/env"),
    accessed(Access.READ, 1, 3, b"/lib/x", b"/usr/lib/x", b""),
    accessed(Access.STAT, 2, 4, b"/no\xff", b"", b"/jail"),
    b"E" + struct.pack("<II", 7, 0) + strings(b"/bin/sh", b"LD_LIBRARY_PATH=/a=b", b"LD_BIND_NOW="),
    failed(),
    b"S" + struct.pack("<II", 0, 0) + strings(b""),
    b"S" + struct.pack("<II", 1, 2) + strings(b"find"),
    b"L" + struct.pack("<H", 8080),
    b"G" + struct.pack("<I", 1),
    counted(9, 2, 4, 1, 2),
)
RECORDS: tuple[Record, ...] = (
    Hello(1, Feature.WAIT_KILLABLE | Feature.SYNC_WAKE_UP),
    Program(0, "/usr/bin/env"),
    AccessRecord(Access.READ, True, True, 7, 0, 3, "/lib/x", "/usr/lib/x", ""),
    AccessRecord(Access.STAT, False, False, 7, 0, 4, "/no\udcff", "", "/jail"),
    ExecRecord(7, 0, "/bin/sh", (("LD_LIBRARY_PATH", "/a=b"), ("LD_BIND_NOW", ""))),
    FailureRecord(Access.STAT, 7, 0, 14, "Bad address"),
    StartRecord(0, 0, ""),
    StartRecord(1, 2, "find"),
    Listening(8080),
    EndRecord(1),
    CountersRecord(Counters(9, 2, 4, 1, 2)),
)


def collected(stream: bytes) -> Collector:
    collector = Collector()
    collector.receive(stream)
    collector.settle()
    return collector


@given(st.lists(st.integers(0, len(framed(*STREAM))), max_size=30))
def test_a_stream_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    stream, decoder = framed(*STREAM), Decoder()
    records: list[Record] = []
    for start, end in pairwise([0, *sorted(cuts), len(stream)]):
        records += map(decode, decoder.bodies(stream[start:end]))
    decoder.finish()
    assert tuple(records) == RECORDS


def test_a_target_that_wants_a_listener_too() -> None:
    collector = Collector()
    busy = b"B" + struct.pack("<II", 7, 0)
    collector.receive(framed(hello(), program(0, b"/usr/bin/runc"), busy))
    with pytest.raises(ProbeError, match=r"^/usr/bin/runc asked for seccomp notifications of its own"):
        collector.finish()


def test_what_a_stream_adds_up_to() -> None:
    collector = Collector()
    collector.receive(framed(*STREAM))
    collector.finish()
    assert collector.events == {
        Event("/lib/x", "read", "/usr/bin/env", True, real="/usr/lib/x"),
        Event("/no\udcff", "stat", "/usr/bin/env", False, follow=False, root="/jail"),
    }
    assert collector.execs == {Exec("/bin/sh", (("LD_LIBRARY_PATH", "/a=b"), ("LD_BIND_NOW", "")))}
    assert collector.unresolved == (UnresolvedPath("stat", "/usr/bin/env", "Bad address", 1),)
    assert collector.counters == Counters(9, 2, 4, 1, 2)
    assert collector.started == {0: StartRecord(0, 0, ""), 1: StartRecord(1, 2, "find")}
    assert (collector.ended_listeners, collector.listening) == ({1}, {8080})
    assert collector.features == Feature(3)


def test_the_first_time_counts() -> None:
    """The order is that of the records; what comes again keeps its first moment."""
    times = iter([5.0, 5.25])
    collector = Collector(lambda: next(times))
    again = accessed(Access.STAT, 2, 20, b"/no\xff", b"", b"/jail")
    collector.receive(framed(*STREAM[:3]))
    collector.receive(framed(*STREAM[3:], again))
    assert [(event.path, moment) for event, moment in collector.moments.items()][:2] == [
        ("/lib/x", Moment(1, 0.0)),
        ("/no\udcff", Moment(2, 0.25)),
    ]


def test_what_waits_and_what_is_added_at_once() -> None:
    collector = Collector()
    collector.receive(framed(*STREAM))
    assert (collector.listening, collector.reports, collector.settle() != []) == ({8080}, 1, True)
    assert collector.settle() == []
    collector.receive(framed(counted(99, 2, 4, 1, 2)))
    with pytest.raises(TraceLost):
        collector.finish()


def test_what_came_after_the_last_report_is_counted() -> None:
    """Process 1 was killed and the agent with it: what it had recorded is known, and no more."""
    collector = Collector()
    later = accessed(Access.READ, 1, 20, b"/later", b"", b"")
    collector.receive(framed(*STREAM, later, failed()))
    assert collector.counters == Counters(11, 3, 4, 2, 2)
    assert collector.counters.lost == 0


def test_two_paths_of_one_call_are_one_notification() -> None:
    collector = Collector()
    old = accessed(Access.RENAME_FROM, 1, 1, b"/old", b"", b"")
    new = accessed(Access.RENAME_TO, 0, 1, b"/new", b"", b"")
    collector.receive(framed(program(0, b""), old, new, counted(1, 1, 0, 0, 0)))
    assert len(collector.events) == 2
    assert collector.counters == Counters(1, 1)


@pytest.mark.parametrize(
    "numbers",
    [(9, 2, 4, 1, 1), (9, 1, 5, 1, 2), (10, 3, 4, 1, 2), (9, 2, 5, 0, 2), (3, 2, 0, 1, 0)],
    ids=["sum", "fewer", "more", "unresolved", "received"],
)
def test_counters_that_do_not_add_up(numbers: tuple[int, ...]) -> None:
    with pytest.raises(TraceLost):
        collected(framed(*STREAM[:-1], counted(*numbers)))


def test_records_out_of_order() -> None:
    access = accessed(Access.READ, 1, 2, b"/x", b"", b"")
    with pytest.raises(TraceLost, match="out of order"):
        collected(framed(*STREAM, access))


def test_a_program_without_a_name() -> None:
    with pytest.raises(TraceLost, match="program 5"):
        collected(framed(accessed(Access.READ, 1, 1, b"/x", b"", b"", number=5)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Z",
        b"A",
        STREAM[2][:-1],
        STREAM[2] + b"x\0",
        b"A" + struct.pack("<BBIIQ", len(Access), 0, 1, 0, 1) + strings(b"/x", b"", b""),
        STREAM[1] + strings(b"/y"),
        STREAM[1][:5],
        counted(1, 1, 0, 0, 0)[:-1],
        counted(1, 1, 0, 0, 0) + b"\0",
        STREAM[8] + b"\0",
    ],
)
def test_malformed_records(body: bytes) -> None:
    with pytest.raises(TraceLost):
        decode(body)
    if body:
        with pytest.raises(TraceLost):
            list(map(decode, Decoder().bodies(framed(body))))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_decode_or_fail_clearly(body: bytes) -> None:
    with suppress(TraceLost):
        decode(body)


def test_a_newer_protocol_is_refused() -> None:
    with pytest.raises(TraceLost, match="version 2"):
        decode(hello(2))


@pytest.mark.parametrize("size", [0, RECORD_LIMIT + 1])
def test_a_record_of_an_impossible_size(size: int) -> None:
    with pytest.raises(TraceLost, match="bytes"):
        list(map(decode, Decoder().bodies(struct.pack("<I", size))))


def test_a_stream_that_is_cut() -> None:
    decoder = Decoder()
    list(map(decode, decoder.bodies(framed(*STREAM)[:-1])))
    with pytest.raises(TraceLost, match="within a record"):
        decoder.finish()
