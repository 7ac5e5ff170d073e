"""The trace file: what is written is read again, and what is cut, damaged or too new is refused."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewhale.errors import ExitCode, TraceFileError
from tracewhale.tracing import tracefile
from tracewhale.tracing.events import (
    Access,
    Counters,
    Event,
    Exec,
    FailedProcess,
    Moment,
    Outcome,
    Step,
    Trace,
    UnresolvedPath,
    WrittenFile,
    merge,
)
from tracewhale.tracing.exchanges import Answer, Exchange, HttpRequest

REQUEST = HttpRequest("POST", "/login", (("A", "b"),), b"\0\xff", 8080, True, 302, False, "login")
ANSWER = Answer(302, "text/html", "/next", 3, "abc", b"\0\xff\n")

TRACE = Trace(
    target="tw/java",
    image="sha256:0123",
    probe="seccomp",
    request={"options": {"env": ["A=1"]}, "command": ["java"]},
    events=frozenset(
        {
            Event("/usr/bin/java", "exec", "/bin/sh", True, real="/usr/lib/jvm/bin/java"),
            Event("/name\udcff\n", "stat", "/usr/bin/java", False, follow=False),
            Event("/etc/passwd", "read", "/usr/bin/java", True, root="/jail"),
        }
    ),
    execs=frozenset({Exec("/usr/bin/java", (("LD_LIBRARY_PATH", "/opt"),))}),
    unresolved=(UnresolvedPath("read", "/usr/bin/java", "bad address", 2),),
    counters=Counters(received=10, recorded=3, repeated=4, unresolved=2, ignored=1),
    outcome=Outcome(
        143,
        True,
        b"out\xff",
        b"err",
        "abc",
        ("172.17.0.2",),
        written=(WrittenFile("/out/a", "file", 3, "00", "01"), WrittenFile("/out", "directory")),
        failed=(FailedProcess("/bin/sh", 3), FailedProcess("/bin/sh", 0, killed=True)),
    ),
    steps=(
        Step("workload", "./smoke", 0),
        Step("for", "3"),
        Step("wait", "log:ready", seconds=2.5),
        Step("http", "/", exchanges=(Exchange(REQUEST, ANSWER), Exchange(HttpRequest("GET", "/")))),
    ),
    mounts=("/data",),
    changes=("/app.jar",),
    seconds=1.5,
)


def text(trace: Trace = TRACE) -> list[str]:
    return list(tracefile.dumps(trace))


def test_round_trip(tmp_path: Path) -> None:
    path = str(tmp_path / "t.trace")
    tracefile.write(TRACE, path)
    assert tracefile.read(path) == TRACE
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.trace"]


DECODED = st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF
)
"""Return what os.fsdecode gives: text, and bytes that are not text."""


@given(st.text(DECODED, min_size=1))
def test_any_name_survives(name: str) -> None:
    trace = dataclasses.replace(TRACE, events=frozenset({Event(f"/{name}", "read", name, True)}))
    assert tracefile.loads(iter(text(trace))) == trace


def test_equal_traces_are_equal_files() -> None:
    again = dataclasses.replace(TRACE, events=frozenset(sorted(TRACE.events, reverse=True)))
    assert text() == text(again)


@pytest.mark.parametrize("kept", range(12))
def test_a_cut_file_is_refused(kept: int) -> None:
    lines = text()
    assert len(lines) == 12
    with pytest.raises(TraceFileError):
        tracefile.loads(iter(lines[:kept] if kept < 9 else [*lines[:9], lines[9][:-5]]))


def header(**changes: object) -> str:
    return json.dumps(json.loads(text()[0]) | changes) + "\n"


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (header(version=2), "of version 2, and this program knows version 1"),
        (header(format="other"), "does not start with its header"),
        (header(version="1"), "has no version"),
        ("{}\n", "does not start with its header"),
        ("[]\n", "is not an object"),
        ("{\n", "is not JSON"),
        (header(mounts=["relative"]), "malformed"),
        (header(request=3), "malformed"),
    ],
)
def test_a_wrong_first_line_is_refused(first: str, says: str) -> None:
    with pytest.raises(TraceFileError, match=says):
        tracefile.loads(iter([first, *text()[1:]]))


def test_lost_events_are_refused() -> None:
    trace = dataclasses.replace(TRACE, counters=Counters(received=10, recorded=3))
    with pytest.raises(TraceFileError, match="lost 7 events"):
        tracefile.loads(iter(text(trace)))


def test_a_line_taken_out_is_noticed() -> None:
    lines = text()
    with pytest.raises(TraceFileError, match="its end is missing"):
        tracefile.loads(iter([*lines[:2], *lines[3:]]))


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        tracefile.write(TRACE, str(pipe))
        assert os.read(reader, 1 << 16).decode() == "".join(tracefile.dumps(TRACE))
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_link_is_written_through_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    for _ in range(2):
        tracefile.write(TRACE, str(tmp_path / "link"))
        assert (tmp_path / "file").read_text() == "".join(tracefile.dumps(TRACE))
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]
    assert (tmp_path / "link").is_symlink()


def test_errors_name_the_file_and_have_their_exit_code(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match="cannot be read: No such file") as caught:
        tracefile.read(str(tmp_path / "none"))
    assert caught.value.exit_code is ExitCode.TRACE_FILE
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(TraceFileError, match="not UTF-8"):
        tracefile.read(str(tmp_path / "binary"))
    with pytest.raises(TraceFileError, match="cannot be written"):
        tracefile.write(TRACE, str(tmp_path / "no" / "such" / "place"))


def test_the_document_names_every_access() -> None:
    document = (Path(__file__).parents[2] / "docs/trace-format.md").read_text()
    listed = document.split("`access` is one of `")[1].split("`")[0].split()
    assert listed == [access.value for access in Access]


def test_traces_add_up() -> None:
    other = dataclasses.replace(TRACE, events=frozenset({Event("/x", "read", "/p", True)}), mounts=("/m",))
    merged = merge([TRACE, other])
    assert merged.events == TRACE.events | other.events
    assert merged.mounts == ("/data", "/m")
    assert merged.counters.received == 20
    assert merged.outcome == TRACE.outcome


FIRST = {event: Moment(number, number / 8) for number, event in enumerate(sorted(TRACE.events), start=1)}


def test_the_order_is_kept_and_merges_to_the_earliest() -> None:
    ordered = dataclasses.replace(TRACE, moments=FIRST)
    assert tracefile.loads(iter(text(ordered))).moments == FIRST
    assert tracefile.loads(iter(text())).moments == {}
    one, two, three = FIRST
    other = dataclasses.replace(TRACE, moments={one: Moment(9, 0.0), two: Moment(1, 5.0)})
    assert merge([ordered, other]).moments == {one: Moment(1, 0.0), two: Moment(1, 0.25), three: FIRST[three]}


@pytest.mark.parametrize("first", [3, [1], ["1", 0], [1, -1], [0, 0], [1, None], [1 << 63, 0], [1, 0, 0], {}])
def test_an_order_that_is_none_is_refused(first: object) -> None:
    lines = text()
    lines[1] = json.dumps(json.loads(lines[1]) | {"first": first}) + "\n"
    with pytest.raises(TraceFileError, match="malformed"):
        tracefile.loads(iter(lines))


@pytest.mark.parametrize("place", ["none/trace", ""])
def test_a_place_that_cannot_be_written_is_known_before(tmp_path: Path, place: str) -> None:
    with pytest.raises(TraceFileError, match="cannot be written"):
        tracefile.check_place(str(tmp_path / place))
    tracefile.check_place(str(tmp_path / "trace"))
    tracefile.check_place("/dev/null")


def test_a_line_that_does_not_end_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "t")
    tracefile.write(TRACE, path)
    tracefile.read(path)
    monkeypatch.setattr(tracefile, "LINE_LIMIT", 100)
    with pytest.raises(TraceFileError, match="is cut in line 1"):
        tracefile.read("/dev/zero")
    with pytest.raises(TraceFileError, match="is cut in line 1"):
        tracefile.read(path)


@pytest.mark.parametrize(
    "request_",
    [{"method": "GET", "target": "http://elsewhere/"}, {"method": "GET"}, {"method": "GET", "target": 7}],
)
def test_a_request_that_is_none_is_refused(request_: dict[str, object]) -> None:
    lines = [json.loads(line) for line in tracefile.dumps(TRACE)]
    for line in lines:
        if "exchanges" in line:
            line["exchanges"][0]["request"] = request_
    with pytest.raises(TraceFileError, match="malformed"):
        tracefile.loads(iter(f"{json.dumps(line)}\n" for line in lines))


def test_only_its_owner_may_read_a_trace(tmp_path: Path) -> None:
    """It has variables and input of the run; also where an older file is replaced that all could read."""
    path = tmp_path / "trace"
    path.write_text("old")
    path.chmod(0o644)
    previous = os.umask(0)
    try:
        tracefile.write(TRACE, str(path))
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", [10**400, 1 << 63, float("inf"), float("nan"), -(10**30), "1", [], None])
@pytest.mark.parametrize("key", ["seconds", "status", "count", "received"])
def test_absurd_numbers_are_refused(key: str, value: object) -> None:
    def changed(line: object) -> object:
        if isinstance(line, dict):
            return {name: value if name == key else changed(each) for name, each in line.items()}
        return [changed(each) for each in line] if isinstance(line, list) else line

    lines = [f"{json.dumps(changed(json.loads(line)))}\n" for line in tracefile.dumps(TRACE)]
    with pytest.raises(TraceFileError):
        tracefile.loads(iter(lines))
