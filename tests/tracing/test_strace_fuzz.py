"""Any text at all is a trace or a TraceFileError, and a trace is one that a file can hold."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracewhale.errors import TraceFileError
from tracewhale.tracing import tracefile
from tracewhale.tracing.calls import BY_NAME
from tracewhale.tracing.events import Trace
from tracewhale.tracing.strace import Log, Start, parse

NAMES = sorted(
    {*BY_NAME, *"fork clone clone3 vfork fchdir dup dup2 fcntl close read getcwd restart_syscall".split()}
)
ARGUMENTS = st.sampled_from(
    """AT_FDCWD
AT_FDCWD</w>
3
3</d>
-1
0x8
NULL
"/a"
"b"
""
"/c"...
O_RDONLY
O_RDWR|O_CREAT
[
{
}
)
"
<
>
\\
{flags=CLONE_FS|CLONE_FILES}
flags=CLONE_FS
{sa_family=AF_UNIX, sun_path="/s"}
/* 3 vars */
["LD_A=1"]
{...}
F_DUPFD""".split("\n")
)
RESULTS = st.sampled_from(
    """0
3
12
13
3</x>
3</x
-1 ENOENT (No such file)
-1 EFAULT (Bad address)
?
0x7f
? ERESTARTSYS (x)
12 /* 13 in strace's PID NS */

99999999999999999999
-""".split("\n")
)
HEADS = st.sampled_from(["", "12 ", "13 ", "14 ", "[pid 12] ", "12:00:00 ", "12 1700000000.5 ", "     0.1 "])


@st.composite
def line(draw: st.DrawFn) -> str:
    head, name = draw(HEADS), draw(st.sampled_from(NAMES))
    words = ", ".join(draw(st.lists(ARGUMENTS, max_size=5)))
    result = draw(RESULTS)
    forms = [
        f"{name}({words}) = {result}",
        f"{name}({words} <unfinished ...>",
        f"<... {name} resumed>{words}) = {result}",
        f"{name}({words} <pid changed to 13 ...>",
        "+++ exited with 0 +++",
        "--- SIGCHLD {si_signo=SIGCHLD} ---",
        draw(st.text(max_size=30)),
    ]
    return head + draw(st.sampled_from(forms)).replace("\n", " ") + "\n"


def held(logs: list[Log], start: Start) -> None:
    """Parse; what comes out must survive being written and read."""
    try:
        found = parse(logs, first=start)
    except TraceFileError:
        return
    assert found.counters.lost == 0
    assert isinstance(tracefile.loads(iter(list(tracefile.dumps(found)))), Trace)


STARTS = st.sampled_from([Start(), Start("/w"), Start("/r/w", "/r")])


@settings(max_examples=600, deadline=None)
@given(st.lists(line(), max_size=12), STARTS)
@example(['execve("\\0", 3) = 0\n'], Start())
def test_lines_of_one_log(lines: list[str], start: Start) -> None:
    held([Log("log", lines)], start)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(line(), max_size=8), min_size=2, max_size=3), STARTS)
def test_lines_of_several_logs(several: list[list[str]], start: Start) -> None:
    held([Log(f"log.{12 + index}", lines) for index, lines in enumerate(several)], start)


GOOD = r"""
12 execve("/bin/sh", ["sh", "-c", "x"], 0x7ffd /* 36 vars */) = 0
12 openat(AT_FDCWD</w>, "/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3</usr/lib/libc.so.6>
12 clone3({flags=CLONE_VM|CLONE_FS, stack=0x7f} => {parent_tid=[13]}, 88 <unfinished ...>
13 newfstatat(AT_FDCWD</w>, "\303\244 \"", {st_mode=S_IFDIR|0755, st_size=4096, ...}, 0) = 0
12 <... clone3 resumed>) = 13
12 connect(3<UNIX-STREAM:[1->2]>, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = -1 ENOENT (No such file)
13 +++ exited with 0 +++
""".lstrip()


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_a_good_log_that_was_damaged(data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(at, min(len(text), at + 20)))
        text = text[:at] + data.draw(st.text('\0\n"\\<>(){}[],=0123456789/ab*.', max_size=4)) + text[end:]
    held([Log("log", text.splitlines(keepends=True))], data.draw(STARTS))


@pytest.mark.parametrize("size", [200_000])
def test_long_lines_are_read_in_a_time_that_follows_their_length(size: int) -> None:
    for middle in ('"', "(", "<", "\\", "3<", "/*", "->", '"a', " ", "0", "[pid 1] ", "a="):
        held([Log("log", [f"12 stat({middle * (size // len(middle))}\n"])], Start())
        held([Log("log", [middle * (size // len(middle)) + "\n"])], Start())
