"""Read package metadata from a tree in few exchanges, each file once, within limits."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Mapping

from tracewhale.rootfs.tree import Entry, Kind, View, parent

FILE_LIMIT = 256 << 20
"""The most bytes of one file; the largest databases of packages have a tenth of that."""

TOTAL_LIMIT = 1 << 30
"""The most bytes that are read in total; later files count as absent."""


class PackageFiles:
    """A view whose files are read once and by requested path, and which has a distribution's aliases."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._contents: dict[str, bytes] = {}
        self._left = TOTAL_LIMIT

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return contents of the regular files among requested paths, in one exchange; others are left
        out."""
        physical = {path: real for path in paths if (real := self.physical(path))}
        wanted = []
        for path in sorted(set(physical.values()) - self._contents.keys()):
            entry = self.view.lstat(path)
            if entry is not None and entry.kind is Kind.FILE and entry.size <= min(FILE_LIMIT, self._left):
                self._left -= entry.size
                wanted.append((path, 0, entry.size))
        if wanted:
            for (path, _, _), content in zip(wanted, self.view.tree.read(wanted), strict=True):
                if content is not None:
                    self._contents[path] = content
        return {path: self._contents[place] for path, place in physical.items() if place in self._contents}

    def text(self, path: str) -> str:
        """Return one file as text, empty if it does not exist."""
        return decode(self.read([path]).get(path, b""))

    def physical(self, path: str) -> str:
        """Return the physical path of a requested path, empty if it does not exist."""
        entry = self.view.resolve(path).entry
        return "" if entry is None else entry.path

    def modified(self, path: str) -> int:
        """Return the modification time of a requested path's file in nanoseconds, 0 if it does not exist."""
        entry = self.view.resolve(path).entry
        return 0 if entry is None else entry.mtime_ns

    def aliases(self) -> Mapping[str, str]:
        """Return symbolic links to directories in ``/``, ``/usr`` and ``/var``: on merged-/usr systems
        databases have ``/lib/...`` for the file ``/usr/lib/...``."""
        tops = ("/", "/usr", "/var")
        self.view.prefetch(tops)
        result = {}
        for top in tops:
            for entry in (self.view.listing(top) or {}).values():
                if entry.kind is Kind.SYMLINK:
                    target = self.view.resolve(entry.path).entry
                    if target is not None and target.kind is Kind.DIRECTORY:
                        result[entry.path] = target.path
        return result


class Names:
    """Translates between names in a database and physical paths."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._beginnings = tuple(f"{alias}/" for alias in aliases)
        self._targets = {alias: target.rstrip("/") for alias, target in aliases.items()}

    def physical(self, name: str) -> str:
        """Return a name with an alias at its beginning replaced by its target."""
        if name.startswith(self._beginnings):
            for alias, target in self._targets.items():
                if name.startswith(f"{alias}/"):
                    return target + name[len(alias) :]
        return name

    def of(self, path: str) -> list[str]:
        """Return every name that a database may have for a physical path."""
        names = [path]
        for alias, target in self._targets.items():
            if path.startswith(f"{target}/"):
                names.append(alias + path[len(target) :])
        return names


def decode(data: bytes) -> str:
    """Return bytes of a database as text whose names are decoded like paths, whatever the locale."""
    return os.fsdecode(data)


def encode(text: str) -> bytes:
    """Return text as the bytes of a database."""
    return os.fsencode(text)


def words(data: bytes) -> str:
    """Return text of a database for people: the same in any locale, and valid for any reader."""
    return data.decode("utf-8", "backslashreplace")


def normal(path: str) -> str:
    """Return a path in a database's form: absolute, without ``.``, ``..`` and doubled slashes."""
    return posixpath.normpath("/" + path.lstrip("/"))


ABOUT = re.compile(r"/usr/share/(doc|licen[cs]es)/.*|.*\.(dist|egg)-info(/.*)?", re.DOTALL)
"""Files that only describe a package: if nothing else of it is kept, the package does not count as kept."""


def substance(paths: Iterable[str]) -> bool:
    """Return whether some kept paths of a package are more than its descriptions."""
    return any(not ABOUT.fullmatch(path) for path in paths)


def owes_licence(paths: Iterable[str], kept: Mapping[str, Entry]) -> bool:
    """Return whether some kept paths of a package have contents that a licence covers."""
    return any(
        kept[path].size and kept[path].kind is Kind.FILE and not ABOUT.fullmatch(path) for path in paths
    )


class Completeness:
    """Determines whether packages are kept completely, reading few directories in few exchanges."""

    ROUNDS = (1, 8, 1 << 30)

    def __init__(self, view: View) -> None:
        self._view = view

    def complete(self, lacking: Mapping[int, Iterable[str]]) -> set[int]:
        """Return the packages (by number) whose files are all kept.

        ``lacking`` are the physical paths of each that are not kept. The package is complete if the original
        does not have them either, or has only directories there.
        """
        pending: dict[int, dict[str, list[str]]] = {}
        for number, paths in lacking.items():
            directories: dict[str, list[str]] = {}
            for path in paths:
                directories.setdefault(parent(path), []).append(path)
            pending[number] = directories
        complete = {number for number, directories in pending.items() if not directories}
        for most in self.ROUNDS:
            chosen = {
                number: sorted(directories)[:most] for number, directories in pending.items() if directories
            }
            self._view.prefetch({directory for needed in chosen.values() for directory in needed})
            for number, needed in chosen.items():
                paths = [path for directory in needed for path in pending[number].pop(directory)]
                if any(self._is_there(path) for path in paths):
                    del pending[number]
                elif not pending[number]:
                    complete.add(number)
        return complete

    def _is_there(self, path: str) -> bool:
        entry = self._view.lstat(path)
        return entry is not None and entry.kind is not Kind.DIRECTORY
