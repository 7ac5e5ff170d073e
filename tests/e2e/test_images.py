"""The sample images: slimmed, verified, no larger than they should be, and answering as before."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from tests.e2e.tool import refusal, report
from tracewhale.errors import ExitCode

NewTag = Callable[[], str]
Image = Callable[[str], str]

SERVERS = [
    ("nginx", 80, ["/", "/none"], 10),
    ("flask", 8000, ["/", "/resolve", "/database", "/zone", "/idna"], 43),
    ("java", 8080, ["/"], 175),
    ("node", 3000, ["/", "/resolve"], 99),
]
"""Image, port, paths that the workload asks for, and megabytes (docker's Size) at most."""


@contextmanager
def running(
    client: DockerClient, image: str, command: list[str] | None = None, **options: Any
) -> Iterator[Container]:
    container = client.containers.run(image, command, detach=True, **options)
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def answer(container: Container, port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a page, as soon as the server listens."""
    container.reload()
    address = container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=10) as page:
                return page.status, page.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def state_of(container: Container) -> tuple[object, list[str]]:
    """All that a run could change in a container: its state, and the names of its change layer."""
    container.reload()
    return container.attrs["State"], sorted(
        f"{each['Kind']} {each['Path']}" for each in container.diff() or []
    )


@pytest.mark.parametrize(("name", "port", "paths", "megabytes"), SERVERS, ids=[s[0] for s in SERVERS])
@pytest.mark.usefixtures("leaves_nothing")
def test_a_server_answers_as_before(
    name: str,
    port: int,
    paths: list[str],
    megabytes: int,
    docker_client: DockerClient,
    image: Image,
    new_tag: NewTag,
) -> None:
    original, slim = image(name), new_tag()
    get = "import sys, urllib.request as u; [print(u.urlopen(a).status) for a in sys.argv[1:]]"
    urls = " ".join(f"http://$TRACEWHALE_IP:{port}{path}" for path in paths if path != "/none")
    found = report("run", "-t", slim, "--workload", f"python3 -c '{get}' {urls}", original)
    assert found["verification"]["verified"]
    assert found["built"]["size"] <= megabytes * 1_000_000
    assert found["trace"]["lost"] == 0
    before, after = (docker_client.images.get(each).attrs["Config"] for each in (original, slim))
    assert {k: v for k, v in after.items() if k != "Labels"} == {
        k: v for k, v in before.items() if k != "Labels"
    }
    with running(docker_client, original) as old, running(docker_client, slim) as new:
        for path in paths:
            assert answer(new, port, path) == answer(old, port, path)


@pytest.mark.usefixtures("leaves_nothing")
def test_a_client_prints_what_it_reads(docker_client: DockerClient, image: Image, new_tag: NewTag) -> None:
    original, slim = image("curl"), new_tag()
    found = report("run", "-t", slim, original, "--", "-s", "file:///etc/os-release")
    assert found["verification"]["output"] == "same"
    assert found["built"]["size"] <= 20_000_000
    printed = [
        docker_client.containers.run(i, ["-s", "file:///etc/os-release"], remove=True)
        for i in (original, slim)
    ]
    assert printed[0] == printed[1] != b""
    ended = []
    for name in (original, slim):
        with running(docker_client, name) as container:  # without arguments it says how it is used
            ended.append((container.wait()["StatusCode"], container.logs()))
    assert ended[0] == ended[1]
    assert ended[0][1].startswith(b"curl: try 'curl --help'")


SHARING = "java -Xshare:on -XX:+UnlockDiagnosticVMOptions -XX:+VerifySharedSpaces -version".split()
"""Ends with an error if the archive of loaded classes does not fit the class library."""


@pytest.mark.parametrize(("options", "limit"), [((), 175), (("--shrink", "java"), 95)])
@pytest.mark.usefixtures("leaves_nothing")
def test_java_resolves_names_that_no_trace_asked_for(
    docker_client: DockerClient, image: Image, new_tag: NewTag, options: tuple[str, ...], limit: int
) -> None:
    """The failure that the first tool of this kind was known for."""
    original, slim = image("java"), new_tag()
    found = report("run", "-t", slim, "--for", "2", *options, original)
    assert found["built"]["size"] <= limit * 1_000_000
    assert b"sharing" in docker_client.containers.run(slim, SHARING, remove=True, stderr=True)
    command = ["java", "-jar", "/app.jar", "resolve", "localhost"]
    printed = [docker_client.containers.run(i, command, remove=True) for i in (original, slim)]
    assert printed[0] == printed[1]
    assert printed[1].startswith(b"localhost/127.0.0.1")


@pytest.mark.parametrize("name", ["static", "musl"])
@pytest.mark.usefixtures("leaves_nothing")
def test_an_image_without_shell_or_ldd(
    name: str, docker_client: DockerClient, image: Image, new_tag: NewTag
) -> None:
    original, slim = image(name), new_tag()
    assert report("run", "-t", slim, original)["verification"]["verified"]
    printed = [docker_client.containers.run(i, remove=True) for i in (original, slim)]
    assert printed[0] == printed[1] != b""


@pytest.mark.usefixtures("leaves_nothing")
def test_a_container_is_taken_as_it_is_and_left_alone(
    docker_client: DockerClient, image: Image, new_tag: NewTag, tmp_path: Path
) -> None:
    slim = new_tag()
    with running(docker_client, image("base"), ["sleep", "1000"], working_dir="/root") as container:
        container.exec_run(["sh", "-c", "echo changed > /root/made; rm /etc/issue"])
        before = state_of(container)
        found = report("run", "-t", slim, container.short_id, "--", "cat", "made")
        assert state_of(container) == before
    assert found["verification"]["output"] == "same"
    assert found["built"]["start"] == ["docker", "run", "--rm", slim]
    assert docker_client.containers.run(slim, remove=True) == b"changed\n"


@pytest.mark.usefixtures("leaves_nothing")
def test_the_base_image_that_skinnywhale_made(
    docker_client: DockerClient, image: Image, new_tag: NewTag, tmp_path: Path
) -> None:
    """A runtime is installed in a container, nothing is committed, and an image is built FROM the result."""
    slim, derived = new_tag(), new_tag()
    install = (
        "mkdir -p /usr/share/man/man1 && apt-get update -q && apt-get clean"
        " && apt-get install -qy --no-install-recommends openjdk-17-jre-headless && apt-get clean"
    )
    with running(docker_client, image("base"), ["sleep", "1000"], network_mode="host") as container:
        status, output = container.exec_run(["sh", "-c", install])
        assert status == 0, output
        with running(docker_client, image("java"), ["sleep", "1000"]) as source:
            jar, _ = source.get_archive("/app.jar")
            container.put_archive("/", b"".join(jar))
        words = ("--network", "bridge", str(container.name), "--", "java", "-version")
        found = report("run", "--keep-changes", "-t", slim, *words)
    assert found["verification"]["verified"]
    kept = {file["path"]: file["reasons"] for file in found["plan"]["files"]}
    assert any(reason["why"] == "changed" for reason in kept["/app.jar"])
    (tmp_path / "Dockerfile").write_text(f'FROM {slim}\nENTRYPOINT ["java", "-jar", "/app.jar"]\n')
    docker_client.images.build(path=str(tmp_path), tag=derived, rm=True)
    printed = docker_client.containers.run(derived, ["resolve", "localhost"], remove=True)
    assert printed.startswith(b"localhost/127.0.0.1")


@pytest.mark.usefixtures("leaves_nothing")
def test_what_only_the_second_run_asks_for_is_added(
    docker_client: DockerClient, image: Image, new_tag: NewTag, tmp_path: Path
) -> None:
    """The workload fails on the first image, and what was asked for by then says why."""
    slim, flag = new_tag(), tmp_path / "asked"
    flag.write_text("")
    get = (
        "import os, sys, urllib.request as u; path = open(sys.argv[2]).read() or '/';"
        " open(sys.argv[2], 'w').write('/other.txt'); u.urlopen(sys.argv[1] + path)"
    )
    workload = f'python3 -c "{get}" http://$TRACEWHALE_IP {flag}'
    with running(docker_client, image("nginx")) as container:
        container.exec_run(["sh", "-c", "echo other > /var/www/html/other.txt"])
        words = ("--workload", workload, container.short_id, "--", "nginx", "-g", "daemon off;")
        found = report("run", "-t", slim, *words)
    assert found["verification"]["verified"]
    assert found["verification"]["rounds"] == 2
    assert "/var/www/html/other.txt" in found["verification"]["added"]
    with running(docker_client, slim) as new:
        assert answer(new, 80, "/other.txt") == (200, b"other\n")


def test_the_stages_alone_keep_what_a_listing_prints(image: Image, new_tag: NewTag, tmp_path: Path) -> None:
    trace, slim = str(tmp_path / "trace"), new_tag()
    report("trace", "-o", trace, image("base"), "--", "ls", "/etc/apt")
    report("build", "-t", slim, trace)
    status, words = refusal("verify", slim, trace)
    assert status == ExitCode.VERIFICATION
    assert "--keep-listings" in words
    report("build", "--keep-listings", "-t", slim, trace)
    assert report("verify", slim, trace)["verification"]["verified"]
