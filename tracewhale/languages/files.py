"""The image's files for the look-ups of a language: by requested paths, with a cache, within limits."""

from __future__ import annotations

from collections.abc import Iterable

from tracewhale.languages.model import Environment
from tracewhale.rootfs.tree import Entry, Kind, View

TEXT_LIMIT = 1 << 20
"""The most bytes of a small file of metadata (``package.json``, ``.pth``) that are read."""


class Files:
    """Looks up paths. ``kept`` are the physical paths of the files kept so far."""

    def __init__(self, view: View, environment: Environment, kept: Iterable[str]) -> None:
        self.view = view
        self.environment = environment
        self.kept = frozenset(kept)
        self._entries: dict[str, Entry | None] = {}
        self._texts: dict[str, bytes] = {}

    def entry(self, path: str) -> Entry | None:
        """Return the entry of a requested path, or None."""
        if path not in self._entries:
            self._entries[path] = self.view.resolve(path).entry
        return self._entries[path]

    def is_file(self, path: str) -> bool:
        entry = self.entry(path)
        return entry is not None and entry.kind is Kind.FILE

    def is_directory(self, path: str) -> bool:
        entry = self.entry(path)
        return entry is not None and entry.kind is Kind.DIRECTORY

    def physical(self, path: str) -> str:
        """Return the physical path of a requested one, or the path itself if it does not exist."""
        entry = self.entry(path)
        return path if entry is None else entry.path

    def listing(self, directory: str) -> dict[str, Entry]:
        """Return the entries of a directory by name, or none if it is not a directory."""
        entry = self.entry(directory)
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return {}
        return self.view.listing(entry.path) or {}

    def text(self, path: str) -> bytes:
        """Return the contents of a small file, or nothing if there is none."""
        if path not in self._texts:
            entry = self.entry(path)
            content = None
            if entry is not None and entry.kind is Kind.FILE and entry.size <= TEXT_LIMIT:
                (content,) = self.view.tree.read([(entry.path, 0, TEXT_LIMIT)])
            self._texts[path] = content or b""
        return self._texts[path]


def normal(path: str) -> str:
    """Return a path without empty, ``.`` and ``..`` components, as programs normalize it."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
