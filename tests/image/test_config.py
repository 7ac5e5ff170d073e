"""The image configuration: all of the original's, and only what was asked for otherwise."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from typing import IO, Any

import pytest
from docker import DockerClient

from tests.image.tars import Item, tar
from tracewhale.errors import UsageError
from tracewhale.image.config import (
    AS_IT_WAS,
    Overrides,
    canonical,
    created_time,
    digest,
    from_inspect,
    new_config,
)

ORIGINAL: dict[str, Any] = {
    "architecture": "arm64",
    "variant": "v8",
    "os": "linux",
    "os.version": "1.2",
    "os.features": ["win32k"],
    "author": "Somebody <s@example.com>",
    "created": "2024-05-06T07:08:09.123456789Z",
    "docker_version": "20.10.24",
    "container": "abc",
    "a member of the future": {"deep": [1, 2.5, None, "\N{WHALE}"]},
    "history": [{"created_by": "FROM"}, {"created_by": "ENV", "empty_layer": True}],
    "rootfs": {"type": "layers", "diff_ids": ["sha256:old", "sha256:older"]},
    "config": {
        "User": "www-data:adm",
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Env": ["PATH=/bin", "EMPTY=", "EQUALS=a=b", "PATH2=x"],
        "Entrypoint": ["/entry", "with space"],
        "Cmd": ["-g", "daemon off;"],
        "Volumes": {"/data": {}},
        "WorkingDir": "/srv",
        "Labels": {"a": "1", "org.example": "x"},
        "StopSignal": "SIGQUIT",
        "StopTimeout": 7,
        "Healthcheck": {"Test": ["CMD", "/check"], "Interval": 30_000_000_000, "Retries": 3},
        "Shell": ["/bin/bash", "-c"],
        "OnBuild": ["RUN make"],
        "ArgsEscaped": True,
        "MacAddress": "02:42:ac:11:00:02",
    },
}


def made(overrides: Overrides = AS_IT_WAS, created: str | None = ORIGINAL["created"]) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(
        new_config(ORIGINAL, ["sha256:new"], created=created, overrides=overrides)
    )
    return config


def test_all_but_rootfs_and_history_is_as_it_was() -> None:
    changed = {"rootfs", "history"}
    assert {name: value for name, value in made().items() if name not in changed} == {
        name: value for name, value in ORIGINAL.items() if name not in changed
    }
    assert made()["rootfs"] == {"type": "layers", "diff_ids": ["sha256:new"]}
    assert made()["history"] == [{"created": ORIGINAL["created"], "created_by": "tracewhale"}]


def test_the_original_is_left_alone() -> None:
    before = json.dumps(ORIGINAL)
    new_config(ORIGINAL, [], overrides=Overrides(labels={"a": "2"}, env={"PATH": "/"}, expose=("1",)))
    assert json.dumps(ORIGINAL) == before


def test_no_time_is_no_time() -> None:
    config = made(created=None)
    assert "created" not in config
    assert config["history"] == [{"created_by": "tracewhale"}]


def test_the_bytes_do_not_depend_on_the_order_of_members() -> None:
    backwards = {name: ORIGINAL[name] for name in reversed(ORIGINAL)}
    assert new_config(backwards, ["x"]) == new_config(ORIGINAL, ["x"])


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (Overrides(labels={"a": "2", "b": "3"}), {"Labels": {"a": "2", "b": "3", "org.example": "x"}}),
        (
            Overrides(env={"PATH": "/sbin", "NEW": "n"}),
            {"Env": ["PATH=/sbin", "EMPTY=", "EQUALS=a=b", "PATH2=x", "NEW=n"]},
        ),
        (Overrides(entrypoint=("/e",)), {"Entrypoint": ["/e"], "Cmd": None}),
        (Overrides(entrypoint=()), {"Entrypoint": None, "Cmd": None}),
        (Overrides(entrypoint=("/e",), cmd=("c",)), {"Entrypoint": ["/e"], "Cmd": ["c"]}),
        (Overrides(cmd=("c", "d")), {"Cmd": ["c", "d"]}),
        (Overrides(cmd=()), {"Cmd": None}),
        (Overrides(user=""), {"User": ""}),
        (Overrides(user="1:2"), {"User": "1:2"}),
        (Overrides(workdir="/w"), {"WorkingDir": "/w"}),
        (
            Overrides(expose=("8080", "53/udp")),
            {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "8080/tcp": {}}},
        ),
    ],
)
def test_overrides_change_that_and_nothing_else(overrides: Overrides, expected: dict[str, Any]) -> None:
    assert made(overrides)["config"] == {**ORIGINAL["config"], **expected}


def test_overrides_of_an_empty_configuration() -> None:
    overrides = Overrides(labels={"a": "b"}, env={"c": "d"}, expose=("1/tcp",))
    config = json.loads(new_config({"config": None}, [], overrides=overrides))["config"]
    assert config == {"Labels": {"a": "b"}, "Env": ["c=d"], "ExposedPorts": {"1/tcp": {}}}
    nulls = {"config": {"Labels": None, "Env": None, "ExposedPorts": None}}
    assert json.loads(new_config(nulls, [], overrides=overrides))["config"] == config


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        ("0", "1970-01-01T00:00:00Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("", ORIGINAL["created"]),
    ],
)
def test_source_date_epoch(epoch: str, expected: str) -> None:
    assert created_time(ORIGINAL, {"SOURCE_DATE_EPOCH": epoch}) == expected


def test_without_source_date_epoch_the_time_is_the_originals() -> None:
    assert created_time(ORIGINAL, {}) == ORIGINAL["created"]
    assert created_time({}, {}) is None


@pytest.mark.parametrize("epoch", ["yesterday", "1e9", "9" * 30, "-9999999999999999"])
def test_a_source_date_epoch_that_is_none(epoch: str) -> None:
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        created_time(ORIGINAL, {"SOURCE_DATE_EPOCH": epoch})


def test_canonical_json_and_its_digest() -> None:
    assert canonical({"b": "\N{WHALE}", "a": [1, None]}) == '{"a":[1,null],"b":"\N{WHALE}"}'.encode()
    assert digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


DOCKERFILE = b"""FROM scratch
COPY file /
ENV A=1 B=2
EXPOSE 80 53/udp
VOLUME /v
LABEL x=y
USER 1:2
WORKDIR /w
STOPSIGNAL SIGINT
SHELL ["/bin/other", "-c"]
HEALTHCHECK --interval=7s --retries=2 CMD /check
ONBUILD RUN x
ENTRYPOINT ["/e"]
CMD ["a", "b c"]
"""


def test_what_docker_inspects_is_what_its_configuration_says(
    docker_client: DockerClient, new_tag: Callable[[], str]
) -> None:
    """Against the configuration itself, which only ``docker save`` shows."""
    context = io.BytesIO(tar(Item("Dockerfile", DOCKERFILE), Item("file", b"x")))
    image, _ = docker_client.images.build(fileobj=context, custom_context=True, tag=new_tag(), rm=True)
    with tarfile.open(fileobj=io.BytesIO(b"".join(image.save()))) as saved:
        (manifest,) = json.load(contents(saved, "manifest.json"))
        config = json.load(contents(saved, manifest["Config"]))
    del config["history"]
    assert {"Healthcheck", "StopSignal", "Shell", "OnBuild", "Volumes"} < config["config"].keys()
    assert without_empty(from_inspect(image.attrs)) == without_empty(config)


def contents(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    assert file is not None
    return file


def without_empty(value: Any) -> Any:
    """JSON without the members that say nothing, which engines write or not as they like."""
    if not isinstance(value, dict):
        return value
    kept = {name: without_empty(member) for name, member in value.items()}
    return {name: member for name, member in kept.items() if member or name in ("80/tcp", "53/udp", "/v")}
