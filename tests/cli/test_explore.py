"""The explorer in the terminal, driven by keys, and the files that it writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from textual.pilot import Pilot
from textual.widgets import Static

from tests.report.documents import hostile, report
from tracewhale.cli import main
from tracewhale.cli.browser import Explorer
from tracewhale.cli.marks import Marks
from tracewhale.errors import UsageError
from tracewhale.plan.exclusion import is_excluded
from tracewhale.report.document import of_value
from tracewhale.report.json import to_json

Play = Callable[[Explorer, Pilot[None]], Awaitable[None]]


def play(value: Any, marks: Path, script: Play) -> None:
    """Run the application without a terminal, driven by a script."""

    async def run() -> None:
        app = Explorer(of_value(value), str(marks))
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            await script(app, pilot)

    asyncio.run(run())


def reasons(app: Explorer) -> str:
    """Return the text beside the tree."""
    return str(app.query_one("#reasons", Static).content)


async def find(pilot: Pilot[None], words: str) -> None:
    await pilot.press("slash", *("space" if letter == " " else letter for letter in words), "enter")
    await pilot.pause()


def test_the_largest_is_first_and_a_directory_opens(tmp_path: Path) -> None:
    async def script(app: Explorer, pilot: Pilot[None]) -> None:
        names = [each.data.name for each in app.tree_widget.root.children if each.data]
        sizes = [each.data.size + each.data.removed for each in app.tree_widget.root.children if each.data]
        assert set(names) >= {"usr", "opt", "var", "etc"}
        assert sizes == sorted(sizes, reverse=True)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.tree_widget.root.children[0].children

    play(to_json(report()), tmp_path / "m", script)


def test_a_search_goes_to_the_path_and_tells_its_reasons(tmp_path: Path) -> None:
    async def script(app: Explorer, pilot: Pilot[None]) -> None:
        await find(pilot, "libb copy")
        assert "/usr/share/doc/libb/copyright" in reasons(app)
        assert "licence of libb" in reasons(app)
        await pilot.press("r")
        assert not app.query_one("#beside").display
        await find(pilot, "nowhere")
        assert "/usr/share/doc/libb/copyright" in reasons(app)

    play(to_json(report()), tmp_path / "m", script)


def test_space_marks_a_path_in_the_file_of_its_option(tmp_path: Path) -> None:
    async def script(app: Explorer, pilot: Pilot[None]) -> None:
        await find(pilot, "bin/tool")
        await pilot.press("space")
        assert (tmp_path / "m.exclude").read_text() == "/usr/bin/tool\n"
        await find(pilot, "bin/unused")
        await pilot.press("space")
        assert (tmp_path / "m.include").read_text() == "/usr/bin/unused\n"
        await pilot.press("space")
        assert not (tmp_path / "m.include").exists()

    play(to_json(report()), tmp_path / "m", script)


def test_hostile_names_are_text(tmp_path: Path) -> None:
    value = json.loads(json.dumps(hostile()).replace("window.hit=1", "[bold]\\u001b]0;x\\u0007[@]"))

    async def script(app: Explorer, pilot: Pilot[None]) -> None:
        await find(pilot, "script")
        assert "[bold]\\x1b]0;x\\x07[@]" in reasons(app)
        await pilot.press("space")
        await pilot.pause()

    play(value, tmp_path / "m", script)


def test_a_marked_name_is_no_pattern(tmp_path: Path) -> None:
    marks = Marks(str(tmp_path / "m"))
    marks.toggle("/a[b]*", kept=True)
    (line,) = (tmp_path / "m.exclude").read_text().splitlines()
    assert is_excluded("/a[b]*", (line,))
    assert not is_excluded("/ab", (line,))


@pytest.mark.parametrize("path", ["/a\nb", "/a ", "/a\u2028b"])
def test_a_path_that_no_line_can_hold_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Marks(str(tmp_path / "m")).toggle(path, kept=False)
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_there_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(to_json(report())))
    result = CliRunner().invoke(main, ["explore", str(tmp_path / "plan.json")])
    assert result.exit_code == 2
    assert "`tracewhale explore` needs a terminal." in result.output


def test_another_form_goes_to_standard_output(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(to_json(report())))
    result = CliRunner().invoke(main, ["explore", "--format", "ncdu", str(tmp_path / "plan.json")])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[2]["progname"] == "tracewhale"


def test_reports_of_several_forms_are_written_at_once(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(to_json(report())))
    places = [str(tmp_path / name) for name in ("a.html", "a.md", "a.ncdu", "a.json")]
    words = [word for place in places for word in ("-o", place)]
    result = CliRunner().invoke(main, ["report", str(tmp_path / "plan.json"), *words])
    assert result.exit_code == 0, result.output
    assert Path(places[0]).read_text().startswith("<!DOCTYPE html>")
    assert json.loads(Path(places[3]).read_text()) == to_json(report())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.html",
        "a.json",
        "a.md",
        "a.ncdu",
        "plan.json",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "x.txt"], "The ending of x.txt names no form of a report."),
        (["-o", "/nowhere/x.html"], "The report cannot be written to /nowhere/x.html."),
        (
            ["-o", "a.html", "-o", "b.md", "--format", "md"],
            "--format is for one file, and there are several.",
        ),
    ],
)
def test_a_place_that_cannot_be_is_refused(words: list[str], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(to_json(report())))
    result = CliRunner().invoke(main, ["report", str(tmp_path / "plan.json"), *words])
    assert result.exit_code == 2
    assert sentence in result.output
