"""The parts of the host's agents: records as bytes, paths told once, memory and paths of others."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewhale.tracing.events import Access, Counters
from tracewhale.tracing.host import kernel, listeners, lookup, proc
from tracewhale.tracing.host.encode import encode
from tracewhale.tracing.host.process_ends import ProcessEnds
from tracewhale.tracing.host.recorder import Nothing, Recorder, Use
from tracewhale.tracing.records import (
    AccessRecord,
    Busy,
    CountersRecord,
    EndRecord,
    ExecRecord,
    FailureRecord,
    Feature,
    Hello,
    Listening,
    ProcessEndRecord,
    Program,
    Record,
    StartRecord,
)
from tracewhale.tracing.strace.processes import RequestedPath
from tracewhale.tracing.stream import Decoder, decode

TEXT = st.binary(max_size=30).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"")))
PATH = TEXT.map(lambda text: f"/{text}")
U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (16, 32, 64))
NAME = st.text("ABC_", min_size=1).map(lambda name: f"LD_{name}")
RECORDS = st.one_of(
    st.builds(Hello, st.just(1), st.sampled_from(list(Feature))),
    st.builds(Program, U32, TEXT),
    st.builds(
        AccessRecord,
        st.sampled_from(list(Access)),
        st.booleans(),
        st.booleans(),
        U32,
        U32,
        U64,
        PATH,
        TEXT,
        PATH,
    ).filter(lambda record: record.root != "/"),
    st.builds(ExecRecord, U32, U32, PATH, st.lists(st.tuples(NAME, TEXT), max_size=3).map(tuple)),
    st.builds(FailureRecord, st.sampled_from(list(Access)), U32, U32, U32, TEXT),
    st.builds(Busy, U32, U32),
    st.builds(StartRecord, U32, U32, TEXT),
    st.builds(EndRecord, U32),
    st.builds(Listening, U16),
    st.builds(CountersRecord, st.builds(Counters, U64, U64, U64, U64, U64)),
)


@given(st.lists(RECORDS, max_size=5))
def test_records_are_read_as_they_were_written(records: list[Record]) -> None:
    decoder = Decoder()
    assert list(map(decode, decoder.bodies(b"".join(map(encode, records))))) == records
    decoder.finish()


def test_no_root_of_its_own_is_not_written() -> None:
    record = AccessRecord(Access.STAT, True, True, 1, 0, 1, "/a", "", "/")
    (read,) = map(decode, Decoder().bodies(encode(record)))
    assert isinstance(read, AccessRecord)
    assert read.root == ""


def test_each_thing_is_told_once_and_every_call_is_counted() -> None:
    told: list[Record] = []
    decoder = Decoder()
    recorder = Recorder(lambda data: told.extend(map(decode, decoder.bodies(data))))
    one, two = (Use(Access.STAT, True, RequestedPath(path)) for path in ("/1", "/2"))

    def find(asked: RequestedPath, follow: bool) -> tuple[bool, str]:
        return asked.path == "/1", "/real" if follow else ""

    number = recorder.program("/bin/a")
    assert recorder.program("/bin/a") == number != recorder.program("/bin/b")
    recorder.call(7, number, [one, two], find)
    recorder.call(7, number, [one], find)
    recorder.call(7, number + 1, [one], find)
    recorder.call(7, number, [Nothing(Access.STAT)], find)
    recorder.call(7, number, [one, Nothing(Access.STAT, 14, "Bad address")], find)
    recorder.executed(7, number, "/bin/x", [("LD_A", "1")])
    recorder.executed(8, number, "/bin/x", [("LD_A", "1")])
    recorder.count(always=False)
    recorder.count(always=False)
    assert [(r.path, r.program, r.present, r.received) for r in told if isinstance(r, AccessRecord)] == [
        ("/1", 0, True, 1),
        ("/2", 0, False, 1),
        ("/1", 1, True, 3),
    ]
    assert [r for r in told if isinstance(r, ExecRecord)] == [ExecRecord(7, 0, "/bin/x", (("LD_A", "1"),))]
    assert [r for r in told if isinstance(r, CountersRecord)] == [CountersRecord(Counters(5, 2, 1, 1, 1))]


@pytest.fixture
def pages() -> object:
    """Three pages of this process's own memory, of which the last cannot be read, and their address."""
    memory = mmap.mmap(-1, 3 * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(address + 2 * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    return memory, address


def test_strings_at_the_edges_of_memory(pages: tuple[mmap.mmap, int]) -> None:
    memory, address = pages
    pid, size = os.getpid(), mmap.PAGESIZE
    memory[size - 5 : size + 4] = b"/across\0x"
    assert kernel.string(pid, address + size - 5) == b"/across"
    memory[2 * size - 6 : 2 * size] = b"/last\0"
    assert kernel.string(pid, address + 2 * size - 6) == b"/last"
    memory[2 * size - 3 : 2 * size] = b"end"
    with pytest.raises(OSError, match="Bad address"):
        kernel.string(pid, address + 2 * size - 3)
    with pytest.raises(OSError, match="Bad address"):
        kernel.string(pid, 8)
    assert kernel.read(pid, address + 2 * size - 3, 100) == b"end"
    memory[: 2 * size] = b"x" * (2 * size)
    with pytest.raises(OSError, match="File name too long"):
        kernel.string(pid, address)
    with pytest.raises(ProcessLookupError):
        kernel.string(1 << 22, address)


def test_where_a_path_leads(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    (place / "file").write_text("")
    (place / "link").symlink_to("file")
    (place / "loop").symlink_to("loop")
    (place / "nowhere").symlink_to("none")
    pid = os.getpid()

    def found(name: str, *, follow: bool = True) -> tuple[bool, str]:
        return lookup.find(pid, RequestedPath(f"{place}/{name}"), follow=follow)

    assert found("file") == (True, "")
    assert found("link") == (True, f"{place}/file")
    assert found("link", follow=False) == (True, "")
    assert found("../" + place.name) == (True, str(place))
    assert found("nowhere") == found("none") == found("file/x") == (False, "")
    assert found("loop") == (True, "")
    assert lookup.find(1 << 22, RequestedPath("/"), follow=True) == (False, "")


CODE = """
import os, sys
os.chdir(sys.argv[1]); kept = open("kept"); gone = open("gone"); os.unlink("gone")
writing = os.open("kept", os.O_WRONLY | os.O_APPEND); pipe = os.pipe()
print("ready", flush=True); sys.stdin.read()
"""


def test_what_a_process_has(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    for name in ("kept", "gone"):
        (place / name).write_text("")
    words = [sys.executable, "-I", "-S", "-c", CODE, str(place)]
    environment = {**os.environ, "LD_DEBUG_OUTPUT": "a=b", "OTHER": "x"}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        pid = process.pid
        assert proc.program(pid) == os.path.realpath(sys.executable)
        assert (proc.link(pid, "cwd"), proc.root(pid), proc.tracer(pid)) == (str(place), "/", 0)
        assert proc.threads(pid) == [pid]
        opened = sorted(proc.open_files(pid).values())
        kept = [flags & os.O_ACCMODE for path, flags in opened if path == f"{place}/kept"]
        assert sorted(kept) == [os.O_RDONLY, os.O_WRONLY]
        assert f"{place}/gone" in {path for path, _ in opened}
        assert os.path.realpath(sys.executable) in proc.mapped_files(pid)
        assert proc.loader_environment(pid) == (("LD_DEBUG_OUTPUT", "a=b"),)
        assert proc.requested_path(pid, "x", "cwd", "/") == RequestedPath(f"{place}/x")
        assert proc.requested_path(pid, "/x", "cwd", "/r") == RequestedPath("/x", "/r")
        assert proc.requested_path(pid, "x", "cwd", str(place)) == RequestedPath("/x", str(place))
        with pytest.raises(FileNotFoundError):
            proc.requested_path(pid, "x", "fd/999", "/")
        assert proc.is_held(pid, "-S") is False
        assert proc.is_held(pid, "token") is None
        assert not proc.is_of_container(pid, "f" * 64)
        process.communicate("")
    assert (proc.program(pid), proc.threads(pid), proc.open_files(pid), proc.mapped_files(pid)) == (
        "",
        [],
        {},
        [],
    )


@pytest.fixture(params=[True, False], ids=["sock_diag", "proc"])
def way_to_list(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of both ways to list sockets; the other one raises an exception."""

    def fail(*_: object) -> list[object]:
        raise AssertionError if request.param else OSError

    monkeypatch.setattr(listeners, "_from_table" if request.param else "_dump", fail)


@pytest.mark.usefixtures("way_to_list")
def test_ports_that_are_listened_on() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        assert server.getsockname()[1] in listeners.listening(os.getpid())


@pytest.mark.usefixtures("way_to_list")
def test_ports_in_the_network_of_another_process() -> None:
    code = "import socket; server = socket.create_server(('', 4711)); print('ready', flush=True); input()"
    words = ["unshare", "--net", sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        before = os.stat("/proc/thread-self/ns/net").st_ino
        assert listeners.listening(process.pid) == {4711}
        assert os.stat("/proc/thread-self/ns/net").st_ino == before
        process.communicate("")


@pytest.mark.usefixtures("way_to_list")
def test_places_that_only_the_own_network_reaches(tmp_path: Path) -> None:
    path = str(tmp_path / "a.sock")
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as server,
        closing(socket.create_server(("", 0))) as open_to_all,
        closing(socket.create_server(("::", 0), family=socket.AF_INET6)) as open_to_ipv6,
        closing(socket.socket(socket.AF_UNIX)) as local,
    ):
        local.bind(path)
        assert path not in listeners.local_listeners(os.getpid())
        local.listen()
        found = listeners.local_listeners(os.getpid())
        assert {path, f"127.0.0.1:{server.getsockname()[1]}"} <= {*found}
        assert not any(place.endswith(f":{open_to_all.getsockname()[1]}") for place in found)
        everywhere = {server.getsockname()[1] for server in (open_to_all, open_to_ipv6)}
        assert listeners.ipv6_listeners(os.getpid()) & everywhere == {open_to_ipv6.getsockname()[1]}


@pytest.mark.parametrize("is_child_first", [True, False])
def test_what_the_kernel_kills_with_the_command_has_not_failed(
    is_child_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, beside, child, others, killed = range(1, 6)
    parents = {child: command, others: beside, killed: command}
    status = "Name:\tsh\nTgid:\t{0}\nNgid:\t0\nPid:\t{0}\nPPid:\t{1}\n".format
    monkeypatch.setattr(proc, "status", lambda pid: status(pid, parents[pid]))
    monkeypatch.setattr(proc, "threads", lambda pid: [pid])
    records: list[ProcessEndRecord] = []
    ends = ProcessEnds(records.append)
    ends.take(command, command, is_command=True)
    ends.take(beside, beside, is_command=False)
    for number, parent in parents.items():
        if is_child_first:
            ends.appeared(number)
            ends.started(parent, number)
        else:
            ends.started(parent, number)
            ends.appeared(number)
    ends.ended(others, 7, 1 << 8)
    ends.ended(child, 7, 3 << 8)
    ends.exits(command)
    ends.ended(killed, 7, signal.SIGKILL)
    ends.ended(command, 7, 1 << 8)
    assert records == [ProcessEndRecord(child, 7, 3)]
