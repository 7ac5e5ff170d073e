"""The user's marks on paths, and the files that pass them to --include-from and --exclude-from."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from contextlib import suppress

from tracewhale.errors import UsageError


class Marks:
    """The paths to include and to exclude. Each change is written to the files at once."""

    def __init__(self, name: str) -> None:
        self.include_file, self.exclude_file = f"{name}.include", f"{name}.exclude"
        self.included: dict[str, None] = {}
        self.excluded: dict[str, None] = {}

    def toggle(self, path: str, *, kept: bool) -> bool:
        """Mark a kept path to be excluded, another to be included, or remove its mark; return whether it has
        one now.

        Raise UsageError for a path that a line cannot hold, or files that cannot be written.
        """
        if path != path.strip() or len(path.splitlines()) != 1:
            raise UsageError("A line of a file cannot hold this path.", "Use --include or --exclude.")
        marks = self.excluded if kept else self.included
        marked = path not in marks
        if marked:
            marks[path] = None
        else:
            del marks[path]
        self._write(self.include_file, self.included)
        self._write(self.exclude_file, map(glob.escape, self.excluded))
        return marked

    def _write(self, place: str, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        try:
            if not text:
                with suppress(FileNotFoundError):
                    os.unlink(place)
                return
            with open(place, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{place} cannot be written: {error.strerror}.", "Give --marks NAME.") from error
