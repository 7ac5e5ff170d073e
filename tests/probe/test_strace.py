"""strace(1) as the judge, in the same run: every path that it shows, the agent tells."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.probe.tracing import trace

CALL = re.compile(r'^\d+ +(\w+)\((?:(?:AT_FDCWD|\d+)<(?P<directory>/.*?)>, )?"(?P<path>(?:[^"\\]|\\.)*)"')
LISTING = re.compile(r"^\d+ +getdents64\(\d+<(?P<path>/.*?)>, ")
NOT_A_PATH = {"symlink", "symlinkat", "mount"}
"""Their first string is something else."""

SCRIPT = """
cd /usr/share && for f in *; do [ -e "$f" ] && [ -x "$f/x" ]; done
cat /etc/passwd | grep root | (cd /etc; sort -u) >/dev/null
mkdir -p "$1/a/b" && cd "$1/a" && : > b/file && ln -s b/file link && cp link copy && mv copy b/moved
find . -newer b/file; tar -cf all.tar b && tar -tf all.tar >/dev/null; rm -r "$1/a"; test -e ./none || exit 0
"""
THREADS = """
import os, threading
def work(n):
    for _ in range(50):
        open(f"/etc/passwd").close(); os.path.exists(f"/none/{n}")
        os.stat("passwd", dir_fd=directory)
directory = os.open("/etc", os.O_RDONLY)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
"""


def unescaped(text: str) -> str:
    return os.fsdecode(text.encode().decode("unicode_escape").encode("latin-1"))


def shown(log: str) -> Iterator[str]:
    """The absolute paths of a log that was made with -f -y."""
    for line in log.splitlines():
        if found := LISTING.match(line):
            yield unescaped(found["path"])
        elif (found := CALL.match(line)) and found[1] not in NOT_A_PATH and found["path"]:
            path = unescaped(found["path"])
            if path.startswith("/"):
                yield path
            elif found["directory"]:
                directory = unescaped(found["directory"]).removesuffix(" (deleted)").rstrip("/")
                yield f"{directory}/{path}"


@pytest.mark.parametrize(
    ("command", "least"),
    [
        (["/bin/sh", "-c", SCRIPT, "sh"], 150),
        ([sys.executable, "-c", "import asyncio, ctypes, json, logging, ssl, xml.dom.minidom"], 150),
        ([sys.executable, "-I", "-S", "-c", THREADS], 20),
        (["/usr/bin/perl", "-e", "use strict; use POSIX; use File::Find; find(sub {}, '/usr/lib/dpkg')"], 60),
        (["/usr/bin/find", "/usr/share", "-newer", "/etc/passwd"], 1000),
        (["/bin/ls", "-lR", "/usr/share/doc"], 500),
    ],
    ids=["shell", "python", "threads", "perl", "find", "ls"],
)
def test_every_path_that_strace_shows(probe: Path, tmp_path: Path, command: list[str], least: int) -> None:
    log = tmp_path / "log"
    strace = shutil.which("strace")
    assert strace, "strace is missing: tests/run installs it"
    judge = [strace, "-f", "-y", "-s", "8192", "-e", "trace=%file,getdents64", "-o", str(log)]
    arguments = [str(tmp_path.resolve())] if command[-1] == "sh" else []
    traced = trace(probe, [*judge, *command, *arguments])
    assert traced.status == 0, traced.stderr
    told = {event.path for event in traced.collector.events}
    expected = set(shown(log.read_text()))
    assert len(expected) >= least
    assert expected - told == set()
