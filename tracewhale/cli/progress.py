"""What is done now, on standard error: one line that is written over on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys

from tracewhale.cli.streams import unless_unread
from tracewhale.printable import printable


class Progress:
    """What is done now: one line that is written over on a terminal, plain lines elsewhere."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        # no-color.org; a terminal that is dumb cannot erase a line either (terminfo).
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.live = sys.stderr.isatty() and not plain
        self.shown = False

    def __call__(self, text: str) -> None:
        text = printable(text)  # it may name what an image or a trace calls itself
        if self.silent:
            return
        unless_unread(2, lambda: self._write(f"\r\x1b[K{text} ..." if self.live else f"tracewhale: {text}\n"))
        self.shown = self.live

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away before something else is written."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.shown = False
