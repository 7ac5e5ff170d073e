"""Containers as targets, files read from images, and what is left afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from docker import APIClient, DockerClient
from docker.models.containers import Container

from tests.engines.docker.conftest import Runner
from tracewhale.engines.base import Request
from tracewhale.engines.docker.adapter import DockerEngine
from tracewhale.engines.docker.container_spec import CreatePayload
from tracewhale.engines.docker.containers import (
    LABEL,
    container,
    copied_volumes,
    docker_init,
    served_tree,
    token,
)
from tracewhale.engines.docker.engine import find
from tracewhale.engines.docker.target import changes, prepare
from tracewhale.errors import CommandKilled
from tracewhale.rootfs.tree import Kind, View
from tracewhale.running.options import RunOptions

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def test_an_image_is_read_as_it_is(api: APIClient, probe_bytes: bytes, image: Callable[[str], str]) -> None:
    with served_tree(api, find(api, image("base")).image, probe_bytes) as tree:
        view = View(tree)
        root = view.listing("/")
        assert root is not None
        assert not {".tracewhale", ".dockerenv"} & set(root)
        settings = tree.scan(["/etc"])["/etc"]
        assert settings is not None
        assert not {"hosts", "hostname", "resolv.conf", "mtab"} & set(settings)  # the engine makes them
        assert view.listing("/proc") == {} == view.listing("/sys")
        shell = view.resolve("/bin/sh").entry
        assert shell is not None
        assert shell.kind is Kind.FILE
        assert tree.read([(shell.path, 0, 4), ("/nonexistent", 0, -1)]) == [b"\x7fELF", None]
        sizes = [len(b"".join(packed.chunks)) for packed in tree.pack([shell.path])]
        assert sizes == [shell.size]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, None])
def test_a_container_goes_whatever_happens(
    api: APIClient,
    docker_client: DockerClient,
    image: Callable[[str], str],
    error: type[BaseException] | None,
) -> None:
    run = token()
    config = {"Image": image("base"), "Cmd": ["sleep", "60"], "Volumes": {"/anonymous": {}}}

    def mine() -> list[Container]:
        return docker_client.containers.list(all=True, filters={"label": f"{LABEL}={run}"})

    def use() -> None:
        with container(api, CreatePayload(config, {}, ()), run) as identifier:
            api.start(identifier)
            assert len(mine()) == 1
            if error is not None:
                raise error

    if error is None:
        use()
    else:
        with pytest.raises(error):
            use()
    assert mine() == []


def test_the_engines_init_is_a_program(
    api: APIClient, probe_bytes: bytes, image: Callable[[str], str]
) -> None:
    assert docker_init(api, image("base"), probe_bytes).startswith(b"\x7fELF")


SETUP = (
    "chown 7:8 /data; chmod 1750 /data; echo anon > /data/f; ln -s f /data/l; mkdir -m 700 /data/d; "
    "echo named > /named/g; echo changed > /etc/motd; rm /etc/issue; echo new > /root/new"
)


@pytest.fixture
def box(docker_client: DockerClient, image: Callable[[str], str]) -> Iterator[Container]:
    """A container that runs, with changes and volumes."""
    name = f"twtest-{token()}"
    made = docker_client.containers.run(
        image("base"),
        ["-c", "sleep 600"],
        entrypoint="/bin/sh",
        detach=True,
        name=name,
        hostname="myhost",
        environment={"FOO": "bar"},
        working_dir="/usr",
        cap_drop=["MKNOD"],
        ports={"80/tcp": None},
        tmpfs={"/scratch": "size=1m"},
        volumes=["/data", f"{name}:/named", "/usr/share/doc:/bound"],
        read_only=False,
    )
    try:
        assert made.exec_run(["sh", "-c", SETUP]).exit_code == 0
        yield made
    finally:
        made.remove(force=True, v=True)
        docker_client.volumes.get(name).remove()


def test_a_container_is_taken_as_it_is_now(runner: Runner, box: Container) -> None:
    script = (
        "stat -c '%u:%g %a %F' /data /data/d; readlink /data/l; cat /data/f /named/g /etc/motd /root/new; "
        "hostname; echo $FOO; pwd; ls /etc/issue 2>&1; touch /bound/x 2>&1; "
        "echo lost > /named/g; echo lost > /data/f; mknod /tmp/n c 1 3 2>&1; df -k /scratch | tail -1"
    )
    trace = runner(str(box.name), "sh", "-c", script)
    assert runner.stdout.decode().splitlines()[:15] == [
        "7:8 1750 directory",
        "0:0 700 directory",
        "f",
        "anon",
        "named",
        "changed",
        "new",
        "myhost",
        "bar",
        "/usr",
        "ls: cannot access '/etc/issue': No such file or directory",
        "touch: cannot touch '/bound/x': Read-only file system",
        "mknod: /tmp/n: Operation not permitted",
        *runner.stdout.decode().splitlines()[13:15],
    ]
    assert b"1024" in runner.stdout
    assert {"/bound", "/scratch"} <= set(trace.mounts)
    box.reload()
    assert box.status == "running"
    assert box.exec_run(["cat", "/data/f", "/named/g"]).output == b"anon\nnamed\n"


def test_a_container_was_made_when_it_was_made(box: Container) -> None:
    """Not when we look at it: the same trace of it gives the same image."""
    with DockerEngine(lambda text: None).open(str(box.id), Request()) as target:
        assert target.config["created"] == box.attrs["Created"]


def test_each_run_of_a_container_finds_the_same(runner: Runner, box: Container) -> None:
    for _ in range(2):
        runner(str(box.id)[:12], "sh", "-c", "cat /data/f; echo changed > /data/f")
    assert runner.stdout == b"anon\nanon\n"


@pytest.mark.parametrize("read_only", [True, False])
def test_a_containers_own_command_and_a_mount_instead_of_its_volume(
    runner: Runner, box: Container, read_only: bool
) -> None:
    trace = runner(str(box.name), "cat", "/data/passwd", volume=["/etc:/data:ro"], read_only=read_only)
    assert runner.stdout.startswith(b"root:")
    assert "/data" in trace.mounts


def test_a_container_that_never_ran(
    runner: Runner, docker_client: DockerClient, image: Callable[[str], str]
) -> None:
    made = docker_client.containers.create(image("base"), ["-c", "echo own"], entrypoint="/bin/sh")
    try:
        runner(str(made.id))
        assert runner.stdout == b"own\n"
        made.reload()
        assert made.status == "created"
    finally:
        made.remove(v=True)


def test_a_command_that_needs_more_memory_than_its_container_has(
    runner: Runner, docker_client: DockerClient, image: Callable[[str], str]
) -> None:
    made = docker_client.containers.create(
        image("base"), ["tail", "/dev/zero"], mem_limit="24m", memswap_limit="24m"
    )
    try:
        with pytest.raises(CommandKilled, match="signal 9 for using too much memory"):
            runner(str(made.id))
    finally:
        made.remove(v=True)


def test_the_change_layer(api: APIClient, box: Container) -> None:
    listed = changes(api, str(box.id))
    assert {"/etc/motd", "/root/new"} <= set(listed)
    assert "/etc/issue" not in listed
    assert list(listed) == sorted(listed)


def test_the_temporary_image_goes_when_the_run_fails(api: APIClient, box: Container) -> None:
    def fail() -> None:
        with prepare(api, find(api, str(box.name)), RunOptions(), ()):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_no_volumes_make_no_container(api: APIClient) -> None:
    with copied_volumes(api, "no-such-image", "no-such-container", ()) as (holder, volumes):
        assert (holder, volumes) == ("", {})
