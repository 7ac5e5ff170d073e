"""Bad input: one clear sentence, an exit code of its own, no traceback, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e.tool import refusal, tracewhale
from tests.layer_writing import write_image
from tests.trees import MemoryTree
from tracewhale.errors import ExitCode
from tracewhale.image.archive import docker_archive

Image = Callable[[str], str]

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture
def loaded(docker_client: DockerClient) -> Iterator[Callable[..., str]]:
    """Load an image with one file, or with none, for an architecture; it goes at the end."""
    made: list[str] = []

    def load(tree: str, architecture: str = "amd64") -> str:
        files = MemoryTree(tree)
        config = {"architecture": architecture, "os": "linux"}
        with write_image(files.pack(list(files.entries)), config) as image:
            made.append(str(docker_client.images.load(b"".join(docker_archive(image)))[0].id))
        return made[-1]

    yield load
    for identity in made:
        docker_client.images.remove(identity)


def test_no_engine() -> None:
    status, said = refusal("run", "x", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert status == ExitCode.ENGINE
    assert "No Docker engine answers at unix:///nonexistent/docker.sock" in said
    assert "DOCKER_HOST" in said


@pytest.mark.usefixtures("docker_client")
def test_an_unknown_target() -> None:
    status, said = refusal("run", "twtest.invalid/none:1")
    assert status == ExitCode.TARGET
    assert "'twtest.invalid/none:1'" in said


def test_another_architecture(loaded: Callable[..., str]) -> None:
    status, said = refusal("run", loaded("/x: x", "s390x"), "--", "/x")
    assert status == ExitCode.PLATFORM
    assert "linux/s390x" in said


def test_an_empty_image(loaded: Callable[..., str]) -> None:
    status, _ = refusal("run", loaded(""))
    assert status == ExitCode.EMPTY_IMAGE


def test_an_image_without_a_command(loaded: Callable[..., str]) -> None:
    status, _ = refusal("run", loaded("/x: x"))
    assert status == ExitCode.EMPTY_IMAGE


@pytest.mark.parametrize("command", ["/nope", "nope", "/etc/passwd", "/etc"])
def test_a_command_that_is_none(image: Image, command: str) -> None:
    status, said = refusal("run", image("base"), "--", command)
    assert status == ExitCode.COMMAND_NOT_FOUND
    assert repr(command) in said


def test_a_command_that_is_killed(image: Image) -> None:
    status, said = refusal("run", image("base"), "--init", "--", "sh", "-c", "kill -SEGV $$")
    assert status == ExitCode.COMMAND_KILLED
    assert "signal 11" in said


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (("--workload", "exit 3"), "The workload 'exit 3' failed with status 3"),
        (("--exec", "/bin/false"), "The exec '/bin/false' failed with status 1"),
        (("--exec", "/nope"), "/nope"),
    ],
)
def test_what_drives_the_target_fails(image: Image, step: tuple[str, str], says: str) -> None:
    status, said = refusal("run", *step, image("nginx"))
    assert status == ExitCode.WORKLOAD
    assert says in said


def test_a_server_that_ends_before_its_workload(image: Image) -> None:
    status, said = refusal("run", "--workload", "true", image("base"), "--", "sh", "-c", "echo dying; exit 4")
    assert status == ExitCode.WORKLOAD
    assert "ended with status 4" in said


def test_what_a_workload_printed_last_is_told_in_lines_of_its_own(image: Image) -> None:
    done = tracewhale("run", "--workload", "echo one; { sleep 0.3; echo two; } & exit 3", image("nginx"))
    printed = b"' failed with status 3:\n    one\n    two\n"
    assert printed + b"    The command was still running, and printed nothing.\n" in done.stderr


def test_an_include_that_is_not_there_is_told_before_the_run(image: Image) -> None:
    done = tracewhale("run", "--include", "/nope", image("base"), "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, b"")
    assert b"--include /nope" in done.stderr


def test_a_traced_container_that_somebody_removes(image: Image) -> None:
    status, said = refusal("run", "--workload", "docker rm -f $TRACEWHALE_CONTAINER", image("nginx"))
    assert status == ExitCode.ENGINE
    assert "was removed before its trace was over" in said


@pytest.mark.parametrize("name", ["UPPER:x", "a b", "a:b:c", "x@sha256:1", "-x", "a//b"])
def test_a_name_that_is_none(image: Image, name: str) -> None:
    status, said = refusal("run", f"--tag={name}", image("base"), "--", "true")
    assert status == ExitCode.TAG
    assert repr(name) in said


@pytest.mark.usefixtures("docker_client")
def test_a_trace_file_that_is_cut_or_too_new(image: Image, tmp_path: Path) -> None:
    whole, cut, newer = (str(tmp_path / name) for name in ("whole", "cut", "newer"))
    assert tracewhale("trace", "-o", whole, image("base"), "--", "true").returncode == 0
    lines = Path(whole).read_text().splitlines(keepends=True)
    Path(cut).write_text("".join(lines[:-1]))
    Path(newer).write_text(lines[0].replace('"version":1', '"version":99') + "".join(lines[1:]))
    for verb in ("plan", "build"):
        assert refusal(verb, cut)[0] == ExitCode.TRACE_FILE
        status, said = refusal(verb, newer)
        assert status == ExitCode.TRACE_FILE
        assert "version 99" in said
    assert refusal("plan", str(tmp_path / "none"))[0] == ExitCode.TRACE_FILE


def test_an_image_without_a_name_is_none_to_verify(image: Image, tmp_path: Path) -> None:
    assert tracewhale("trace", "-o", str(tmp_path / "t"), image("base"), "--", "true").returncode == 0
    assert refusal("verify", "", str(tmp_path / "t"))[0] == ExitCode.TARGET


def test_an_image_that_does_not_behave_the_same(image: Image, docker_client: DockerClient) -> None:
    words = ("--exclude", "/usr/lib/os-release", "-t", "twtest-made/broken", image("base"))
    status, said = refusal("run", *words, "--", "cat", "/etc/os-release")
    assert status == ExitCode.VERIFICATION
    assert "The original ends with status 0, the new image with 1" in said
    assert not docker_client.images.list("twtest-made/broken")


def test_a_full_disk(image: Image, small_disk: Path) -> None:
    status, said = refusal("run", image("java"), "--", "java", "-version", TMPDIR=str(small_disk))
    assert status == ExitCode.NO_SPACE
    assert str(small_disk) in said
    assert not list(small_disk.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    import subprocess

    directory = tmp_path / "small"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", str(directory)], check=True, timeout=10)
    yield directory
    subprocess.run(["umount", str(directory)], check=True, timeout=10)
