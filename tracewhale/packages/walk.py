"""Packages that are directories: the kept files below them, and whether these are all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tracewhale.rootfs.tree import Entry, Kind, View, parent

LICENCE = re.compile(
    r"(.*[-_.])?(licen[cs]es?|copying|copyright|notice|authors|unlicen[cs]e|patents)([-_.].*)?", re.IGNORECASE
)
"""Names of files with licences, and with notices that must be passed on with them."""


def above(path: str) -> Iterable[str]:
    """Yield the directories above a physical path, from the nearest to the root."""
    while path != "/":
        path = parent(path)
        yield path


def licences(view: View, directory: str) -> list[str]:
    """Return licence files in a directory and in ``licenses/`` below it (PEP 639), as physical paths."""
    result: list[str] = []
    for entry in (view.listing(directory) or {}).values():
        name = entry.path.rpartition("/")[2]
        if entry.kind is Kind.DIRECTORY and name.lower() in ("licenses", "licences", "license_files"):
            result += [e.path for e in (view.listing(entry.path) or {}).values() if e.kind is Kind.FILE]
        elif entry.kind is not Kind.DIRECTORY and LICENCE.fullmatch(name) and not name.endswith(CODE):
            result.append(entry.path)
    return sorted(result)


CODE = (".py", ".pyc", ".js", ".mjs", ".cjs", ".ts", ".rb", ".so", ".map")


def complete_packages(
    view: View, kept: Mapping[str, Entry], packages: Mapping[str, Iterable[str]]
) -> set[str]:
    """Return the packages (by any key, each with its paths) of which every file is kept.

    A directory among the paths includes everything below it. Each exchange reads one level of the packages
    that may still be complete, so that the top level is enough for most.
    """
    pending = {key: list(paths) for key, paths in packages.items()}
    done: set[str] = set()
    while pending:
        view.prefetch({parent(path) for paths in pending.values() for path in paths})
        view.prefetch(
            {path for paths in pending.values() for path in paths if _is_directory(view.lstat(path))}
        )
        following: dict[str, list[str]] = {}
        for key, paths in pending.items():
            below: list[Entry] = []
            lacking = False
            for path in paths:
                entry = view.lstat(path)
                if _is_directory(entry):
                    below += (view.listing(path) or {}).values()
                elif entry is not None and path not in kept:
                    lacking = True
            if lacking or any(not _is_directory(e) and e.path not in kept for e in below):
                continue
            directories = [entry.path for entry in below if _is_directory(entry)]
            if directories:
                following[key] = directories
            else:
                done.add(key)
        pending = following
    return done


def _is_directory(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY
