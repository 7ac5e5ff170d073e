"""How a command line becomes a request: what `docker run` means, in any order, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tracewhale import pipeline
from tracewhale.cli import main
from tracewhale.cli.progress import Progress
from tracewhale.engines.names import ARCHIVE, DOCKER, OCI, ROOTFS, Name
from tracewhale.errors import EngineError, ExitCode
from tracewhale.pipeline import Job
from tracewhale.plan.model import Options
from tracewhale.report.json import schema


class Called(Exception):
    """Carries what the library was asked for out of the command line."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Job, Options, dict[str, Any]]]:
    """Run a command line and give what `pipeline.run` was called with."""

    def run(engine: object, job: Job, options: Options, session: object, **more: Any) -> None:
        raise Called(job, options, more)

    monkeypatch.setattr(pipeline, "run", run)

    def ask(*words: str) -> tuple[Job, Options, dict[str, Any]]:
        result = CliRunner().invoke(main, ["run", *words])
        assert isinstance(result.exception, Called), result.output
        job, options, more = result.exception.args
        return job, options, more

    return ask


Asked = Callable[..., tuple[Job, Options, dict[str, Any]]]


@pytest.mark.parametrize(
    ("words", "shrink"),
    [
        ((), {"java": "modules"}),
        (("--keep", "module"), {"java": "modules"}),
        (("--keep", "touched"), {}),
        (("--keep", "touched", "--shrink", "java"), {"java": "modules"}),
        (("--keep", "touched", "--shrink", "java=packages"), {"java": "packages"}),
        (("--shrink", "java=classes"), {"java": "classes"}),
        (("--no-shrink", "java"), {}),
    ],
)
def test_what_is_shrunk_depends_on_the_level(
    asked: Asked, words: tuple[str, ...], shrink: dict[str, str]
) -> None:
    assert asked(*words, "img")[1].shrink == shrink


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("java=methods", "The units are modules, packages, classes."),
        ("java=", "has no unit ''"),
        ("icu", "--shrink does not know 'icu'"),
    ],
)
def test_shrinking_by_another_unit_is_refused(value: str, words: str) -> None:
    result = CliRunner().invoke(main, ["run", "--shrink", value, "img"])
    assert result.exit_code == ExitCode.USAGE
    assert words in result.output


def test_contradictory_shrinking_is_refused() -> None:
    result = CliRunner().invoke(main, ["run", "--shrink", "java", "--no-shrink", "java", "img"])
    assert result.exit_code == ExitCode.USAGE
    assert "exclude each other" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("-e", "A=1", "-t", "x:slim", "img", "--", "java", "-jar", "app.jar"),
        ("img", "-t", "x:slim", "-e", "A=1", "--", "java", "-jar", "app.jar"),
        ("--tag=x:slim", "img", "--env", "A=1", "--", "java", "-jar", "app.jar"),
    ],
)
def test_options_stand_on_either_side_of_the_target(asked: Asked, words: tuple[str, ...]) -> None:
    job, _, more = asked(*words)
    assert (job.name, job.request.command, job.request.options.env) == (
        "img",
        ("java", "-jar", "app.jar"),
        ("A=1",),
    )
    assert more["destination"] == Name(DOCKER, "x:slim")


def test_what_follows_the_dashes_is_never_ours(asked: Asked) -> None:
    job, _, _ = asked("img", "--", "sh", "--", "-t", "--workload", "x")
    assert job.request.command == ("sh", "--", "-t", "--workload", "x")
    assert job.steps == ()


def test_nothing_after_the_dashes_is_the_images_own_command(asked: Asked) -> None:
    assert asked("img", "--")[0].request.command == ()


def test_steps_keep_their_order(asked: Asked) -> None:
    job, _, _ = asked("--workload", "a b", "--exec=c", "img", "--for", "1.5", "--workload", "d")
    assert [(step.kind, step.argument) for step in job.steps] == [
        ("workload", "a b"),
        ("exec", "c"),
        ("for", "1.5"),
        ("workload", "d"),
    ]


@pytest.mark.parametrize(
    ("words", "interactive", "tty", "tag"),
    [
        (("-it", "img"), True, True, ""),
        (("-ti", "img"), True, True, ""),
        (("-i", "-t", "img"), True, True, ""),
        (("-t", "img"), False, True, ""),
        (("-t", "x:slim", "img"), False, False, "x:slim"),
        (("-t", "x:slim", "-it", "img"), True, True, "x:slim"),
        (("--tty", "-t", "x:slim", "img"), False, True, "x:slim"),
    ],
)
def test_t_is_a_tag_unless_it_is_dockers(
    asked: Asked, words: tuple[str, ...], interactive: bool, tty: bool, tag: str
) -> None:
    job, _, more = asked(*words, "--", "sh")
    options = job.request.options
    assert (job.name, options.interactive, options.tty) == ("img", interactive, tty)
    assert more["destination"] == (Name(DOCKER, tag) if tag else None)


@pytest.mark.parametrize(
    ("words", "destination"),
    [
        ((), None),
        (("-o", "oci:dir"), Name(OCI, "dir")),
        (("-o", "oci:dir:v1"), Name(OCI, "dir", "v1")),
        (("-o", "oci:dir", "-t", "v1"), Name(OCI, "dir", "v1")),
        (("-o", "docker-archive:a.tar", "-t", "x:y"), Name(ARCHIVE, "a.tar", "x:y")),
        (("-o", "docker-daemon:x:y"), Name(DOCKER, "x:y")),
        (("--output=rootfs:/r",), Name(ROOTFS, "/r")),
    ],
)
def test_where_the_image_goes(asked: Asked, words: tuple[str, ...], destination: Name | None) -> None:
    assert asked("rootfs:/", *words, "--", "sh")[2]["destination"] == destination


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "somewhere"),
        ("-o", "oci:"),
        ("-o", "oci:dir:v1", "-t", "v2"),
        ("-o", "rootfs:/r", "-t", "x"),
        ("-o", "docker-daemon:x", "-t", "y"),
    ],
)
def test_an_output_that_makes_no_sense(words: tuple[str, ...]) -> None:
    assert fail("run", "img", *words).exit_code == ExitCode.USAGE


def test_includes_and_excludes_come_from_files_too(asked: Asked, tmp_path: Any) -> None:
    (tmp_path / "keep").write_text("# what to keep\n/a\n\n  /b \n")
    _, options, _ = asked(
        "img", "--include", "/c", "--include-from", str(tmp_path / "keep"), "--exclude", "*.md"
    )
    assert options.include == ("/c", "/a", "/b")
    assert options.exclude == ("*.md",)


def fail(*words: str) -> Result:
    result = CliRunner().invoke(main, list(words))
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run",), "Missing argument 'TARGET'"),
        (("run", "img", "java"), "unexpected extra argument"),
        (("run", "img", "--workload"), "requires an argument"),
        (("run", "img", "--for", "soon"), "is not a number of seconds"),
        (("run", "img", "--exec", " "), "is empty"),
        (("run", "img", "--base", "x"), "--keep-changes"),
        (("run", "img", "--no-rule", "none"), "There is no rule none"),
        (("run", "img", "--include-from", "/no/such/file"), "cannot be read"),
        (("trace", "-o", "t", "--attach", "box", "--", "x"), "a command has no meaning with it."),
        (("trace", "-o", "t", "--attach", "box", "-e", "A=1"), "--env has no meaning with it."),
        (("trace", "-o", "t", "--attach", "box", "--keep-changes"), "--keep-changes has no meaning"),
        (("trace", "-o", "t", "--from-strace=log", "--for", "1"), "--for has no meaning with it."),
        (("trace", "-o", "t", "--from-strace=log", "--attach", "box"), "--attach has no meaning with it."),
        (("plan",), "Missing argument"),
        (("nonsense",), "No such command"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_one_sentence(words: tuple[str, ...], says: str) -> None:
    result = fail(*words)
    assert result.exit_code == ExitCode.USAGE
    assert says in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--privileged",), "docker create --privileged ... IMAGE"),
        (("-m", "64m"), "docker create -m ... IMAGE"),
        (("-d",), "--workload"),
        (("--name", "x"), "TRACEWHALE_CONTAINER"),
        (("sh", "-c", "true"), "The command to run follows `--`"),
        (("sh",), "The command to run follows `--`"),
        (("curl", "--version"), "The command to run follows `--`"),
        (("--nonsense",), "run -h` shows what it takes"),
    ],
)
def test_what_docker_run_takes_and_we_do_not_has_a_hint(words: tuple[str, ...], says: str) -> None:
    result = fail("run", "img", *words)
    assert result.exit_code == ExitCode.USAGE
    assert says in result.stderr
    assert all(line.startswith("tracewhale: ") for line in result.stderr.splitlines())


def test_a_container_is_always_removed(asked: Asked) -> None:
    assert asked("--rm", "img")[0].name == "img"


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--json"),
        ("run", "--json", "img", "--nonsense"),
        ("trace", "img", "--json"),
        ("plan", "--json"),
        ("nonsense", "--json"),
    ],
)
def test_with_json_a_command_line_that_cannot_be_read_is_an_object_too(words: tuple[str, ...]) -> None:
    import jsonschema

    result = fail(*words)
    assert result.exit_code == ExitCode.USAGE
    found = json.loads(result.stdout)
    jsonschema.validate(found, schema())
    assert found["error"]["code"] == ExitCode.USAGE


def test_the_json_behind_the_dashes_is_the_commands() -> None:
    assert fail("run", "--nonsense", "img", "--", "x", "--json").stdout == ""


def test_with_json_an_error_is_an_object_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import jsonschema

    def run(*args: object, **more: object) -> None:
        raise EngineError("no engine answers", "start one")

    monkeypatch.setattr(pipeline, "run", run)
    result = CliRunner().invoke(main, ["run", "img", "--json"])
    assert result.exit_code == ExitCode.ENGINE
    found = json.loads(result.stdout)
    jsonschema.validate(found, schema())
    assert found["error"] == {"code": 3, "what": "no engine answers", "hint": "start one"}
    assert (found["command"], found["target"]) == ("run", "img")
    assert result.stderr == "tracewhale: no engine answers\ntracewhale: start one\n"


def test_progress_passes_nothing_to_the_terminal_that_it_would_obey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Progress()("looking for docker-archive:/\x1b[2J\n")
    assert capsys.readouterr().err == "tracewhale: looking for docker-archive:/\\x1b[2J\\n\n"
