"""Python's compiled files beside kept sources (PEP 3147)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from tracewhale.rootfs.tree import Entry, View

CACHED = re.compile(r"(?P<directory>.*)/__pycache__/(?P<module>[^/.]+)\.(?P<tag>[^/.]+)\.pyc")


def missing_bytecode(view: View, kept: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Return the image's compiled files of kept sources, each with its source.

    They are those of an interpreter with compiled files among all ``known`` paths: without them, each
    container compiles the sources again at their first import.
    """
    interpreters = tags(known)
    for source in sorted(path for path in kept if path.endswith(".py")):
        for entry in compiled(view, source, interpreters):
            if entry.path not in known:
                yield entry.path, source


def tags(kept: Iterable[str]) -> tuple[str, ...]:
    """Return the tags of interpreters (``cpython-311``) in the names of compiled files."""
    return tuple(sorted({match["tag"] for path in kept if (match := CACHED.fullmatch(path))}))


def compiled(view: View, source: str, interpreters: Iterable[str]) -> Iterator[Entry]:
    """Return the image's compiled files of one source for some interpreters."""
    directory, _, name = source.rpartition("/")
    for tag in interpreters:
        entry = view.lstat(f"{directory}/__pycache__/{name[:-3]}.{tag}.pyc")
        if entry is not None:
            yield entry
