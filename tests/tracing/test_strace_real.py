"""The strace that is installed here, told to write its log in each of its ways: all tell the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tracewhale.errors import TraceFileError
from tracewhale.tracing.events import Trace, merge
from tracewhale.tracing.strace import Start, parse, runs_of

SCRIPT = """
cd usr/share
cat ../../etc/group - </dev/null | (cd /etc && sort -u >/dev/null)
(cd misc; ls . >/dev/null) &
wait
%s -I -S -c '%s'
find . -maxdepth 1 -newer /etc/passwd >/dev/null; cd .. && test -e none
exit 0
"""
CODE = """
import os, threading
directory = os.open("/etc", os.O_RDONLY)
def work(n):
    os.stat("passwd", dir_fd=directory); os.path.exists("/none/%d" % n); os.path.exists("relative-%d" % n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
[t.start() for t in threads]; [t.join() for t in threads]
if not os.fork():
    os.fchdir(directory); os.stat("group"); os.listdir(directory); os.access("ä \\t", 0); os._exit(0)
os.wait()
"""

MODES = {
    "-f": ["-f"],
    "-y": ["-f", "-y"],
    "-yy": ["-f", "-yy"],
    "times": ["-f", "-tt", "-T"],
    "everything": ["-f", "-ttt", "-r", "-i", "-n", "-Y", "-T", "-v", "-xx", "-s", "5"],
    "only files": ["-f", "-e", "trace=%file,%process,%desc"],
    "filtered": ["-f", "--seccomp-bpf", "-e", "trace=%file,%process,%desc"],
    "-ff": ["-ff", "-y"],
    "-ff with times": ["-ff", "-ttt"],
}


def straced(options: list[str], log: Path) -> Trace:
    """The trace of the script. Its strace writes to a file, so nothing else is in the log."""
    strace = shutil.which("strace")
    assert strace, "strace is missing: tests/run installs it"
    command = ["/bin/sh", "-c", SCRIPT % (sys.executable, CODE)]
    done = subprocess.run(
        [strace, *options, "-o", str(log), *command], cwd="/", capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return merge(parse(run, first=Start(directory="/")) for run in runs_of([str(log)]))


def told(trace: Trace) -> set[tuple[str, str, str, bool, bool]]:
    return {(each.path, each.access, each.program, each.follow, each.present) for each in trace.events}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return straced(["-f"], tmp_path_factory.mktemp("strace") / "log")


def test_what_the_script_asks_for(plain: Trace) -> None:
    asked = {(event.path, event.access, event.present) for event in plain.events}
    assert {
        ("/usr/share/../../etc/group", "read", True),
        ("/usr/share/misc", "list", True),
        ("/usr/share/relative-4", "stat", False),
        ("/etc/passwd", "stat", True),
        ("/etc/group", "stat", True),
        ("/etc", "list", True),
        ("/etc/ä \t", "access", False),
        ("/usr/none", "stat", False),
    } <= asked
    assert len(asked) > len(os.listdir("/usr/share")), "find looks at each"
    assert plain.counters.lost == 0


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_tells_the_same(mode: str, plain: Trace, tmp_path: Path) -> None:
    found = straced(MODES[mode], tmp_path / "log")
    assert told(found) == told(plain)
    assert {replace(each, loader_environment=()) for each in found.execs} == set(plain.execs)


def test_flags_that_are_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match="-X raw"):
        straced(["-f", "-X", "raw"], tmp_path / "log")


def test_without_a_directory_only_y_tells_it(tmp_path: Path) -> None:
    straced(["-f"], tmp_path / "plain")
    with pytest.raises(TraceFileError, match="relative"):
        parse(runs_of([str(tmp_path / "plain")])[0])
    found = straced(["-f", "-y"], tmp_path / "told")
    assert told(parse(runs_of([str(tmp_path / "told")])[0])) == told(found)


def test_a_log_among_messages_on_the_standard_error(plain: Trace, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as errors:
        command = ["strace", "-f", "/bin/sh", "-c", SCRIPT % (sys.executable, CODE)]
        subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=errors, timeout=120, check=True)
    (run,) = runs_of([str(log)])
    assert told(parse(run, first=Start(directory="/"))) == told(plain)


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    for name in (tmp_path / "none", tmp_path):
        with pytest.raises(TraceFileError, match="cannot be read"):
            parse(runs_of([str(name)])[0])
