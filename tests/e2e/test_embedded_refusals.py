"""Bad input without an engine: the same sentences and exit codes as with Docker, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.tool import refusal, tracewhale
from tests.layer_writing import write_image
from tests.trees import MemoryTree
from tracewhale.errors import ExitCode
from tracewhale.image.archive import docker_archive, write_archive

pytestmark = pytest.mark.usefixtures("temporary", "probe")


@pytest.fixture
def saved(archive: Callable[[str], Path]) -> str:
    return f"docker-archive:{archive('base')}"


@pytest.fixture
def base(unpacked: Callable[[str], tuple[str, object]]) -> str:
    return f"rootfs:{unpacked('base')[0]}"


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., str]:
    """An archive of an image with one file, or with none, for an architecture."""

    def make(tree: str, architecture: str = "amd64") -> str:
        files = MemoryTree(tree)
        config = {"architecture": architecture, "os": "linux"}
        with write_image(files.pack(list(files.entries)), config) as image:
            write_archive(docker_archive(image), str(tmp_path / "made.tar"))
        return f"docker-archive:{tmp_path}/made.tar"

    return make


@pytest.mark.parametrize(
    "target",
    [
        "docker-archive:/nonexistent.tar",
        "oci:/nonexistent",
        "oci-archive:/nonexistent",
        "rootfs:/nonexistent",
        "rootfs:/etc/passwd",
    ],
)
def test_an_unknown_target(target: str) -> None:
    status, said = refusal("run", target, "--", "true")
    assert status == ExitCode.TARGET
    assert target.partition(":")[2] in said


@pytest.mark.parametrize("target", ["docker-archive:/etc/passwd", "oci:/etc", "oci-archive:/etc/passwd"])
def test_what_is_no_image(target: str) -> None:
    assert refusal("run", target, "--", "true")[0] == ExitCode.IMAGE_CONTENT


@pytest.mark.parametrize("target", ["docker-archive:", "oci:", "rootfs:"])
def test_a_prefix_with_nothing_behind(target: str) -> None:
    assert refusal("run", target, "--", "true")[0] == ExitCode.USAGE


def test_a_name_that_the_archive_does_not_have(saved: str) -> None:
    status, said = refusal("run", f"{saved}:other", "--", "true")
    assert status == ExitCode.TARGET
    assert "'other'" in said
    assert "twtest/base" in said


def test_another_architecture(made: Callable[..., str]) -> None:
    status, said = refusal("run", made("/x: x", "s390x"), "--", "/x")
    assert status == ExitCode.PLATFORM
    assert "linux/s390x" in said


@pytest.mark.parametrize("target", ["image", "directory", "host"])
def test_another_platform_than_asked_for(made: Callable[..., str], base: str, target: str) -> None:
    name = {"image": made("/x: x"), "directory": base, "host": "host"}[target]
    status, said = refusal("run", "--platform", "linux/arm64", name, "--", "/x")
    assert status == ExitCode.PLATFORM
    assert "not for linux/arm64" in said


def test_an_empty_image(made: Callable[..., str]) -> None:
    assert refusal("run", made(""))[0] == ExitCode.EMPTY_IMAGE


def test_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refusal("run", f"rootfs:{tmp_path}/empty", "--", "true")[0] == ExitCode.EMPTY_IMAGE


@pytest.mark.parametrize("target", ["image", "host"])
def test_no_command(made: Callable[..., str], target: str) -> None:
    status, said = refusal("run", target if target == "host" else made("/x: x"))
    assert status == ExitCode.EMPTY_IMAGE
    assert "--" in said


@pytest.mark.parametrize("command", ["/nope", "nope", "/etc/passwd", "/etc"])
def test_a_command_that_is_none(base: str, command: str) -> None:
    status, said = refusal("run", base, "--", command)
    assert status == ExitCode.COMMAND_NOT_FOUND
    assert repr(command) in said


def test_a_program_for_another_processor(made: Callable[..., str], tmp_path: Path) -> None:
    status, said = refusal("run", made("/x: \x7fELF nothing"), "--", "/x")
    assert status == ExitCode.COMMAND_NOT_FOUND
    assert "'/x'" in said


def test_a_command_that_is_killed(base: str) -> None:
    status, said = refusal("run", base, "--", "perl", "-e", "unpack('P1', pack('Q', 16))")
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
def test_what_drives_the_target_fails(base: str, step: tuple[str, str], says: str) -> None:
    status, said = refusal("run", *step, base, "--", "sleep", "1000")
    assert status == ExitCode.WORKLOAD
    assert says in said


def test_a_server_that_ends_before_its_workload(base: str) -> None:
    status, said = refusal("run", "--workload", "true", base, "--", "sh", "-c", "echo dying; exit 4")
    assert status == ExitCode.WORKLOAD
    assert "ended with status 4" in said


@pytest.mark.parametrize(
    "output", ["docker-daemon:UPPER:x", "docker-archive:{}/x:a b", "docker-daemon:a:b:c"]
)
def test_a_name_that_is_none(base: str, tmp_path: Path, output: str) -> None:
    assert refusal("run", "-o", output.format(tmp_path), base, "--", "true")[0] == ExitCode.TAG


@pytest.mark.parametrize("output", ["host", "rootfs:{}", "oci:{}", "elsewhere", "oci:/proc/x", "oci:"])
def test_an_output_that_cannot_be_written(base: str, tmp_path: Path, output: str) -> None:
    (tmp_path / "something").write_text("of somebody")
    status, _ = refusal("run", "-o", output.format(tmp_path), base, "--", "true")
    assert status == ExitCode.USAGE
    assert (tmp_path / "something").read_text() == "of somebody"


def test_no_engine_for_a_docker_output(base: str) -> None:
    words = ("run", "-o", "docker-daemon:x", base, "--", "true")
    status, said = refusal(*words, DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert status == ExitCode.ENGINE
    assert "No Docker engine answers" in said


def test_no_engine_tells_of_what_needs_none() -> None:
    status, said = refusal("run", "x", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert status == ExitCode.ENGINE
    assert "rootfs:DIR and host" in said


def test_an_image_that_does_not_behave_the_same(base: str, tmp_path: Path) -> None:
    words = ("--exclude", "/usr/lib/os-release", "-o", f"oci:{tmp_path}/out", base)
    status, said = refusal("run", *words, "--", "cat", "/etc/os-release")
    assert status == ExitCode.VERIFICATION
    assert "The original ends with status 0, the new image with 1" in said
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_another_by_now(saved: str, made: Callable[..., str], tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar"
    copy.write_bytes(Path(saved.partition(":")[2]).read_bytes())
    trace = str(tmp_path / "trace")
    assert tracewhale("trace", "-o", trace, f"docker-archive:{copy}", "--", "true").returncode == 0
    copy.write_bytes(Path(made("/x: x").partition(":")[2]).read_bytes())
    status, said = refusal("build", trace)
    assert status == ExitCode.TARGET
    assert "has changed since it was traced" in said


def test_a_full_disk(saved: str, small_disk: Path) -> None:
    status, said = refusal("run", saved, "--", "true", TMPDIR=str(small_disk))
    assert status == ExitCode.NO_SPACE
    assert str(small_disk) in said
    assert not list(small_disk.iterdir())


def test_with_json_an_error_is_an_object(base: str) -> None:
    done = tracewhale("run", "--json", base, "--", "/nope")
    assert json.loads(done.stdout)["error"]["code"] == ExitCode.COMMAND_NOT_FOUND


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    import subprocess

    directory = tmp_path / "small"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", str(directory)], check=True, timeout=10)
    yield directory
    subprocess.run(["umount", str(directory)], check=True, timeout=10)


@pytest.mark.parametrize(("link", "words"), [("/etc -> /etc", "/etc/resolv.conf"), ("/proc -> etc", "/proc")])
def test_files_that_no_container_can_be_made_of(made: Callable[..., str], link: str, words: str) -> None:
    status, said = refusal("run", made(f"/x: x\n{link}"), "--", "/x")
    assert status == ExitCode.ENGINE
    assert words in said
    assert "build the image again" in said
