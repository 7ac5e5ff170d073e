"""A service taken out of a Compose file, and how it runs by itself: pure."""

from __future__ import annotations

from typing import Any

import pytest

from tracewhale.errors import UsageError
from tracewhale.running.compose import (
    Composition,
    as_options,
    composition,
    overlaid,
    project_name,
    steps_of,
)
from tracewhale.running.options import RunOptions

SHOP: dict[str, Any] = {
    "version": "3.8",
    "services": {
        "web": {
            "build": {"context": "/src"},
            "x-tracewhale": {"steps": [{"http": "/"}]},
            "depends_on": {"db": {"condition": "service_healthy"}, "init": {}},
            "networks": {"back": {"aliases": ["shop"], "ipv4_address": "10.1.0.9"}, "front": None},
            "ports": ["80:80"],
            "volumes": ["data:/data:rw"],
        },
        "worker": {"image": "worker", "depends_on": ["db"], "container_name": "w", "labels": ["a=b"]},
        "db": {"image": "postgres", "ports": ["5432:5432"], "deploy": {"replicas": 2, "resources": {}}},
        "init": {"image": "shop", "profiles": ["init"]},
        "proxy": {"image": "nginx", "depends_on": ["web"]},
        "debug": {"image": "busybox", "profiles": ["debug"]},
    },
    "networks": {"back": {"ipam": {}}, "front": {"external": {"name": "their-front"}}},
    "volumes": {"data": None, "theirs": {"external": True, "name": "kept"}},
}
LABELS = {"tracewhale.owner": "me"}


def taken(service: str, resolved: dict[str, Any] = SHOP) -> Composition:
    return composition(resolved, service, own="shop", project="copy", separator="_", labels=LABELS)


def test_what_runs_beside_a_service() -> None:
    """The services that it needs, those that nobody needs, and none that needs it."""
    assert taken("web").others == ("db", "init", "worker")
    assert taken("worker").others == ("db", "init", "proxy", "web")
    assert taken("db").others == ()


def test_a_service_awaits_what_it_depends_on() -> None:
    assert taken("web").conditions == {"db": "service_healthy", "init": "service_started"}
    assert taken("worker").conditions == {"db": "service_started"}


def test_the_copy_touches_nothing_of_the_users_project() -> None:
    copy = taken("web").file
    assert copy["services"]["db"] == {"image": "postgres", "deploy": {"resources": {}}, "labels": LABELS}
    assert copy["services"]["worker"]["labels"] == {"a": "b", **LABELS}
    assert {*copy["services"]["web"]} == {"image", "networks", "volumes", "labels"}
    assert copy["networks"]["back"] == {"ipam": {}, "name": "copy_back", "labels": LABELS}
    assert copy["networks"]["front"] == {"name": "their-front", "external": True}
    assert copy["volumes"]["theirs"] == {"name": "kept", "external": True}
    assert taken("web").volumes == {"copy_data"}


def test_networks_as_the_engine_wants_them() -> None:
    assert taken("web").networks == (
        {"Name": "copy_back", "Aliases": ["web", "shop"], "IPAMConfig": {"IPv4Address": "10.1.0.9"}},
        {"Name": "their-front", "Aliases": ["web"]},
    )
    assert taken("worker").networks == ({"Name": "copy_default", "Aliases": ["worker"]},)
    assert "default" in taken("worker").file["networks"]


def test_names_of_images_that_are_built() -> None:
    assert (taken("web").image, taken("web").building) == ("shop_web", ("web",))
    assert (taken("worker").image, taken("db").building) == ("worker", ())
    assert project_name({}, "/src/My Shop!/compose.yaml", {}) == "myshop"
    assert project_name({"name": "told"}, "/src/shop/compose.yaml", {"COMPOSE_PROJECT_NAME": "x"}) == "told"
    assert project_name({}, "/src/shop/compose.yaml", {"COMPOSE_PROJECT_NAME": "x"}) == "x"


@pytest.mark.parametrize(
    ("resolved", "service", "words"),
    [
        (SHOP, "wep", "no service wep"),
        ({}, "web", "has no services"),
        ({"services": {"web": None}}, "web", "has no services"),
        ({"services": {"a": {"image": "a", "network_mode": "service:b"}}}, "a", "shares its network_mode"),
    ],
)
def test_what_cannot_be_taken_out(resolved: dict[str, Any], service: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        taken(service, resolved)


def test_what_the_file_says_of_driving() -> None:
    wrongs: list[object] = ["/", {"step": []}, {"steps": "/"}]
    assert steps_of(taken("web")) == [{"http": "/"}]
    assert steps_of(taken("db")) == []
    escaped = {"image": "a", "x-tracewhale": {"steps": [{"exec": "echo $$A"}, {"for": 1}]}}
    assert steps_of(taken("a", {"services": {"a": escaped}})) == [{"exec": "echo $A"}, {"for": 1}]
    for wrong in wrongs:
        with pytest.raises(UsageError, match="x-tracewhale of the service a is not valid"):
            steps_of(taken("a", {"services": {"a": {"image": "a", "x-tracewhale": wrong}}}))


CREATED: dict[str, Any] = {
    "Id": "0123456789abcdef",
    "Config": {
        "Env": ["PATH=/bin", "A=b"],
        "Entrypoint": ["/run"],
        "Cmd": ["worker"],
        "User": "app",
        "WorkingDir": "/app",
        "Hostname": "0123456789ab",
        "Healthcheck": {"Test": ["NONE"]},
    },
    "HostConfig": {
        "Binds": ["copy_data:/data:rw", "/src/x:/x:ro"],
        "Mounts": [
            {"Type": "volume", "Source": "copy_more", "Target": "/more"},
            {"Type": "bind", "Source": "/y", "Target": "/y"},
        ],
        "NetworkMode": "copy_back",
        "Memory": 1 << 20,
    },
}
IMAGE = {"Env": ["PATH=/bin"], "Entrypoint": ["/run"], "Cmd": ["web"], "WorkingDir": "/app"}


def test_how_a_created_container_runs() -> None:
    options, command, base = as_options(CREATED, IMAGE, frozenset({"copy_data", "copy_more"}))
    assert options == RunOptions(
        env=("A=b",),
        volumes=("/src/x:/x:ro",),
        mounts=({"Type": "bind", "Source": "/y", "Target": "/y"},),
        user="app",
    )
    assert command == ("worker",)
    assert base["HostConfig"]["Binds"] == ["copy_data:/data:rw"]
    assert [each["Target"] for each in base["HostConfig"]["Mounts"]] == ["/more"]
    assert (base["HostConfig"]["Memory"], base["Healthcheck"]) == (1 << 20, {"Test": ["NONE"]})


def test_an_entrypoint_of_several_words_is_run_as_they_stand() -> None:
    created = {**CREATED, "Config": {**CREATED["Config"], "Entrypoint": ["tini", "--", "x"], "Cmd": ["y"]}}
    options, command, _ = as_options(created, IMAGE, frozenset())
    assert (options.entrypoint, command) == ("tini", ("--", "x", "y"))
    same = {**CREATED, "Config": {**CREATED["Config"], "Cmd": ["web"]}}
    assert as_options(same, IMAGE, frozenset())[1] == ()


def test_the_users_own_options_come_last() -> None:
    given = RunOptions(env=("A=c",), user="root", tmpfs={"/run": ""})
    merged = overlaid(RunOptions(env=("A=b",), user="app", workdir="/w", read_only=True), given)
    assert merged == RunOptions(
        env=("A=b", "A=c"), user="root", workdir="/w", tmpfs={"/run": ""}, read_only=True
    )
