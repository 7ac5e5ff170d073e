"""The requests to the engine are pure values, and compared with examples."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tracewhale.engines.docker.container_spec import (
    DOCKER_INIT,
    PROBE,
    fill_volumes,
    traced_spec,
    untraced_spec,
)
from tracewhale.errors import EmptyImage, TraceFileError
from tracewhale.running.identity import Identity
from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run, argv_of, environment_of

IMAGE = "sha256:" + "1" * 64
CONFIG = {"Entrypoint": ["/entry"], "Cmd": ["a", "b"], "Env": ["PATH=/bin", "X=image"], "User": "app"}


def run(command: tuple[str, ...] = (), config: dict[str, Any] = CONFIG, **options: Any) -> Run:
    return Run("app", IMAGE, config, RunOptions(**options), command)


def of_container(command: tuple[str, ...] = (), base: dict[str, Any] | None = None, **options: Any) -> Run:
    return Run("box", IMAGE, CONFIG, RunOptions(**options), command, "c" * 64, base or {})


@pytest.mark.parametrize(
    ("asked", "argv"),
    [
        (run(), ("/entry", "a", "b")),
        (run(("c",)), ("/entry", "c")),
        (run(entrypoint="/other"), ("/other",)),
        (run(("c",), entrypoint="/other"), ("/other", "c")),
        (run(("c",), entrypoint=""), ("c",)),
        (of_container(), ("/entry", "a", "b")),
        (of_container(("c",)), ("c",)),
        (of_container(("c",), entrypoint="/other"), ("/other", "c")),
    ],
)
def test_the_words_that_are_executed(asked: Run, argv: tuple[str, ...]) -> None:
    assert argv_of(asked) == argv


@pytest.mark.parametrize("asked", [run(config={}), run(entrypoint=""), run(config={"Entrypoint": [""]})])
def test_no_command_at_all(asked: Run) -> None:
    with pytest.raises(EmptyImage):
        untraced_spec(asked)


def test_the_environment_is_merged_as_the_engine_does() -> None:
    assert environment_of(run(env=("X=mine", "PATH", "Y="))) == {"X": "mine", "Y": ""}


def test_what_was_not_asked_for_is_left_to_the_engine() -> None:
    body = untraced_spec(run()).body()
    assert set(body) == {
        "Image",
        "Tty",
        "AttachStdin",
        "AttachStdout",
        "AttachStderr",
        "OpenStdin",
        "StdinOnce",
        "HostConfig",
    }
    assert body["HostConfig"] == {"NetworkMode": "default", "LogConfig": {"Type": "none"}}


def test_options_become_what_docker_run_asks_for() -> None:
    payload = untraced_spec(
        run(
            env=("A=1",),
            volumes=("/a:/b:ro", "/anonymous"),
            tmpfs={"/t": "size=1"},
            publish=(("", "8080", "80/tcp"), ("::1", "", "80/tcp")),
            ulimit=(("nofile", 1, 2),),
            security_opt=("systempaths=unconfined", "no-new-privileges"),
            read_only=True,
            init=True,
            network="host",
        )
    )
    assert payload.config["Volumes"] == {"/anonymous": {}}
    assert payload.config["ExposedPorts"] == {"80/tcp": {}}
    assert payload.host["Binds"] == ["/a:/b:ro"]
    assert payload.host["Tmpfs"] == {"/t": "size=1"}
    assert payload.host["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": ""}]
    }
    assert payload.host["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert payload.host["SecurityOpt"] == ["no-new-privileges"]
    assert (payload.host["MaskedPaths"], payload.host["ReadonlyPaths"]) == ([], [])
    assert payload.host["ReadonlyRootfs"] is payload.host["Init"] is True


BASE = {
    "Config": {"Hostname": "given", "StopTimeout": 3},
    "HostConfig": {
        "CapAdd": ["CAP_SYS_TIME"],
        "CapDrop": None,
        "NetworkMode": "mynet",
        "PortBindings": {"80/tcp": [{"HostPort": "80"}]},
        "RestartPolicy": {"Name": "always"},
        "AutoRemove": True,
        "Binds": ["/host:/bound", "named:/named"],
        "Tmpfs": {"/tmpfs": "size=1", "/over": ""},
        "SecurityOpt": ["seccomp=unconfined", "label=disable"],
        "Ulimits": [{"Name": "nofile", "Soft": 5, "Hard": 5}, {"Name": "core", "Soft": 0, "Hard": 0}],
        "ReadonlyRootfs": True,
        "GroupAdd": ["video"],
    },
    "Mounts": [
        {"Type": "bind", "Source": "/host", "Destination": "/bound", "RW": True},
        {"Type": "volume", "Name": "named", "Destination": "/named", "RW": False},
        {"Type": "volume", "Name": "x" * 64, "Destination": "/anonymous", "RW": True},
    ],
}


def test_a_containers_own_options_are_the_base() -> None:
    payload = untraced_spec(of_container(base=BASE))
    host = payload.host
    assert payload.config["Hostname"] == "given"
    assert payload.config["StopTimeout"] == 3
    assert (host["NetworkMode"], host["CapAdd"], host["GroupAdd"]) == ("mynet", ["CAP_SYS_TIME"], ["video"])
    assert not {"PortBindings", "RestartPolicy", "AutoRemove", "Binds", "CapDrop"} & set(host)
    assert host["Mounts"] == [
        {"Type": "bind", "Source": "/host", "Target": "/bound", "ReadOnly": True},
        {"Type": "volume", "Target": "/named", "ReadOnly": True, "VolumeOptions": {"NoCopy": True}},
        {"Type": "volume", "Target": "/anonymous", "ReadOnly": False, "VolumeOptions": {"NoCopy": True}},
    ]
    assert payload.copied == ("/named", "/anonymous")
    full = fill_volumes(payload, {"/named": "v1", "/anonymous": "v2"})
    assert [each.get("Source") for each in full.host["Mounts"]] == ["/host", "v1", "v2"]


def test_the_users_options_are_laid_over_a_containers() -> None:
    payload = untraced_spec(
        of_container(
            base=BASE,
            volumes=("/mine:/bound", "/elsewhere:/over"),
            mounts=({"Type": "tmpfs", "Target": "/named"},),
            network="none",
            cap_add=("CHOWN",),
            security_opt=("seccomp={}",),
            ulimit=(("nofile", 1, 2),),
        )
    )
    host = payload.host
    assert host["Binds"] == ["/mine:/bound", "/elsewhere:/over"]
    assert [each["Target"] for each in host["Mounts"]] == ["/named", "/anonymous"]
    assert host["Tmpfs"] == {"/tmpfs": "size=1"}
    assert host["NetworkMode"] == "none"
    assert host["CapAdd"] == ["CAP_SYS_TIME", "CHOWN"]
    assert host["SecurityOpt"] == ["label=disable", "seccomp={}"]
    assert host["Ulimits"] == [
        {"Name": "core", "Soft": 0, "Hard": 0},
        {"Name": "nofile", "Soft": 1, "Hard": 2},
    ]


def test_a_host_name_that_is_the_containers_own_id_is_not_given() -> None:
    base = {"Config": {"Hostname": "c" * 12}}
    assert "Hostname" not in untraced_spec(of_container(base=base)).config


@pytest.mark.parametrize("host", [{"NetworkMode": "container:abc"}, {"UTSMode": "host"}])
def test_a_host_name_that_is_another_ones_is_not_given(host: dict[str, str]) -> None:
    base = {"Config": {"Hostname": "theirs"}, "HostConfig": host}
    assert "Hostname" not in untraced_spec(of_container(base=base)).config


def test_the_traced_container_starts_the_probe_as_root() -> None:
    payload, entry = traced_spec(untraced_spec(run()), Identity(5, 60, (60, 7), "/home/app"), "name", run())
    assert payload.config["User"] == "0"
    assert payload.config["Entrypoint"][:4] == [PROBE, "init", "--agent", "name"]
    assert payload.config["Entrypoint"][-4:] == ["--", "/entry", "a", "b"]
    assert payload.config["Cmd"] == []
    assert payload.config["Healthcheck"] == {"Test": ["NONE"]}
    assert (payload.host["CapDrop"], "SYS_PTRACE" in payload.host["CapAdd"]) == (["ALL"], False)
    words = entry.arguments("name", ["x"])
    options = dict(zip(words[2:-2:2], words[3:-2:2], strict=True))
    assert options == {
        "--agent": "name",
        "--uid": "5",
        "--gid": "60",
        "--groups": "60,7",
        "--bounding": "a80425fb",
        "--inheritable": "0",
        "--ambient": "0",
        "--home": "/home/app",
        "--deny-added": "200000",
    }


@pytest.mark.parametrize(("uid", "dropped"), [(1, ["SYS_RESOURCE"]), (0, [])])
def test_all_capabilities_of_an_engine_that_lacks_some(uid: int, dropped: list[str]) -> None:
    asked = run(cap_add=("ALL",))
    who = Identity(uid, 0, (0,), "/")
    payload, _ = traced_spec(untraced_spec(asked), who, "name", asked, impossible=frozenset({"SYS_RESOURCE"}))
    assert (payload.host["CapAdd"], payload.host["CapDrop"]) == (["ALL"], dropped)


def entry_of(asked: Run) -> tuple[dict[str, Any], Any]:
    payload, entry = traced_spec(untraced_spec(asked), Identity(), "name", asked)
    return dict(payload.host), entry


def test_root_gets_the_untraced_containers_sets() -> None:
    _, entry = entry_of(run(cap_drop=("ALL",), cap_add=("CHOWN",)))
    words = entry.arguments("name", ["x"])
    assert words[words.index("--permitted") + 1] == words[words.index("--effective") + 1] == "1"


def test_home_is_left_where_it_is_given() -> None:
    assert entry_of(run(env=("HOME=/given",)))[1].home == ""
    assert entry_of(run(env=("HOME=",)))[1].home == "/"


def test_seccomp_profiles() -> None:
    assert entry_of(run())[1].added == 0x200000
    assert entry_of(run(security_opt=("seccomp=unconfined",)))[1].added == 0
    assert entry_of(run(cap_add=("SYS_ADMIN", "SYS_PTRACE")))[1].added == 0
    profile = {"syscalls": [{"names": ["mount"], "includes": {"caps": ["CAP_SYS_ADMIN"]}}]}
    host, entry = entry_of(run(security_opt=(f"seccomp={json.dumps(profile)}", "no-new-privileges")))
    assert host["SecurityOpt"] == ['seccomp={"syscalls":[]}', "no-new-privileges"]
    assert entry.added == 0


def test_a_read_only_root_has_a_volume_for_the_probe() -> None:
    payload, _ = traced_spec(untraced_spec(run(read_only=True)), Identity(), "name", run(read_only=True))
    assert payload.config["Volumes"] == {"/.tracewhale": {}}


def test_init_is_started_by_the_probe() -> None:
    payload, _ = traced_spec(untraced_spec(run(init=True)), Identity(), "name", run(init=True))
    assert "Init" not in payload.host
    assert payload.config["Entrypoint"][-5:] == [DOCKER_INIT, "--", "/entry", "a", "b"]


def test_a_request_survives_the_trace_file() -> None:
    asked = replace(of_container(("x",), BASE, tty=True), input=b"\xff\n")
    text = json.loads(json.dumps(asked.to_json()))
    assert Run.from_json(text, asked.target, asked.image, asked.config) == asked


@pytest.mark.parametrize(
    "request_",
    [{"options": 1}, {"command": 1}, {"input": "é"}, {"input": 1}, {"base": 1}, {"options": {"env": 1}}],
)
def test_a_damaged_request(request_: dict[str, Any]) -> None:
    with pytest.raises(TraceFileError):
        Run.from_json(request_, "a", IMAGE, {})
