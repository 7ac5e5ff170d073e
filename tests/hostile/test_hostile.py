"""The invariant of docs/architecture.md, "The probe": a target gains nothing from being traced.

``hostile.c`` is root in the target and works against the probe; what it holds, finds or can take must be what
``docker run`` with the same options gives it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tool import tracewhale
from tracewhale.errors import ExitCode
from tracewhale.running.capabilities import DEFAULT, mask

SOURCE = Path(__file__).parent / "hostile.c"
COMPILE_SECONDS = 600
SECONDS = 60
PTRACE = ("--cap-add", "SYS_PTRACE")
NONE = ("--cap-drop", "ALL")
HELD = {(): mask(DEFAULT), PTRACE: mask(DEFAULT | {"SYS_PTRACE"}), NONE: 0}

Unpacked = Callable[[str], tuple[str, Mapping[str, Any]]]
Target = Callable[[str], str]

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("hostile") / "hostile"
    options = ["-target", "x86_64-linux-musl", "-static", "-O1", "-o", str(output)]
    command = [sys.executable, "-m", "ziglang", "cc", *options, str(SOURCE)]
    subprocess.run(command, check=True, timeout=COMPILE_SECONDS)
    return output


@pytest.fixture
def target(image: Callable[[str], str], unpacked: Unpacked) -> Target:
    """``target("docker")`` is the name of the same files for each engine."""
    return lambda engine: image("base") if engine == "docker" else f"rootfs:{unpacked('base')[0]}"


def sets(output: str, word: str) -> set[int]:
    """The permitted, effective and bounding capabilities that ``hostile`` had each time it said so."""
    lines = re.findall(rf"^{word} (\w+) (\w+) (\w+)$", output, re.MULTILINE)
    assert lines, output
    return {int(number, 16) for line in lines for number in line}


@pytest.mark.parametrize("options", [(), PTRACE, NONE])
@pytest.mark.parametrize("engine", ["docker", "embedded"])
def test_nothing_is_gained_from_what_comes_in(
    engine: str, options: tuple[str, ...], target: Target, hostile: Path, tmp_path: Path
) -> None:
    """It replaces every file, seizes every process and tries every socket while commands come in."""
    steps = ["--exec", "/hostile look"]
    where = ["-v", f"{hostile}:/hostile:ro", "-o", str(tmp_path / "trace.json")]
    words = ["trace", *options, *where, *steps, target(engine), "--", "/hostile", "attack", "30"]
    done = tracewhale(*words)
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    assert "GAINED" not in output
    assert sets(output, "look") == {HELD[options]}


def test_the_users_own_docker_exec_is_what_it_is_untraced(
    target: Target, hostile: Path, tmp_path: Path
) -> None:
    """It is traced, too, has its streams and its status, and may be another user's."""
    execute = "docker exec -i $TRACEWHALE_CONTAINER"
    workload = (
        f"{execute} /hostile look && echo to-cat | {execute} cat; {execute} sh -c 'exit 3'; test $? = 3"
    )
    workload += (
        " && docker exec -u games -w /usr $TRACEWHALE_CONTAINER sh -c 'id -un; pwd; ls -d /etc/shells'"
    )
    trace = tmp_path / "trace.json"
    where = ["-v", f"{hostile}:/hostile:ro", "-o", str(trace), "--workload", workload]
    done = tracewhale("trace", *PTRACE, *where, target("docker"), "--", "/hostile", "attack", "60")
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    assert "GAINED" not in output
    assert sets(output, "look") == {HELD[PTRACE]}
    assert "to-cat\ngames\n/usr\n" in output
    assert "/etc/shells" in trace.read_text()


@pytest.mark.parametrize("probe_name", ["ptrace", "strace", "fanotify"])
def test_nothing_is_gained_under_the_other_probes(
    probe_name: str, target: Target, hostile: Path, tmp_path: Path
) -> None:
    """A target that uses ptrace is refused by those that do; whatever becomes of it, nothing is gained."""
    where = ["-v", f"{hostile}:/hostile:ro", "-o", str(tmp_path / "trace.json"), "--probe", probe_name]
    words = ["trace", *PTRACE, *where, "--exec", "/hostile look", target("docker"), "--", "/hostile"]
    done = tracewhale(*words, "attack", "5")
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert "GAINED" not in output
    assert not re.search(r"^look", output, re.MULTILINE) or sets(output, "look") == {HELD[PTRACE]}


@pytest.mark.parametrize("engine", ["docker", "embedded"])
def test_a_signal_to_everybody_reaches_nobody(
    engine: str, target: Target, hostile: Path, tmp_path: Path
) -> None:
    """``kill(-1)`` finds nobody, as untraced, and calls go on being answered."""
    where = ["-v", f"{hostile}:/hostile:ro", "-o", str(tmp_path / "trace.json")]
    done = tracewhale("trace", *where, target(engine), "--", "/hostile", "signals")
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    assert "alone: No such process\n" in output
    assert "open: done\n" in output


def agent_of(run: subprocess.Popen[bytes], engine: str) -> int:
    """The process of the agent: of the engine's in a container of its own, else a child of the keeper."""
    deadline = time.monotonic() + SECONDS
    pattern = rb"\0agent\0--join" if engine == "docker" else rb"\0sandbox\0.*\0--stage\0"
    while time.monotonic() < deadline:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words, status = (entry / "cmdline").read_bytes(), (entry / "status").read_text()
            except OSError:
                continue
            if re.search(pattern, words, re.DOTALL) and re.search(r"CapPrm:\s0*80004\n", status):
                return int(entry.name)
        assert run.poll() is None
        time.sleep(0.1)
    raise AssertionError("there is no agent")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("engine", ["docker", "embedded"])
def test_an_agent_that_does_not_answer_ends_the_run(
    engine: str, number: int, target: Target, tmp_path: Path
) -> None:
    """It holds two capabilities, and the run ends with a sentence when it is stopped or killed."""
    words = ["trace", "-o", str(tmp_path / "trace.json"), target(engine), "--", "sleep", "1000"]
    command = [sys.executable, "-m", "tracewhale", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        agent = agent_of(run, engine)
        os.kill(agent, number)
        _, errors = run.communicate(timeout=SECONDS)
    assert run.returncode == ExitCode.TRACE_LOST, errors
    assert b"Traceback" not in errors
    assert not Path(f"/proc/{agent}").exists()
