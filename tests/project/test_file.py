"""The project file: what it says becomes words of ``tracewhale run``, and mistakes have their place."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from tracewhale.cli import main
from tracewhale.cli.make import vocabulary
from tracewhale.errors import ExitCode, UsageError
from tracewhale.project.file import Vocabulary, find_file, read_project
from tracewhale.project.start import first_file, look_beside

KNOWN = Vocabulary(
    frozenset({"read-only"}),
    frozenset({"tag", "for"}),
    frozenset({"env", "volume"}),
    frozenset({"http", "exec"}),
)

SHOP = """
[defaults]
read-only = true
[targets.shop]
image = "shop:latest"
tag = "shop:slim"
env = { MODE = "prod", N = 3 }
volume = ["./conf:/conf:ro"]
command = ["serve", "--port", "80"]
steps = [{ http = "POST /login a=b =302" }, { exec = "shop check" }]
[targets.worker]
image = "worker"
read-only = false
volume = "data:/data"
"""


def written(directory: Path, text: str, name: str = "tracewhale.toml") -> str:
    (directory / name).write_text(text)
    return str(directory / name)


def test_targets_are_words_of_run(tmp_path: Path) -> None:
    project = read_project(written(tmp_path, SHOP), KNOWN)
    assert project.targets["shop"] == (
        *("--read-only", "--tag=shop:slim", "--env=MODE=prod", "--env=N=3", "--volume=./conf:/conf:ro"),
        *("--http=POST /login a=b =302", "--exec=shop check", "shop:latest", "--", "serve", "--port", "80"),
    )
    assert project.targets["worker"] == ("--volume=data:/data", "worker")


def test_a_table_in_pyproject(tmp_path: Path) -> None:
    written(tmp_path, '[tool.tracewhale.targets.a]\nimage = "a"\n', "pyproject.toml")
    assert read_project(find_file(str(tmp_path)), KNOWN).targets == {"a": ("a",)}


@pytest.mark.parametrize("text", [None, "[project]\nname = 'x'\n", "[tool]\ntracewhale = 3\n"])
def test_there_may_be_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        written(tmp_path, text, "pyproject.toml")
    with pytest.raises(UsageError, match=r"There is no tracewhale\.toml"):
        find_file(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("[target.a]\nimage = 'a'", "unknown key target", "Do you mean targets?"),
        ("[targets.a]\nimage = 'a'\nvolumes = 'x'", "targets.a has an unknown key volumes", "volume?"),
        ("[targets.a]\nimage = 'a'\nsteps = [{ htp = '/' }]", "unknown key htp", "Do you mean http?"),
        ("[targets.a]\nimage = 'a'\nsteps = [{ http = '/', exec = 'x' }]", "a step of 2 keys", ""),
        ("[targets.a]\nimage = 'a'\nsteps = ['/']", "targets.a.steps is not a list such as", ""),
        ("[targets.a]\ntag = 'a'", "targets.a has no image", ""),
        ("[targets.a]\nimage = 'a'\nread-only = 'yes'", "targets.a.read-only is not true or false", ""),
        ("[targets.a]\nimage = 'a'\nenv = [['x']]", "targets.a.env is not a string or a list", ""),
        ("[targets.a]\nimage = 'a'\ntag = true", "targets.a.tag is not a string", ""),
        ("[targets.a]\nimage = 'a'\ncommand = 'x'", "targets.a.command is not a list", ""),
        ("targets = 3", "targets is not a table", ""),
        ("[defaults]\nimage = 'a'", "defaults has an unknown key image", ""),
        ("", "has no targets", ""),
        ("[", "is not TOML", ""),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_project(written(tmp_path, text), KNOWN)
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_the_schema_for_editors() -> None:
    shown = CliRunner().invoke(main, ["make", "--schema"])
    schema = json.loads(shown.stdout)
    jsonschema.validators.Draft202012Validator.check_schema(schema)
    # It is in the wheel, too: tracewhale make --schema > tracewhale/project/schema.json
    assert json.loads(files("tracewhale.project").joinpath("schema.json").read_text("utf-8")) == schema
    jsonschema.validate({"targets": {"a": {"compose": "compose.yaml", "service": "a"}}}, schema)
    value = '[targets.a]\nimage = "a"\nenv = { A = 1 }\nsteps = [{ http = "/" }, { crawl = 2 }]\n'
    jsonschema.validate(tomllib.loads(value), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"targets": {"a": {"image": "a", "nonsense": 1}}}, schema)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"ExposedPorts": {"80/tcp": {}, "443/tcp": {}, "53/udp": {}}}, ('{ http = "/" }', "ports 80, 443")),
        ({"Healthcheck": {"Test": ["CMD", "x"]}}, ("health check", "no port")),
        ({}, ("no port",)),
    ],
)
def test_a_first_file_can_be_read(tmp_path: Path, config: dict[str, object], words: tuple[str, ...]) -> None:
    text = first_file('quay.io/a/shop"s:1', config)
    assert all(word in text for word in words)
    (target,) = read_project(written(tmp_path, text), vocabulary()).targets.values()
    assert 'quay.io/a/shop"s:1' in target


def test_a_first_file_knows_what_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text("openapi: 3.1.0\n")
    written(
        tmp_path, "services: {web: {image: shop}, w: {image: 'shop:latest'}, db: {image: db}}", "compose.yml"
    )
    found = look_beside(str(tmp_path))
    text = first_file("shop", {"ExposedPorts": {"80/tcp": {}}}, found)
    targets = read_project(written(tmp_path, text), vocabulary()).targets
    steps = ("--http=/", "--crawl=2", "--openapi=openapi.yaml")
    assert {name: words[-6:] for name, words in targets.items()} == {
        name: ("--compose=compose.yml", f"--service={name}", f"--tag={name}:slim", *steps)
        for name in ("web", "w")
    }
    assert 'image = "other"' in first_file("other", {}, found)


@pytest.mark.parametrize("text", ["services: [", "services: [a]", "[]", "services: {a: b}", "\0"])
def test_a_compose_file_that_is_none_is_left_alone(tmp_path: Path, text: str) -> None:
    written(tmp_path, text, "compose.yaml")
    assert look_beside(str(tmp_path)).services == {}


def test_make_names_the_targets_that_there_are(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP.replace("read-only = false", ""))
    result = CliRunner().invoke(main, ["make", "--project", file, "shops"])
    assert result.exit_code == ExitCode.USAGE
    assert "has no target shops" in result.output
