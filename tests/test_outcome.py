"""When a command that was traced did not do what it should."""

from __future__ import annotations

import pytest

from tracewhale.errors import ExitCode
from tracewhale.outcome import failure_of
from tracewhale.tracing.events import Event, Outcome, Trace


def trace(outcome: Outcome | None, *absent: str) -> Trace:
    events = frozenset(Event(path, "read", "/bin/java", False) for path in absent)
    return Trace("t", "i", "seccomp", {}, events, outcome=outcome)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome(0), 0),
        (Outcome(3), 3),
        (Outcome(137, stopped=True), 0),
        (Outcome(1, stopped=True), 0),
        (None, 0),
    ],
)
def test_commands_that_did_what_they_should(outcome: Outcome | None, expected: int) -> None:
    assert failure_of(trace(outcome), expected) is None


@pytest.mark.parametrize(("status", "expected"), [(1, 0), (0, 3), (2, 3)])
def test_another_status_is_a_failure_of_its_own_kind(status: int, expected: int) -> None:
    failure = failure_of(trace(Outcome(status, stdout=b"one\ntwo\n")), expected)
    assert failure is not None
    assert failure.exit_code == ExitCode.COMMAND_FAILED
    assert failure.what.startswith(f"The command ended with status {status}")
    assert failure.what.endswith("one\ntwo")
    assert f"--expect-status {status}" in failure.hint


def test_the_last_lines_of_its_errors_and_what_they_name_are_the_likely_cause() -> None:
    said = b"Error: Unable to access jarfile app.jar\n"
    failure = failure_of(trace(Outcome(1, stdout=b"x", stderr=said), "/app.jar", "/etc/x", "/lib/other"), 0)
    assert failure is not None
    assert "Unable to access jarfile app.jar" in failure.what
    assert "It asked for /app.jar, which the target does not have" in failure.hint
    assert "-w" in failure.hint


def test_a_path_that_the_errors_do_not_name_is_no_cause() -> None:
    failure = failure_of(trace(Outcome(1, stderr=b"no such user"), "/etc/ld.so.preload"), 0)
    assert failure is not None
    assert "asked for" not in failure.hint
