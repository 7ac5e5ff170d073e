"""The invariant of docs/architecture.md, "The probe": a target gains nothing from being traced.

``hostile.c`` is root in the target and works against the probe; what it holds, finds or can take must be what
``docker run`` with the same options gives it.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e.tool import tracewhale
from tracewhale.errors import ExitCode
from tracewhale.running.capabilities import DEFAULT, mask

SOURCE = Path(__file__).parent / "hostile.c"
COMPILE_SECONDS = 600
SECONDS = 60
LONG = "600"
"""Seconds: longer than any run here, which ends the target when it has what it wants."""
PTRACE = ("--cap-add", "SYS_PTRACE")
NONE = ("--cap-drop", "ALL")
HELD = {(): mask(DEFAULT), PTRACE: mask(DEFAULT | {"SYS_PTRACE"}), NONE: 0}

Target = Callable[[str], str]

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("hostile") / "hostile"
    options = ["-target", "x86_64-linux-musl", "-static", "-O1", "-o", str(output)]
    command = [sys.executable, "-m", "ziglang", "cc", *options, str(SOURCE)]
    subprocess.run(command, check=True, timeout=COMPILE_SECONDS)
    return output


@pytest.fixture(scope="session")
def target(
    docker_client: DockerClient, hostile: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """``target("docker")`` is an image of nothing but ``hostile`` and its health check, for each engine."""
    directory = tmp_path_factory.mktemp("image")
    with tarfile.open(directory / "files.tar", "w") as tar:
        tar.add(hostile, "hostile")
    name = f"twtest-made/{secrets.token_hex(6)}"
    check = 'HEALTHCHECK --interval=1s CMD ["/hostile", "check"]'
    docker_client.api.import_image(
        str(directory / "files.tar"), repository=name, tag="hostile", changes=[check]
    )
    image = docker_client.images.get(f"{name}:hostile")
    with (directory / "image.tar").open("wb") as file:
        file.writelines(image.save(named=True))
    yield lambda engine: f"{name}:hostile" if engine == "docker" else f"docker-archive:{directory}/image.tar"
    docker_client.images.remove(f"{name}:hostile")


def sets(output: str, word: str) -> set[int]:
    """The permitted, effective and bounding capabilities that ``hostile`` had each time it said so."""
    lines = re.findall(rf"^{word} (\w+) (\w+) (\w+)$", output, re.MULTILINE)
    assert lines, output
    return {int(number, 16) for line in lines for number in line}


@pytest.mark.parametrize(
    ("engine", "probe_name", "options", "verb"),
    [
        *((engine, "seccomp", options, "attack") for engine in ("docker", "embedded") for options in HELD),
        ("docker", "ebpf", PTRACE, "attack"),
        ("docker", "fanotify", PTRACE, "attack"),
        ("docker", "ptrace", PTRACE, "prowl"),
        ("docker", "strace", PTRACE, "prowl"),
    ],
)
def test_nothing_is_gained_from_what_comes_in(
    engine: str, probe_name: str, options: tuple[str, ...], verb: str, target: Target, tmp_path: Path
) -> None:
    """It works against every process, file and socket while an exec and the health check come in."""
    steps = ["--exec", "/hostile look"] * (8 if probe_name == "ptrace" else 1)  # each is taken anew
    how = ["--probe", probe_name, "-o", str(tmp_path / "trace.json"), *steps]
    done = tracewhale("trace", *options, *how, target(engine), "--", "/hostile", verb, LONG)
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    assert "GAINED" not in output
    assert sets(output, "look") == sets(output, "check") == {HELD[options]}


@pytest.mark.parametrize("probe_name", ["ptrace", "strace"])
def test_a_target_that_traces_gains_nothing_from_a_probe_that_does(
    probe_name: str, target: Target, tmp_path: Path
) -> None:
    """The run is refused or goes on, according to who was first."""
    how = ["--probe", probe_name, "-o", str(tmp_path / "trace.json"), "--exec", "/hostile look"]
    done = tracewhale("trace", *PTRACE, *how, target("docker"), "--", "/hostile", "attack", LONG)
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert "GAINED" not in output
    assert not re.search(r"^look", output, re.MULTILINE) or sets(output, "look") == {HELD[PTRACE]}


def test_the_users_own_docker_exec_is_what_it_is_untraced(
    image: Callable[[str], str], hostile: Path, tmp_path: Path
) -> None:
    """It is traced, too, has its streams and its status, and may be another user's; nothing starts again."""
    execute = "docker exec -i $TRACEWHALE_CONTAINER"
    workload = (
        f"{execute} /hostile look && echo to-cat | {execute} cat; {execute} sh -c 'exit 3'; test $? = 3"
        " && docker exec -u games -w /usr $TRACEWHALE_CONTAINER sh -c 'id -un; pwd; ls -d /etc/shells'"
        " && ! docker exec -w /absent $TRACEWHALE_CONTAINER /hostile absent"
        " && ! docker restart $TRACEWHALE_CONTAINER"
    )
    trace = tmp_path / "trace.json"
    where = ["-v", f"{hostile}:/hostile:ro", "-o", str(trace), "--workload", workload]
    done = tracewhale("trace", *PTRACE, *where, image("base"), "--", "/hostile", "attack", LONG)
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    assert "GAINED" not in output
    assert sets(output, "look") == {HELD[PTRACE]}
    assert "to-cat\ngames\n/usr\n" in output
    assert "does not start a container that it traces again" in output
    assert "cannot work in /absent" in output
    assert "/etc/shells" in trace.read_text()


@pytest.mark.parametrize("engine", ["docker", "embedded"])
def test_a_signal_to_everybody_reaches_nobody(engine: str, target: Target, tmp_path: Path) -> None:
    """``kill(-1)`` finds nobody, as untraced, and calls go on being answered."""
    done = tracewhale(
        "trace", "-o", str(tmp_path / "trace.json"), target(engine), "--", "/hostile", "signals"
    )
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    assert "alone: No such process\n" in output
    assert "open: done\n" in output


def agent_of(run: subprocess.Popen[bytes], client: DockerClient, engine: str) -> int:
    """Return the process of the run's agent: in a container of its own, or a child of the keeper.

    Other runs on the machine have agents, too.
    """
    deadline = time.monotonic() + SECONDS
    pattern = rb"\0agent\0--join" if engine == "docker" else rb"\0sandbox\0.*\0--stage\0"
    while time.monotonic() < deadline:
        processes = containers(client) if engine == "docker" else below(run.pid)
        for process in processes:
            try:
                words = Path(f"/proc/{process}/cmdline").read_bytes()
                status = Path(f"/proc/{process}/status").read_text()
            except OSError:
                continue
            if re.search(pattern, words, re.DOTALL) and re.search(r"CapPrm:\s0*80004\n", status):
                return process
        assert run.poll() is None
        time.sleep(0.1)
    raise AssertionError("there is no agent")


def containers(client: DockerClient) -> list[int]:
    """Return the first processes of the engine's containers."""
    return [client.api.inspect_container(found["Id"])["State"]["Pid"] for found in client.api.containers()]


def below(process: int) -> list[int]:
    """Return the descendants of a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    inside = {process}
    while more := {child for child, parent in parents.items() if parent in inside} - inside:
        inside |= more
    return sorted(inside)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("engine", ["docker", "embedded"])
def test_an_agent_that_does_not_answer_ends_the_run(
    engine: str, number: int, target: Target, tmp_path: Path, docker_client: DockerClient
) -> None:
    """It holds two capabilities, and the run ends with a sentence when it is stopped or killed."""
    words = ["trace", "-o", str(tmp_path / "trace.json"), target(engine), "--", "/hostile", "wait"]
    command = [sys.executable, "-m", "tracewhale", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stdout.readline().startswith(b"wait ")  # before, it would be an agent that did not start
        agent = agent_of(run, docker_client, engine)
        os.kill(agent, number)
        _, errors = run.communicate(timeout=SECONDS)
    assert run.returncode == ExitCode.TRACE_LOST, errors
    assert b"Traceback" not in errors
    assert not Path(f"/proc/{agent}").exists()
