"""Each verb runs its stages, without an engine."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from tests.pipeline.fake import FakeTarget, engine, result
from tracewhale import pipeline
from tracewhale.context import Context
from tracewhale.engines.names import DOCKER, Name
from tracewhale.errors import CommandFailed, EngineError, UsageError, VerificationFailed
from tracewhale.image.recipe import Recipe
from tracewhale.pipeline import Job
from tracewhale.plan.model import Options
from tracewhale.report.formats import FORMATS
from tracewhale.report.model import Report
from tracewhale.report.names import JSON, TEXT
from tracewhale.running.console import Console
from tracewhale.running.result import RunResult
from tracewhale.tracing.events import Event, Step, Trace

JOB = Job("tool:1")


def test_a_run_that_is_alike_is_verified_and_published() -> None:
    docker = engine(result())
    report = pipeline.run(docker, JOB, Options(), Context())
    assert report.error is None
    assert report.verification is not None
    assert report.verification.verified
    assert docker.target.published == ["docker-daemon:skinny-tool:1"]


def test_a_difference_is_in_the_report_and_nothing_is_published() -> None:
    docker = engine(result(), new=[result(1)])
    report = pipeline.run(docker, JOB, Options(), Context())
    assert isinstance(report.error, VerificationFailed)
    assert "status 0, the new image with 1" in report.error.what
    assert (report.built, docker.target.published) == (None, [])


def test_a_failed_command_makes_no_image() -> None:
    docker = engine(result(1, b"cannot open it"))
    with pytest.raises(CommandFailed, match="cannot open it"):
        pipeline.run(docker, JOB, Options(), Context())
    assert docker.target.published == []


def test_a_command_that_is_meant_to_fail_makes_an_image_that_fails_alike() -> None:
    docker = engine(result(3))
    report = pipeline.run(docker, replace(JOB, expected_status=3), Options(), Context())
    assert report.error is None
    assert docker.target.published


def test_the_image_of_a_container_starts_what_was_traced_and_that_is_what_is_tested() -> None:
    docker = engine(result())
    docker.target.container, docker.target.command = "8efb", ("/bin/tool", "run")
    report = pipeline.run(docker, JOB, Options(), Context())
    (new,) = docker.target.built
    assert new.config["config"]["Cmd"] == ["/bin/tool", "run"]
    assert new.command == ()
    assert report.built is not None
    assert report.built.start == ("docker", "run", "--rm", "skinny-tool:1")


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (["/bin/tool"], True),
        (["tool"], True),
        (["/bin/tool", "/etc/other.conf"], False),
        (["/bin/tool", "none"], True),
        (["/bin/none"], False),
    ],
)
def test_a_command_of_the_image_whose_files_are_gone_is_replaced_and_that_is_said(
    command: list[str], kept: bool
) -> None:
    docker = engine(result())
    docker.target.config = {"config": {"Cmd": command}}
    docker.target.command = ("/bin/tool", "x")
    report = pipeline.run(docker, JOB, Options(), Context())
    assert docker.target.built[0].config["config"]["Cmd"] == (command if kept else ["/bin/tool", "x"])
    assert bool(set(report.notes) - {"a note"}) is not kept


@pytest.mark.parametrize("tag", ["tool:1", "docker.io/library/tool:1"])
def test_the_name_of_the_original_is_not_taken_without_force(tag: str) -> None:
    docker = engine(result())
    with pytest.raises(UsageError, match="the name of its original"):
        pipeline.run(docker, JOB, Options(), Context(), destination=Name(DOCKER, tag))
    assert docker.target.runs == []
    pipeline.run(docker, JOB, Options(), Context(), destination=Name(DOCKER, tag), force=True)
    assert docker.target.published


def test_another_workload_may_verify() -> None:
    steps = (Step("workload", "post"),)
    docker = engine(result(0, stopped=True, steps=steps))
    report = pipeline.run(docker, replace(JOB, steps=steps), Options(), Context(), verify_with="get")
    assert docker.target.runs == [steps]
    assert docker.target.built[0].runs == [(Step("workload", "get"),)]
    assert report.error is None


def test_progress_and_report_say_that_the_workload_runs_again() -> None:
    said: list[str] = []
    docker = engine(result(0, stopped=True, steps=(Step("workload", "post"),)))
    report = pipeline.run(docker, JOB, Options(), Context(Console(progress=said.append)))
    assert "running the new image, driven the same way" in said
    assert "1 workload, 2 times in all" in FORMATS[TEXT](report)


def test_only_runs_that_repeat_the_traced_one_have_copies_of_its_mounts() -> None:
    docker = engine(result())
    report = pipeline.run(docker, JOB, Options(), Context())
    assert [mounts.destinations for mounts in docker.target.mounts] == [()]
    assert [mounts.destinations for mounts in docker.target.built[0].mounts] == [("/out",)]
    assert report.notes == ("a note",)


@pytest.mark.parametrize(("new", "same"), [(0, True), (1, True), (2, False)])
def test_a_mount_without_a_copy_makes_a_second_run_of_the_original_count(new: int, same: bool) -> None:
    """As ``mkdir`` on a mount, which fails the second time: the fake target's snapshot lacks a mount."""
    docker = engine(result(0), result(1, b"it exists"), new=[result(new, b"it exists" if new else b"done\n")])
    report = pipeline.run(docker, JOB, Options(), Context())
    assert (report.error is None) is same
    assert len(docker.target.runs) == (1 if new == 0 else 2)


def test_a_trace_alone_has_no_mounts_as_they_were() -> None:
    docker = engine(result(1, b"it exists"))
    recorded = result(0).trace
    report = pipeline.verify(docker, "new:1", [recorded], Options(), Context())
    assert [mounts.destinations for mounts in docker.target.mounts] == [("/out",)] * 2
    assert (
        "Verification saw /out as the traced run had left it: a trace file has no copy of it." in report.notes
    )
    assert report.error is None


def test_seconds_are_frozen_when_the_report_is_made() -> None:
    context = Context()
    report = pipeline.run(engine(result()), JOB, Options(), context)
    stages = [stage for stage, _ in report.seconds]
    assert stages == ["target", "trace", "plan", "image", "load", "verification run", "write"]
    with context.stage("more", "doing more"):
        pass
    assert [stage for stage, _ in report.seconds] == stages


def test_an_sbom_is_written_once_the_image_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "sbom.spdx.json"
    recipe = Recipe(sbom_file=str(place))
    docker = engine(result())

    def refuse(self: object, destination: Name) -> None:
        raise EngineError("the engine refuses")

    with monkeypatch.context() as patched:
        patched.setattr("tests.pipeline.fake.FakeRebuilt.publish", refuse)
        with pytest.raises(EngineError):
            pipeline.run(docker, JOB, Options(), Context(), recipe=recipe)
    assert not place.exists()
    pipeline.run(docker, JOB, Options(), Context(), recipe=recipe)
    assert place.exists()


def test_an_sbom_that_cannot_be_written_is_refused_before_the_run() -> None:
    docker = engine(result())
    with pytest.raises(UsageError, match="--sbom /no/such/sbom"):
        pipeline.run(docker, JOB, Options(), Context(), recipe=Recipe(sbom_file="/no/such/sbom"))
    assert docker.target.runs == []


@pytest.mark.parametrize("form", [TEXT, JSON])
def test_what_no_image_can_hold_is_in_the_report(form: str) -> None:
    files = FakeTarget([], []).files
    files.tree._add("/run/.wh.lock: x")
    docker = engine(result())
    docker.target.files = files
    report = pipeline.run(docker, JOB, Options(include=("/run",)), Context())
    assert [path for path, _ in report.left_out] == ["/run/.wh.lock"]
    assert "/run/.wh.lock" in FORMATS[form](report)


def test_reports_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Report("run", "t", "i").seconds = ()  # type: ignore[misc]


MIGRATE = replace(JOB, also=(("tool", "mig rate"),))


def test_other_commands_are_run_and_verified_too() -> None:
    asked = frozenset({Event("/etc/other.conf", "open", "/bin/tool", True)})
    other = RunResult(replace(result().trace, events=asked))
    docker = engine(result(), other, new=[result(), other])
    traces: list[Trace] = []
    report = pipeline.run(docker, MIGRATE, Options(), Context(), on_trace=traces.append)
    assert report.error is None
    assert report.plan is not None
    assert {"/bin/tool", "/etc/other.conf"} <= {*report.plan.kept}
    assert [(step.kind, step.argument) for step in traces[0].steps] == [("also", "tool 'mig rate'")]
    assert "output and status equal, 1 other command passed" in FORMATS[TEXT](report)


def test_another_command_that_differs_is_named() -> None:
    docker = engine(result(), new=[result(), result(1)])
    report = pipeline.run(docker, MIGRATE, Options(), Context())
    assert report.error is not None
    assert "With the command \"tool 'mig rate'\" the original ends with status 0" in report.error.what
    assert docker.target.published == []


def test_another_command_that_fails_makes_no_image() -> None:
    docker = engine(result(), result(1, b"no data base"))
    with pytest.raises(CommandFailed, match="no data base"):
        pipeline.run(docker, MIGRATE, Options(), Context())
    assert docker.target.published == []


def test_a_trace_has_the_other_commands_too() -> None:
    other = RunResult(replace(result().trace, events=frozenset({Event("/etc/other.conf", "open", "", True)})))
    _, recorded = pipeline.trace(engine(result(), other), MIGRATE, Context())
    assert {event.path for event in recorded.events} == {"/bin/tool", "/etc/other.conf"}
    assert [(step.kind, step.argument) for step in recorded.steps] == [("also", "tool 'mig rate'")]


@pytest.mark.parametrize(("new", "same"), [(0, True), (1, False)])
def test_verify_repeats_the_other_commands_of_a_trace(new: int, same: bool) -> None:
    recorded = replace(result().trace, steps=(Step("also", "tool 'mig rate'"),))
    # The new image, the original's other command, the new image's, and the original's again if they differ.
    docker = engine(result(), result(), result(new), result())
    report = pipeline.verify(docker, "new:1", [recorded], Options(), Context())
    assert len(docker.target.runs) == 3 + new
    assert (report.error is None) is same
    if report.error is None:
        assert "output and status equal, 1 other command passed" in FORMATS[TEXT](report)
    else:
        assert "With the command \"tool 'mig rate'\" the original ends with status 0" in report.error.what


def test_verify_repeats_the_run_of_each_trace() -> None:
    second = replace(result().trace, request={"command": ["tool", "-x"]})
    docker = engine(result())
    report = pipeline.verify(docker, "new:1", [result().trace, second], Options(), Context())
    assert len(docker.target.runs) == 2
    assert "output and status equal, 1 other command passed" in FORMATS[TEXT](report)
    docker = engine(result(), result(1), result())
    report = pipeline.verify(docker, "new:1", [result().trace, second], Options(), Context())
    assert report.error is not None
    assert "With the command 'tool -x' the original ends with status 0" in report.error.what
