"""Commands by name, as found by a shell, execvp(3) or ``posix_spawnp``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import Import, Mention, MissingImport

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Docker's PATH for an image that sets none."""

WORD = re.compile(r"[\w./+@:-]+")
PART = re.compile(r"\|\|?|&&|[;&\n(`]|\$\(")
"""The end of a command in a command line, or the beginning of one inside another."""

SETTING = re.compile(r"\s*(?:(?:exec|env|sudo|nohup|time|!)\s+|\w+=\S*\s+)*")
"""Words before a command that are not its name."""


class Commands:
    """The commands of an image: executables in the directories of PATH, and those named by absolute paths."""

    def __init__(self, files: Files) -> None:
        self._files = files
        path = files.environment.get("PATH") or DEFAULT_PATH
        self.places = tuple(
            dict.fromkeys(normal(place) for place in path.split(":") if place.startswith("/"))
        )

    def find(self, word: str) -> str | None:
        """Return the file of a command's name or absolute path."""
        if word.startswith("/"):
            return word if self._is_executable(word) else None
        if "/" in word or not word:
            return None
        return next((f"{place}/{word}" for place in self.places if self._has(place, word)), None)

    def _has(self, place: str, word: str) -> bool:
        return word in self._files.listing(place) and self._is_executable(f"{place}/{word}")

    def _is_executable(self, path: str) -> bool:
        entry = self._files.entry(path)
        return self._files.is_file(path) and entry is not None and bool(entry.mode & 0o111)

    def of_text(self, path: str, mention: Mention) -> Iterator[Import | MissingImport]:
        """Yield the files of the commands in a command line (``cut -f1 a | sort``); a miss for the first."""
        for number, part in enumerate(PART.split(mention.name)):
            match = WORD.match(SETTING.sub("", part, count=1))
            if match is None:
                continue
            target = self.find(match[0])
            if target is not None:
                yield Import(path, mention.line, match[0], target, mention.how, mention.lazy)
            elif number == 0 and "/" not in match[0]:
                yield MissingImport(path, mention.line, match[0], self.places, mention.lazy)
