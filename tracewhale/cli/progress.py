"""What is done now, on standard error: a line a stage with its time on a terminal, plain lines elsewhere.

The only module that knows rich.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from tracewhale.cli.streams import unless_unread
from tracewhale.printable import printable


class Progress:
    """Shows what is done now; what was done stays above with the time that it took."""

    def __init__(self, *, silent: bool = False, lively: bool = True) -> None:
        self.silent = silent
        # no-color.org; a terminal that is dumb cannot erase a line either (terminfo).
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.live = lively and sys.stderr.isatty() and not plain
        self._display: Display | None = None
        self._task = TaskID(0)

    def __call__(self, text: str) -> None:
        text = printable(text)  # it may name what an image or a trace calls itself
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
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=Console(file=sys.stderr),
            )
            self._display.start()
        else:
            self._end_stage()
        self._task = self._display.add_task(Text(text).plain, total=1)

    def _end_stage(self) -> None:
        if self._display is not None:
            self._display.update(self._task, completed=1)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def clear(self) -> None:
        """Let go of the terminal before something else is written: what was shown stays."""
        if self._display is not None:
            self._end_stage()
            self._display.stop()
            self._display = None
