"""Ctrl-C: once ends the trace and goes on to build, twice gives up; nothing is left either way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e.tool import tracewhale
from tracewhale.engines.docker.leftovers import OWNER
from tracewhale.errors import ExitCode

Image = Callable[[str], str]
SECONDS = 120

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def start(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tracewhale", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ))


def wait_for(process: subprocess.Popen[bytes], word: bytes) -> None:
    """Read what the command prints until a word of it is there."""
    assert process.stdout is not None
    deadline = time.monotonic() + SECONDS
    seen = b""
    while word not in seen:
        assert time.monotonic() < deadline
        piece = os.read(process.stdout.fileno(), 4096)
        assert piece, process.communicate()
        seen += piece


INTERRUPTED_LOADING = """
import builtins, os, signal
from tracewhale.__main__ import start

def load(name, *more, real=builtins.__import__):
    if name == "tracewhale.cli":
        os.kill(os.getpid(), SIGNAL)
    return real(name, *more)

builtins.__import__ = load
start()
"""

COMMAND = ("--", "sh", "-c", "cat /etc/debian_version; echo running; exec sleep 1000")


def test_once_ends_the_trace_and_builds(
    docker_client: DockerClient, image: Image, new_tag: Callable[[], str]
) -> None:
    slim = new_tag()
    process = start("run", "-t", slim, image("base"), *COMMAND)
    wait_for(process, b"running")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    assert b"verified     started, 0 requests" in errors
    assert docker_client.containers.run(slim, ["cat", "/etc/debian_version"], remove=True)


def test_twice_gives_up(docker_client: DockerClient, image: Image) -> None:
    process = start("run", "-t", "twtest-made/never", image("base"), *COMMAND)
    wait_for(process, b"running")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == ExitCode.INTERRUPTED, errors
    assert b"Traceback" not in errors
    assert not docker_client.images.list("twtest-made/never")


def test_a_signal_reaches_the_command(image: Image, new_tag: Callable[[], str]) -> None:
    script = "trap 'echo told; exit 7' TERM; echo running; while :; do sleep 0.1; done"
    process = start("run", "--no-verify", "-t", new_tag(), image("base"), "--", "bash", "-c", script)
    wait_for(process, b"running")
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output) == (0, b"told\n"), errors
    assert b"stopped with status 7" in errors


def test_a_reader_that_goes_away_is_no_interruption(image: Image, new_tag: Callable[[], str]) -> None:
    process = start("run", "-t", new_tag(), image("base"), "--", "seq", "1000000")
    assert process.stdout is not None
    assert process.stderr is not None
    wait_for(process, b"1\n")
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(SECONDS) == ExitCode.OK, errors
    assert b"output and status equal" in errors
    process.stderr.close()


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_while_modules_load_is_silent(number: signal.Signals) -> None:
    script = INTERRUPTED_LOADING.replace("SIGNAL", str(int(number)))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (128 + number, b"")


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_before_a_verb_has_begun_its_work(number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trace")
    process = start("plan", str(tmp_path / "trace"))
    with open(tmp_path / "trace", "wb"):  # it waits for a first line now
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert errors.decode().splitlines()[-1] == "tracewhale: Nothing was left behind."
    assert b"Traceback" not in errors


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_while_nothing_of_the_users_runs(number: signal.Signals, image: Image) -> None:
    process = start("trace", "-o", "/dev/null", image("base"), *COMMAND)
    assert process.stderr is not None
    process.stderr.readline()  # it looks for the image
    process.send_signal(number)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert b"Traceback" not in errors


def test_what_a_killed_run_left_goes_with_the_next(docker_client: DockerClient, image: Image) -> None:
    def left() -> list[str]:
        found = docker_client.api.containers(all=True, filters={"label": OWNER})
        return [each["Id"] for each in found if each["Labels"][OWNER].split(" ")[2] == str(process.pid)]

    process = start("run", "-t", "twtest-made/never", image("base"), *COMMAND)
    wait_for(process, b"running")
    process.kill()
    process.communicate(timeout=SECONDS)
    assert left()
    assert tracewhale("deps", image("base"), "/bin/sh").returncode == 0
    assert not left()
