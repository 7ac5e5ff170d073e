"""How the new image starts, and the line that starts it."""

from __future__ import annotations

from typing import Any

import pytest

from tracewhale.running.options import parse_options
from tracewhale.running.run import Run
from tracewhale.running.startup import run_line, startup


def never(directory: str, path: str, words: tuple[str, ...]) -> bool:
    return False


def always(directory: str, path: str, words: tuple[str, ...]) -> bool:
    return True


def run(config: dict[str, Any], *command: str, container: str = "", **options: Any) -> Run:
    parsed = parse_options(environ={}, **options)
    return Run("target", "sha256:1", config, parsed, command, container)


def test_a_container_becomes_an_image_that_starts_what_was_traced() -> None:
    config = {"Cmd": ["bash"], "Env": ["A=1", "B=2"], "WorkingDir": "/", "User": ""}
    asked = run(config, "java", "-jar", "a.jar", container="8efb", workdir="/srv", user="app", env=["B=3"])
    changed, _ = startup(asked, always)
    assert (changed["Entrypoint"], changed["Cmd"]) == (None, ["java", "-jar", "a.jar"])
    assert (changed["WorkingDir"], changed["User"], changed["Env"]) == ("/srv", "app", ["A=1", "B=3"])
    assert run_line(asked.on("sha256:2", {**config, **changed}), {**config, **changed}, "slim") == (
        "docker", "run", "--rm", "slim",
    )  # fmt: skip


def test_a_container_without_a_command_keeps_its_own() -> None:
    assert startup(run({"Cmd": ["nginx"]}, container="8efb"), never) == ({}, "")


@pytest.mark.parametrize(
    ("config", "command", "works", "changed"),
    [
        ({"Cmd": ["nginx"]}, (), never, {}),
        ({"Entrypoint": ["tool"], "Cmd": ["x"]}, ("y",), always, {}),
        ({"Cmd": ["bash"]}, ("curl", "x"), always, {}),
        ({"Cmd": ["bash"]}, ("curl", "x"), never, {"Entrypoint": None, "Cmd": ["curl", "x"]}),
        ({"Entrypoint": ["sh"], "Cmd": ["x"]}, ("y",), never, {"Entrypoint": ["sh"], "Cmd": ["y"]}),
        ({}, ("curl", "x"), never, {"Entrypoint": None, "Cmd": ["curl", "x"]}),
    ],
)
def test_an_image_keeps_its_command_where_that_works(
    config: dict[str, Any], command: tuple[str, ...], works: Any, changed: dict[str, Any]
) -> None:
    found, note = startup(run(config, *command), works)
    assert found == changed
    assert bool(note) is bool(changed)


def test_what_is_the_images_own_is_run_without_words_and_so_tested() -> None:
    asked = run({"Cmd": ["bash"]}, "curl", "x", container="8efb")
    assert asked.on("sha256:2", {"Cmd": ["curl", "x"]}).command == ()
    assert asked.on("sha256:2", {"Cmd": ["bash"]}).command == ("curl", "x")


def test_the_line_has_the_options_of_the_run() -> None:
    asked = run(
        {"Cmd": ["serve"], "User": "app"}, "other", "a b", env=["X=1"], volume=["/c:/c:ro"],
        publish=["8080:80", "53/udp"],
        user="1", network="host", mount=["type=bind,src=/s,dst=/d,ro"], tmpfs=["/t"], cap_drop=["all"],
        read_only=True, init=True, ulimit=["nofile=5"], stop_timeout=3,
    )  # fmt: skip
    assert run_line(asked, asked.config, "name:1") == (
        "docker", "run", "--rm", "-e", "X=1", "-u", "1", "--network", "host", "--stop-timeout", "3",
        "--read-only", "--init", "-v", "/c:/c:ro", "--mount", "type=bind,source=/s,target=/d,readonly",
        "--tmpfs", "/t", "-p", "8080:80", "-p", "53/udp", "--cap-drop", "all", "--ulimit", "nofile=5:5",
        "name:1", "other", "a b",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("MODE=prod", "MODE=prod"),
        ("HERE=1", "HERE"),
        ("HERE=other", "HERE=other"),
        ("DB_PASSWORD=x", "DB_PASSWORD"),
        ("api_token=x", "api_token"),
        ("AWS_SECRET_ACCESS_KEY=", "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_the_line_shows_no_secret_and_takes_from_the_shell_what_is_there(given: str, shown: str) -> None:
    asked = run({"Cmd": ["serve"]}, env=[given])
    assert run_line(asked, asked.config, "n", {"HERE": "1"}) == ("docker", "run", "--rm", "-e", shown, "n")


@pytest.mark.parametrize(
    ("config", "options", "command", "end"),
    [
        ({"Cmd": ["x"]}, {}, (), ("n",)),
        ({"Entrypoint": ["e"], "Cmd": ["x"]}, {}, ("y",), ("n", "y")),
        ({"Entrypoint": ["e"]}, {"entrypoint": "sh"}, ("-c", "x"), ("--entrypoint", "sh", "n", "-c", "x")),
        ({"Entrypoint": ["e"]}, {"entrypoint": ""}, ("x",), ("--entrypoint", "", "n", "x")),
    ],
)
def test_the_words_of_the_line(
    config: dict[str, Any], options: dict[str, Any], command: tuple[str, ...], end: tuple[str, ...]
) -> None:
    assert run_line(run(config, *command, **options), config, "n") == ("docker", "run", "--rm", *end)
