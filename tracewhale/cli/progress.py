"""Progress on standard error: on a terminal a line for each stage with its time, elsewhere plain lines.

This is the only module that knows rich.
"""

from __future__ import annotations

import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Display
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

from tracewhale.cli.streams import unless_unread
from tracewhale.printable import printable

BAR = 20
"""The columns of a bar."""

REFRESH_SECONDS = 0.1
"""The seconds between two updates of an amount."""


class KnownBarColumn(BarColumn):
    """A bar for tasks with a known total, and nothing for others."""

    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]
        """Return the bar of a task, or nothing."""
        return super().render(task) if task.fields.get("known") else Text("")


class Progress:
    """Shows the present stage; finished stages stay above it with their time."""

    def __init__(self, *, silent: bool = False, lively: bool = True) -> None:
        self.silent = silent
        # no-color.org; a terminal that is dumb cannot erase a line either (terminfo).
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.live = lively and sys.stderr.isatty() and not plain
        self._display: Display | None = None
        self._task = TaskID(0)
        self._shown_at = 0.0

    def __call__(self, text: str) -> None:
        text = printable(text)  # it may have names from an image or a trace
        if self.silent:
            return
        if self.live:
            self._show(text)
        else:
            unless_unread(2, lambda: self._write(f"tracewhale: {text}\n"))

    def _show(self, text: str) -> None:
        if self._display is None:
            self._display = Display(
                SpinnerColumn(finished_text="✓"),
                TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
                TextColumn("{task.description}", markup=False, table_column=Column(overflow="ellipsis")),
                KnownBarColumn(bar_width=BAR),
                TextColumn(
                    "{task.fields[newest]}",
                    markup=False,
                    table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
                ),
                console=Console(file=sys.stderr),
                expand=True,
            )
            self._display.start()
        else:
            self._end_stage()
        self._task = self._display.add_task(Text(text).plain, total=1, newest="", known=False)

    def amount(self, done: int, total: int, newest: str = "") -> None:
        """Show the amount done of the present stage, or the newest item if the total is unknown."""
        now = time.monotonic()
        if self._display is None or (now - self._shown_at < REFRESH_SECONDS and done != total):
            return
        self._shown_at = now
        if total:
            words = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
            self._display.update(self._task, completed=done, total=total, newest=words, known=True)
        else:
            self._display.update(self._task, newest=f"{done} paths, {printable(newest)}")

    def _end_stage(self) -> None:
        if self._display is not None:
            self._display.update(self._task, completed=1, total=1, newest="", known=False)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def refresh(self) -> None:
        """Update the display at once."""
        if self._display is not None:
            self._display.refresh()

    def clear(self) -> None:
        """Release the terminal before something else is written; the shown lines stay."""
        if self._display is not None:
            self._end_stage()
            self._display.stop()
            self._display = None
