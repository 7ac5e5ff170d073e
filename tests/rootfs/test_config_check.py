"""Configurations that no container can be made from: refused by the name of what is wrong in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.image.tars import Item, config_of, docker_archive, tar
from tracewhale.errors import ImageContentError
from tracewhale.image.config import from_inspect
from tracewhale.rootfs.archive import open_docker_archive
from tracewhale.rootfs.config_check import check
from tracewhale.rootfs.store import parse_text

WHOLE: dict[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "created": "2026-01-02T03:04:05Z",
    "of a later version": [1, {}],
    "history": 5,
    "config": {
        "Env": ["A=", "", "no equals sign"],
        "Cmd": None,
        "Entrypoint": ["/x"],
        "User": "",
        "WorkingDir": "relative/..",
        "StopSignal": "NONE",
        "ExposedPorts": {"x": 1},
        "Volumes": {},
        "Labels": {"a": ""},
        "Healthcheck": {"Test": ["CMD"], "Interval": -1, "Retries": None, "new": []},
    },
}


def test_what_an_engine_would_take() -> None:
    assert check(WHOLE) is WHOLE
    assert check({}) == {}
    assert check({"config": None}) == {"config": None}


@pytest.mark.parametrize("member", ["architecture", "os", "created", "config", "rootfs"])
@pytest.mark.parametrize("value", [5, True, ["x"], 1.5])
def test_an_image_of_another_form(member: str, value: Any) -> None:
    with pytest.raises(ImageContentError, match=f"has a {member} that is not"):
        check({**WHOLE, member: value})


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("Env", ["A=1", [1], {"A": "1"}, 5, [["A=1"]], ["A=\0"]]),
        ("Cmd", ["x", [1], {"x": 1}, True, ["a\0b"]]),
        ("Entrypoint", ["x", [None], ["a\0b"]]),
        ("Shell", ["x", [1]]),
        ("User", [1, ["0"], "0\0"]),
        ("WorkingDir", [1, ["/"], "/\0"]),
        ("StopSignal", [9, ["TERM"]]),
        ("ExposedPorts", [80, ["80/tcp"], "80"]),
        ("Volumes", [["/v"], "/v"]),
        ("Labels", [["a"], "a", {"a": 1}, {"a": {"b": "c"}}]),
        (
            "Healthcheck",
            [
                ["CMD", "x"],
                "x",
                {"Test": "CMD"},
                {"Test": 5},
                {"Test": ["CMD", 1]},
                {"Test": ["CMD", "\0"]},
                {"Interval": "x"},
                {"Timeout": 1.5},
                {"StartPeriod": 1 << 63},
                {"Retries": True},
            ],
        ),
    ],
)
def test_a_process_of_another_form(member: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ImageContentError, match=f"has a {member} that is not"):
            check({**WHOLE, "config": {**WHOLE["config"], member: value}})


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '{"\\udc80": 1}', "NaN", "[-Infinity]", "1e999", b'"\xed\xa0\x80"', "9" * 5000]
)
def test_what_python_reads_and_nobody_else(text: str | bytes) -> None:
    with pytest.raises(ImageContentError, match="is not JSON"):
        parse_text(text if isinstance(text, bytes) else text.encode(), "The configuration")


def test_the_configuration_that_an_engine_tells_is_looked_at() -> None:
    with pytest.raises(ImageContentError, match="has a Cmd that is not a list of strings without NUL"):
        from_inspect({"Os": "linux", "Config": {"Cmd": ["/bin/\0"]}, "RootFS": {"Layers": []}})


def test_the_configuration_of_a_file_is_looked_at(tmp_path: Path) -> None:
    layer = tar(Item("one", b"1"))
    config = config_of([layer], config={"Cmd": "one"})
    (tmp_path / "archive.tar").write_bytes(docker_archive(layer, config=config))
    with (
        pytest.raises(ImageContentError, match="has a Cmd that is not a list"),
        open_docker_archive(str(tmp_path / "archive.tar")),
    ):
        pass
