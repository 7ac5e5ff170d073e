"""The sentences at the end of a run, and their order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sample_images import plan_sample
from tracewhale.report.formats import FORMATS
from tracewhale.report.model import BuiltImage, Report
from tracewhale.report.names import QUIET, TEXT, VERBOSE
from tracewhale.tracing.events import Outcome, Step, Trace
from tracewhale.verification import Comparison, Output, Verification

START = ("docker", "run", "--rm", "-v", "/a b:/c", "slim:1")
STEPS = (Step("workload", "curl"), Step("exec", "id"), Step("healthcheck", "x"))


def report(
    outcome: Outcome, *steps: Step, output: Output = Output.NOT_COMPARED, difference: str = ""
) -> Report:
    comparison = Comparison((), (outcome.status, outcome.status), output, difference)
    return Report(
        "run",
        "big:1",
        "sha256:1",
        plan=plan_sample()[1],
        trace=Trace("big:1", "sha256:1", "seccomp", {}, frozenset(), outcome=outcome, steps=steps),
        built=BuiltImage("slim:1", "sha256:2", 10_000_000, 100_000_000, start=START),
        verification=Verification(1, (), comparison, 1, steps),
        seconds=(("trace", 1.0),),
        notes=("The image's own command, bash, is not kept: the new one starts what was traced.",),
    )


SERVED = report(Outcome(0, stopped=True), *STEPS)


def test_size_verdict_what_was_exercised_and_how_to_start_it_come_first() -> None:
    assert FORMATS[TEXT](SERVED).splitlines()[:5] == [
        "image        slim:1  (100.0 MB -> 10.0 MB, 10 %)",
        "verified     started, 1 workload, 1 command inside, health check passed",
        "exercised    1 workload, 1 command inside, health check, 2 times in all; stopped",
        "             with status 0",
        "start        docker run --rm -v '/a b:/c' slim:1",
    ]


def test_lines_have_at_most_80_columns() -> None:
    assert max(map(len, FORMATS[TEXT](SERVED).splitlines())) <= 80


def test_figures_for_insiders_are_only_in_the_long_form() -> None:
    short, long = FORMATS[TEXT](SERVED), FORMATS[VERBOSE](SERVED)
    assert long.startswith(short)
    for name in ("trace ", "libraries", "time "):
        assert f"\n{name}" not in short
        assert f"\n{name}" in long


def test_the_quiet_form_is_the_name_of_the_image_alone() -> None:
    assert FORMATS[QUIET](SERVED) == "slim:1\n"
    assert FORMATS[QUIET](replace(SERVED, built=None)) == ""


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (report(Outcome(0), output=Output.SAME), "output and status equal"),
        (
            report(Outcome(0), output=Output.REORDERED),
            "status equal, output the same lines in another order: directories are listed in none",
        ),
        (report(Outcome(0, stopped=True), Step("for", "3")), "started, 0 requests"),
        (report(Outcome(143, stopped=True)), "started, 0 requests"),
        (
            report(Outcome(0, stopped=True), *STEPS[:1], *STEPS[:1]),
            "started, 2 workloads passed",
        ),
        (
            report(Outcome(0), output=Output.DIFFERENT, difference="'a' and 'b'"),
            "no, the output differs: 'a' and 'b'",
        ),
    ],
)
def test_the_verdict_says_what_was_proven_and_no_more(made: Report, verdict: str) -> None:
    words = " ".join(FORMATS[TEXT](made).split())
    assert f" verified {verdict} exercised " in words


def test_an_image_that_was_not_run_is_not_called_verified() -> None:
    assert "verified     no, it was not run\n" in FORMATS[TEXT](replace(SERVED, verification=None))
