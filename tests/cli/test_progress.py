"""What is shown of what is done now."""

from __future__ import annotations

import io

import pytest

from tracewhale.cli.progress import Progress


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "lively"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_a_terminal_that_wants_no_control_sequences_gets_none(
    variables: dict[str, str], lively: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    progress = Progress()
    progress("copying")
    progress("loading")
    progress.clear()
    assert ("\x1b" in terminal.getvalue()) is lively
    assert terminal.getvalue().index("copying") < terminal.getvalue().index("loading")


def test_each_stage_stays_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    progress = Progress()
    progress("copying [red]7 paths")
    progress("loading")
    progress.clear()
    shown = terminal.getvalue()
    assert "✓ copying [red]7 paths" in shown
    assert "✓ loading" in shown
    assert "0:00:00" in shown


def test_nothing_of_it_is_shown_where_nobody_wants_it(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(silent=True)("copying")
    assert capsys.readouterr().err == ""
