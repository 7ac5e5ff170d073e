"""Flags of ``docker run``: what docker/cli 28 makes of the same strings (seen with ``docker create``)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewhale.errors import TraceFileError, UsageError
from tracewhale.running.options import RunOptions, parse_options

HOST = {"HOSTED": "from the host"}


def parsed(**flags: Any) -> RunOptions:
    return parse_options(environ=HOST, **flags)


def test_environment() -> None:
    options = parsed(env=["A=1", "HOSTED", "ABSENT", "B=x=y", "C="])
    assert options.env == ("A=1", "HOSTED=from the host", "ABSENT", "B=x=y", "C=")


def test_env_file_comes_before_env_and_drops_what_the_host_has_not(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_bytes(b"\xef\xbb\xbf# comment\n\nA=1\r\n  B=2 3\nHOSTED\nABSENT\nC=\n")
    assert parsed(env=["A=9"], env_file=[str(file)]).env == (
        "A=1",
        "B=2 3",
        "HOSTED=from the host",
        "C=",
        "A=9",
    )


@pytest.mark.parametrize("content", [b"A B=1\n", b"=1\n", b"\xff=1\n"])
def test_env_file_that_docker_refuses(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "env"
    file.write_bytes(content)
    with pytest.raises(UsageError):
        parsed(env_file=[str(file)])


def test_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given_volumes = [
        "./conf:/conf:ro",
        ".:/here",
        "../up:/up",
        "/abs:/abs:rw,z,rslave",
        "named:/n",
        "/anonymous",
    ]
    assert parsed(volume=given_volumes).volumes == (
        f"{tmp_path}/conf:/conf:ro",
        f"{tmp_path}:/here",
        f"{tmp_path.parent}/up:/up",
        "/abs:/abs:rw,z,rslave",
        "named:/n",
        "/anonymous",
    )


MOUNTS: list[tuple[str, dict[str, Any]]] = [
    (
        "type=bind,src=/etc,dst=/e,readonly",
        {"Type": "bind", "Source": "/etc", "Target": "/e", "ReadOnly": True},
    ),
    ("dst=/q", {"Type": "volume", "Target": "/q"}),
    (
        "type=bind,source=/a,target=/b,ro=false,bind-propagation=rslave,bind-nonrecursive",
        {
            "Type": "bind",
            "Source": "/a",
            "Target": "/b",
            "ReadOnly": False,
            "BindOptions": {"Propagation": "rslave", "NonRecursive": True},
        },
    ),
    (
        "type=tmpfs,destination=/t,tmpfs-size=64m,tmpfs-mode=1770",
        {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 64 << 20, "Mode": 0o1770}},
    ),
    (
        'source=v,target=/w,"volume-label=a=b",volume-driver=local,"volume-opt=o=size=1,uid=2",volume-nocopy',
        {
            "Type": "volume",
            "Source": "v",
            "Target": "/w",
            "VolumeOptions": {
                "Labels": {"a": "b"},
                "DriverConfig": {"Name": "local", "Options": {"o": "size=1,uid=2"}},
                "NoCopy": True,
            },
        },
    ),
]


@pytest.mark.parametrize(("text", "expected"), MOUNTS, ids=[text for text, _ in MOUNTS])
def test_mounts(text: str, expected: dict[str, Any]) -> None:
    assert parsed(mount=[text]).mounts == (expected,)


PORTS: list[tuple[str, list[tuple[str, str, str]]]] = [
    ("80", [("", "", "80/tcp")]),
    ("8080:80", [("", "8080", "80/tcp")]),
    (":80", [("", "", "80/tcp")]),
    ("127.0.0.1:9:90/udp", [("127.0.0.1", "9", "90/udp")]),
    ("127.0.0.1::91", [("127.0.0.1", "", "91/tcp")]),
    ("[::1]:5:50", [("::1", "5", "50/tcp")]),
    ("7000-7001:70-71/SCTP", [("", "7000", "70/sctp"), ("", "7001", "71/sctp")]),
    ("8000-8010:88", [("", "8000-8010", "88/tcp")]),
    ("70-71", [("", "", "70/tcp"), ("", "", "71/tcp")]),
    ("target=33,published=34,protocol=udp", [("", "34", "33/udp")]),
]


@pytest.mark.parametrize(("text", "expected"), PORTS, ids=[text for text, _ in PORTS])
def test_ports(text: str, expected: Sequence[tuple[str, str, str]]) -> None:
    assert parsed(publish=[text]).publish == tuple(expected)


@pytest.mark.parametrize(
    ("text", "size"), [("64m", 64 << 20), ("1.5GiB", 3 << 29), ("1024", 1024), ("10 kb", 10240), ("0", 0)]
)
def test_sizes(text: str, size: int) -> None:
    assert parsed(shm_size=text).shm_size == size


def test_limits_hosts_and_tmpfs() -> None:
    options = parsed(
        ulimit=["nofile=1:2", "core=-1"],
        add_host=["a:1.2.3.4", "b:[::1]", "c=host-gateway", "d:::1"],
        tmpfs=["/x:size=10m,mode=700", "/y"],
    )
    assert options.ulimit == (("nofile", 1, 2), ("core", -1, -1))
    assert options.add_host == ("a:1.2.3.4", "b:::1", "c:host-gateway", "d:::1")
    assert options.tmpfs == {"/x": "size=10m,mode=700", "/y": ""}


def test_gpus() -> None:
    assert parsed(gpus="all").gpus[0]["Count"] == -1
    assert parsed(gpus="2").gpus[0]["Count"] == 2
    request = parsed(gpus='"device=0,1","capabilities=utility,compute",driver=nvidia').gpus[0]
    assert request == {
        "Capabilities": [["utility", "compute", "gpu"]],
        "Options": {},
        "DeviceIDs": ["0", "1"],
        "Driver": "nvidia",
    }


def test_a_seccomp_profile_that_is_nested_too_deeply(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text("[" * 100_000)
    with pytest.raises(UsageError):
        parsed(security_opt=[f"seccomp={profile}"])


def test_a_seccomp_profile_is_read_at_once(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    options = parsed(
        security_opt=[f"seccomp={profile}", "no-new-privileges", "seccomp=unconfined", "label:disable"]
    )
    profile.unlink()
    assert options.security_opt == (
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
        "no-new-privileges",
        "seccomp=unconfined",
        "label=disable",
    )


REFUSED: list[tuple[str, str]] = [
    ("env", "=x"),
    ("volume", "a:b:c:d"),
    ("volume", ":/x"),
    ("volume", ""),
    ("volume", "/a:relative"),
    ("volume", "relative"),
    ("volume", "/a:/b:foo"),
    ("volume", "/a:/"),
    ("volume", "a b:/x"),
    ("mount", "foo"),
    ("mount", "foo=bar"),
    ("mount", "type=x,dst=/a"),
    ("mount", "type=bind,dst=/a"),
    ("mount", "type=tmpfs,src=/a,dst=/b"),
    ("mount", "type=bind,src=/a,dst=/b,volume-nocopy"),
    ("mount", "dst=/a,readonly=x"),
    ("mount", "dst=/a,volume-foo=x"),
    ("mount", "type=tmpfs,dst=/a,tmpfs-mode=9"),
    ("mount", '"dst=/a'),
    ("mount", ""),
    ("publish", "x"),
    ("publish", "1:2:3:4"),
    ("publish", "70000"),
    ("publish", "0"),
    ("publish", "2-1"),
    ("publish", "1-2:3-5"),
    ("publish", "80/foo"),
    ("publish", "localhost:1:2"),
    ("publish", "target=1,foo=2"),
    ("ulimit", "foo=1"),
    ("ulimit", "nofile=3:2"),
    ("ulimit", "nofile"),
    ("shm_size", "x"),
    ("shm_size", "-1"),
    ("add_host", "a"),
    ("add_host", "a:b"),
    ("add_host", ":1.2.3.4"),
    ("security_opt", "foo"),
    ("security_opt", "seccomp=/nonexistent"),
    ("security_opt", "seccomp=/dev/null"),
    ("security_opt", "systempaths=foo"),
    ("gpus", "x=1"),
    ("gpus", "foo"),
    ("gpus", "1,2"),
    ("cap_add", "FOO"),
    ("cap_drop", "CAP_"),
    ("workdir", "relative"),
    ("tmpfs", "relative"),
    ("platform", "a b"),
    ("network", "name=a,foo=b"),
    ("env_file", "/nonexistent"),
]
ONE = {"shm_size", "gpus", "workdir", "platform", "network"}


@pytest.mark.parametrize(("flag", "value"), REFUSED)
def test_what_docker_refuses_is_one_sentence(flag: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(**{flag: value if flag in ONE else [value]})
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_everything_survives_the_trace_file() -> None:
    options = parsed(
        env=["A=1"],
        volume=["/a:/b:ro", "/c"],
        mount=["type=tmpfs,dst=/t,tmpfs-mode=700"],
        tmpfs=["/x"],
        user="1:2",
        workdir="/w",
        entrypoint="",
        network="none",
        add_host=["a:1.2.3.4"],
        publish=["80"],
        hostname="h",
        cap_add=["SYS_TIME"],
        cap_drop=["all"],
        security_opt=["no-new-privileges"],
        read_only=True,
        ulimit=["nofile=1"],
        shm_size="1m",
        init=True,
        gpus="all",
        platform="linux/amd64",
        interactive=True,
        tty=True,
        stop_timeout=0,
    )
    assert all(
        value is not None and value is not False and value not in ((), {})
        for value in vars_of(options).values()
    )
    assert RunOptions.from_json(json.loads(json.dumps(options.to_json()))) == options


def vars_of(options: RunOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in RunOptions.__slots__}


def test_defaults_are_not_written() -> None:
    assert RunOptions().to_json() == {}
    assert RunOptions.from_json({"unknown": 1}) == RunOptions()


@pytest.mark.parametrize(
    "value",
    [
        {"env": "A=1"},
        {"env": [1]},
        {"tty": 1},
        {"shm_size": "1"},
        {"tmpfs": []},
        {"publish": [["a"]]},
        {"user": 1},
        {"mounts": [{}]},
        {"mounts": [{"Type": "bind", "Target": "/x"}]},
        {"mounts": [{"Type": "volume", "Target": "/x", "VolumeOptions": "x"}]},
    ],
)
def test_a_damaged_request_is_a_trace_file_error(value: dict[str, Any]) -> None:
    with pytest.raises(TraceFileError):
        RunOptions.from_json(value)


@given(
    st.text(max_size=40),
    st.sampled_from(sorted({flag for flag, _ in REFUSED} - {"env_file", "security_opt"})),
)
def test_any_text_is_understood_or_refused(text: str, flag: str) -> None:
    try:
        options = parsed(**{flag: text if flag in ONE else [text]})
    except UsageError:
        return
    assert RunOptions.from_json(options.to_json()) == options
    assert all(os.path.isabs(each.split(":")[0]) or ":" in each for each in options.volumes)


def test_a_relative_path_in_a_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="the current directory was removed"):
        parse_options(volume=["./x:/x"], environ={})
    with pytest.raises(UsageError, match="the current directory was removed"):
        parse_options(mount=["type=bind,src=./x,dst=/x"], environ={})
