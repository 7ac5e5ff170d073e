"""Options of the new image: never mistaken for those of the traced run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tracewhale import pipeline
from tracewhale.cli import main
from tracewhale.errors import ExitCode
from tracewhale.image import Overrides
from tracewhale.image.recipe import PLAIN, Recipe
from tracewhale.pipeline import Job
from tracewhale.plan.model import Options


class Called(Exception):
    """Carries what the library was asked for out of the command line."""


Asked = Callable[..., tuple[Job, Options, Recipe]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Run `tracewhale run` with these words and give the job, the options and the recipe."""

    def run(engine: object, job: Job, options: Options, session: object, **more: Any) -> None:
        raise Called(job, options, more["recipe"])

    monkeypatch.setattr(pipeline, "run", run)

    def ask(*words: str) -> tuple[Job, Options, Recipe]:
        result = CliRunner().invoke(main, ["run", *words])
        assert isinstance(result.exception, Called), result.output
        job, options, recipe = result.exception.args
        return job, options, recipe

    return ask


def refused(*words: str) -> Result:
    result = CliRunner().invoke(main, ["run", *words])
    assert result.exit_code == ExitCode.USAGE, result.output
    return result


def test_nothing_said_is_nothing_changed(asked: Asked) -> None:
    _, options, recipe = asked("img")
    assert recipe == PLAIN
    assert options.licences
    assert options.epoch is None


def test_an_override_is_not_the_runs(asked: Asked) -> None:
    job, _, recipe = asked(
        "img", "-e", "A=run", "-u", "1", "-w", "/r", "--entrypoint", "run", "--image-env", "A=new=x",
        "--image-user", "2", "--image-workdir", "/n", "--image-entrypoint", "new 'a b'", "--image-cmd",
        '["c", "d e"]', "--image-expose", "80", "--image-expose", "53/udp", "--image-label", "l=",
    )  # fmt: skip
    run = job.request.options
    assert (run.env, run.user, run.workdir, run.entrypoint) == (("A=run",), "1", "/r", "run")
    assert recipe.overrides == Overrides(
        labels={"l": ""},
        env={"A": "new=x"},
        entrypoint=("new", "a b"),
        cmd=("c", "d e"),
        user="2",
        workdir="/n",
        expose=("80", "53/udp"),
    )


def test_an_empty_text_is_no_words(asked: Asked) -> None:
    overrides = asked("img", "--image-entrypoint", "", "--image-cmd", "[]")[2].overrides
    assert (overrides.entrypoint, overrides.cmd) == ((), ())


def test_the_label_has_what_shaped_the_image_and_nothing_of_this_machine(asked: Asked) -> None:
    _, _, recipe = asked(
        "img", "--exclude", "*.so", "--include", "/a b", "--include", "/A", "--no-rule", "locale", "--layers",
        "3", "--keep-package-docs", "none", "--sbom-in-image", "--sbom-format", "cyclonedx", "--sbom",
        "/home/me/x.json", "-e", "SECRET=1", "-t", "x:y", "--image-env", "SECRET=2", "--image-label", "a=b",
    )  # fmt: skip
    assert recipe.words == (
        "--include", "/A", "--include", "/a b", "--exclude", "*.so", "--no-rule", "locale",
        "--keep-package-docs", "none", "--layers", "3", "--sbom-in-image", "--sbom-format", "cyclonedx",
    )  # fmt: skip


def test_copyright_files_can_be_left(asked: Asked) -> None:
    assert not asked("img", "--keep-package-docs", "none")[1].licences


@pytest.mark.parametrize(
    ("words", "form", "inside"),
    [
        (("--sbom", "x.json"), "spdx", False),
        (("--sbom", "x.cdx.json"), "cyclonedx", False),
        (("--sbom", "x.cdx.json", "--sbom-format", "spdx"), "spdx", False),
        (("--sbom-in-image",), "spdx", True),
        (("--sbom-in-image", "--sbom-format", "cyclonedx"), "cyclonedx", True),
        (("--sbom-in-image", "--sbom", "bom.json"), "cyclonedx", True),
    ],
)
def test_forms_of_sboms(asked: Asked, words: tuple[str, ...], form: str, inside: bool) -> None:
    recipe = asked("img", *words)[2]
    assert (recipe.form, recipe.sbom_inside, bool(recipe.sbom_file)) == (form, inside, "--sbom" in words)


def test_source_date_epoch_is_the_time_of_what_is_made(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "77")
    assert asked("img")[1].epoch == 77


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--image-env", "A"), "--image-env A is not of the form NAME=VALUE"),
        (("--image-label", "=b"), "--image-label =b is not of the form NAME=VALUE"),
        (("--image-cmd", "'open"), "No closing quotation"),
        (("--image-cmd", "[1]"), "is not a list of strings."),
        (("--image-cmd", "[oops"), "--image-cmd [oops"),
        (("--image-expose", "http"), "--image-expose http is not a port."),
        (("--image-expose", "80/icmp"), "80/icmp"),
        (("--image-expose", "65536"), "65536"),
        (("--image-workdir", "srv"), "--image-workdir srv is not an absolute path."),
        (("--image-user", "a:b:c"), "--image-user 'a:b:c' is not a user."),
        (("--image-user", ":b"), "':b' is not a user."),
        (("--layers", "0"), "--layers"),
        (("--sbom-format", "spdx"), "--sbom-format needs a place for the SBOM."),
        (("--sbom-format", "swid", "--sbom", "x"), "swid"),
        (("--keep-package-docs", "all"), "all"),
    ],
)
def test_values_that_make_no_sense(words: tuple[str, ...], said: str) -> None:
    assert said in refused("img", *words).output


def test_an_epoch_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert "SOURCE_DATE_EPOCH is 'yesterday'" in refused("img").output
