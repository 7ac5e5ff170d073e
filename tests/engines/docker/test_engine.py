"""Finding things in the engine, and what its errors mean."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests
from docker import APIClient, DockerClient
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container

from tracewhale.engines.docker.containers import token
from tracewhale.engines.docker.engine import (
    _api_version,
    api_errors,
    connect,
    find,
    image_config,
    inspect_image,
    load,
    remove_image,
    tag,
)
from tracewhale.engines.docker.errors import api_error
from tracewhale.errors import (
    EmptyImage,
    EngineError,
    NoSpace,
    PlatformMismatch,
    TargetNotFound,
    TraceWhaleError,
    UsageError,
)


@pytest.mark.parametrize(
    ("server", "version"),
    [
        ({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "1.41"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.40"}, "1.44"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.50"}, "1.50"),
    ],
)
def test_the_version_that_both_sides_speak(server: dict[str, str], version: str) -> None:
    assert _api_version(server) == version


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (404, "No such image: x:latest", TargetNotFound),
        (404, "network x not found", UsageError),
        (500, 'invalid --security-opt 2: "foo=bar"', UsageError),
        (500, 'invalid tmpfs option ["bogus" "1"]', UsageError),
        (500, "Cannot mkdir: /etc/passwd is not a directory", UsageError),
        (500, "lstat /var/lib/docker/overlay2/x/merged/etc/passwd/x: not a directory", UsageError),
        (500, "write /a: no space left on device", NoSpace),
        (400, "invalid mode: foo", UsageError),
        (500, "unable to find user x: no matching entries in passwd file", UsageError),
        (409, "conflict", EngineError),
        (500, "driver failed:\n  port is already allocated.", EngineError),
    ],
)
def test_the_engines_words_become_ours(status: int, words: str, expected: type[TraceWhaleError]) -> None:
    error = api_error("do it", status, words)
    assert type(error) is expected
    assert error.what.endswith(".")
    assert "\n" not in error.what


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (DockerException("x"), EngineError),
        (requests.exceptions.ConnectionError("x"), EngineError),
        (requests.exceptions.ReadTimeout("x"), EngineError),
        (OSError(errno.ENOSPC, "x"), NoSpace),
        (OSError(errno.EIO, "x"), OSError),
        (ValueError("x"), ValueError),
    ],
)
def test_what_the_sdk_raises(raised: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected), api_errors("do it"):
        raise raised


@pytest.mark.parametrize(
    "host", ["unix:///no/such/socket", "tcp://127.0.0.1:1", "nonsense://x", "tcp://x:y"], ids=str
)
def test_no_engine(host: str) -> None:
    with pytest.raises(EngineError) as caught:
        connect({"DOCKER_HOST": host})
    assert "DOCKER_HOST" in caught.value.hint


def test_what_answers_is_no_engine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(EngineError):
            connect({"DOCKER_HOST": f"tcp://127.0.0.1:{server.getsockname()[1]}"})


def test_a_current_context_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "none"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(EngineError, match="There is no Docker context"):
        connect({})


def test_docker_context_counts_before_the_current_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "default"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(EngineError, match="no-such-context"):
        connect({"DOCKER_CONTEXT": "no-such-context"})


@pytest.fixture
def sleeper(docker_client: DockerClient, image: Callable[[str], str]) -> Iterator[Container]:
    made = docker_client.containers.create(image("base"), ["true"], name=f"twtest-{token()}")
    yield made
    made.remove(force=True, v=True)


def test_an_image_by_name_and_id(api: APIClient, image: Callable[[str], str]) -> None:
    name = image("base")
    whole = find(api, name).image
    assert whole.startswith("sha256:")
    short = whole.removeprefix("sha256:")
    for text in (f"{name}:latest", f"docker.io/{name}", whole, short, short[:12], f"sha256:{short[:12]}"):
        found = find(api, text)
        assert (found.image, found.container, found.note) == (whole, "", ""), text


def test_a_container_by_name_and_id(api: APIClient, sleeper: Container) -> None:
    for text in (sleeper.name, f"/{sleeper.name}", sleeper.id, str(sleeper.id)[:12]):
        found = find(api, str(text))
        assert found.container == sleeper.id, text
        assert found.image.startswith("sha256:")


def test_a_name_of_both_is_the_image_and_it_is_said(
    api: APIClient, docker_client: DockerClient, image: Callable[[str], str], sleeper: Container
) -> None:
    source = docker_client.images.get(image("static"))
    source.tag(str(sleeper.name))
    try:
        found = find(api, str(sleeper.name))
        assert (found.image, found.container) == (source.id, "")
        assert str(sleeper.name) in found.note
    finally:
        docker_client.images.remove(str(sleeper.name))


@pytest.mark.parametrize("name", ["no such", "UPPER", "x" * 300, "0" * 64, "sha256:" + "0" * 64, "a:b:c"])
def test_nothing_of_that_name(api: APIClient, name: str) -> None:
    with pytest.raises(TargetNotFound, match="There is no image or container"):
        find(api, name)


@pytest.mark.parametrize("before", ["none/../", "../images/", "./"])
def test_a_name_is_no_path_of_the_engines_interface(
    api: APIClient, image: Callable[[str], str], sleeper: Container, before: str
) -> None:
    for name in (image("base").removesuffix(":latest"), str(sleeper.name)):
        with pytest.raises(TargetNotFound, match="There is no image or container"):
            find(api, before + name)
    with pytest.raises(TargetNotFound, match="There is no image"):
        inspect_image(api, before + image("base"))


def test_an_image_of_another_platform_than_wanted(api: APIClient, image: Callable[[str], str]) -> None:
    with pytest.raises(PlatformMismatch, match="here, and cannot be pulled for linux/s390x"):
        find(api, image("base"), platform="linux/s390x")


def test_what_says_nothing_is_left_out_of_the_engines_words() -> None:
    said = (
        "failed to create shim task: OCI runtime create failed: runc create failed: unable to start "
        "container process: unable to apply caps: operation not permitted: unknown"
    )
    error = api_error("start the container", 500, said)
    assert (
        error.what == "Docker could not start the container: unable to apply caps: operation not permitted."
    )
    assert error.hint


def test_a_missing_image_is_pulled_as_docker_run_does(api: APIClient) -> None:
    told: list[str] = []
    with pytest.raises(TargetNotFound, match="no image of that name can be pulled"):
        find(api, "localhost:1/no/such:image", progress=told.append)
    assert told == ["Unable to find image 'localhost:1/no/such:image' locally"]


@pytest.mark.parametrize("name", ["", " "])
def test_no_name(api: APIClient, name: str) -> None:
    with pytest.raises(TargetNotFound):
        find(api, name)


class Ambiguous:
    """An engine in which every id begins with what was asked for."""

    def inspect_image(self, name: str) -> dict[str, Any]:
        response = requests.Response()
        response.status_code = 404
        raise NotFound("x", response, "No such image")

    def inspect_container(self, name: str) -> dict[str, Any]:
        response = requests.Response()
        response.status_code = 400
        raise APIError("x", response, f"Multiple IDs found with provided prefix: {name}")


def test_the_beginning_of_several_ids() -> None:
    with pytest.raises(TargetNotFound, match="several containers") as caught:
        find(cast(APIClient, Ambiguous()), "a")
    assert caught.value.hint


class Elsewhere:
    """An engine with one image, of another architecture or with nothing in it."""

    def __init__(self, **image: Any) -> None:
        usual = {"Id": "sha256:1", "Os": "linux", "Architecture": "amd64", "RootFS": {"Layers": ["x"]}}
        self.image = {**usual, **image}

    def inspect_image(self, name: str) -> dict[str, Any]:
        return self.image

    def inspect_container(self, name: str) -> dict[str, Any]:
        return Ambiguous.inspect_image(cast(Any, self), name)

    def version(self) -> dict[str, str]:
        return {"Os": "linux", "Arch": "amd64"}


def test_images_that_cannot_run_here() -> None:
    with pytest.raises(PlatformMismatch, match=r"linux/riscv64.*linux/amd64"):
        find(cast(APIClient, Elsewhere(Architecture="riscv64")), "a")
    with pytest.raises(PlatformMismatch, match="windows"):
        find(cast(APIClient, Elsewhere(Os="windows")), "a")
    with pytest.raises(EmptyImage):
        find(cast(APIClient, Elsewhere(RootFS={"Type": "layers"})), "a")
    assert find(cast(APIClient, Elsewhere(Architecture="386")), "a").image == "sha256:1"


@pytest.mark.usefixtures("leaves_nothing")
def test_an_image_is_saved_loaded_named_and_removed(
    api: APIClient, docker_client: DockerClient, image: Callable[[str], str], new_tag: Callable[[], str]
) -> None:
    before = docker_client.images.get(image("static"))
    chunks = list(before.save())
    assert load(api, chunks) == before.id
    name = new_tag()
    tag(api, str(before.id), name)
    assert inspect_image(api, name)["Id"] == before.id
    assert image_config(api, name) == before.attrs["Config"]
    remove_image(api, "no-such-image")


def test_an_archive_that_is_none(api: APIClient) -> None:
    with pytest.raises(EngineError):
        load(api, [b"nonsense" * 1000])


def test_an_archive_that_cannot_be_read_through(api: APIClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"\0" * 512
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load(api, chunks())
