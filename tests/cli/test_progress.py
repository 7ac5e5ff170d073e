"""Progress shows the work of the moment."""

from __future__ import annotations

import io
import re

import click
import pytest

from tracewhale.cli.progress import Progress
from tracewhale.cli.verb import context, show
from tracewhale.report.model import Report
from tracewhale.report.names import TEXT


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


def lively(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error is a terminal of 100 columns from now on."""
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    return terminal


@pytest.mark.parametrize(
    ("variables", "control"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_a_terminal_that_wants_no_control_sequences_gets_none(
    variables: dict[str, str], control: bool, monkeypatch: pytest.MonkeyPatch
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
    assert ("\x1b" in terminal.getvalue()) is control
    assert terminal.getvalue().index("copying") < terminal.getvalue().index("loading")


def test_each_stage_stays_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = lively(monkeypatch)
    progress = Progress()
    progress("copying [red]7 paths")
    progress("loading")
    progress.clear()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "✓ 0:00:00 copying [red]7 paths" in shown
    assert "✓ 0:00:00 loading" in shown


def test_nothing_of_it_is_shown_where_nobody_wants_it(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(silent=True)("copying")
    assert capsys.readouterr().err == ""


def test_a_known_amount_has_a_bar_and_paths_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = lively(monkeypatch)
    progress = Progress()
    progress("copying")
    progress.amount(5_000_000, 10_000_000)
    progress.amount(10_000_000, 10_000_000)
    progress.refresh()
    assert "10.0 of 10.0 MB" in terminal.getvalue()
    assert "━" in terminal.getvalue()
    progress.clear()
    terminal = lively(monkeypatch)
    progress = Progress()
    progress("tracing")
    progress.amount(7, 0, "/usr/lib/\x1b[31mx")
    progress.refresh()
    assert "7 paths, /usr/lib/" in terminal.getvalue()
    assert "\x1b[31mx" not in terminal.getvalue()
    assert "━" not in terminal.getvalue()
    progress.clear()


def test_lines_stay_within_the_terminal_and_nothing_comes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = lively(monkeypatch)
    progress = Progress()
    progress("tracing")
    progress.amount(1, 0, "/" + 300 * "x")
    progress.refresh()
    assert "x" * 100 not in terminal.getvalue()
    progress.clear()
    size = len(terminal.getvalue())
    progress.amount(2, 0, "/y")
    assert len(terminal.getvalue()) == size


def test_a_report_comes_after_all_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = lively(monkeypatch)
    with click.Context(click.Command("run")), context(TEXT) as current:
        current.progress("tracing")
        show(Report("run", "t", "i", notes=("This is the report.",)), TEXT)
    assert "✓" not in terminal.getvalue().partition("This is the report.")[2]
    assert "tracing" in terminal.getvalue().partition("This is the report.")[0]
