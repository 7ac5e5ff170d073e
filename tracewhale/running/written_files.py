"""The files that a run wrote: made or changed in its own layer and in writable mounts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping

from tracewhale.errors import TargetNotFound
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import Entry, Kind, Tree, join, parent
from tracewhale.running.snapshot import BYTES_LIMIT, FILES_LIMIT, too_large
from tracewhale.tracing.events import Outcome, WrittenFile
from tracewhale.tracing.normal_form import normalized

TEXT_LIMIT = 1 << 20
"""Bytes of a file that is examined as text."""

WHITEOUT = (0, 0)
"""The device number of a name that an overlay hides (overlayfs.rst, "whiteouts and opaque directories")."""

Listing = Callable[[str], dict[str, Entry]]
"""The entries of a directory by name."""


class TooMuch(Exception):
    """The files exceed the limits."""


class Writings:
    """Files that a run wrote, read from directories of this machine once it is over."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._files: list[WrittenFile] = []
        self._left = BYTES_LIMIT

    def add_layer(self, directory: str, image: Tree, outside: Collection[str]) -> None:
        """Add an overlay's upper directory, without files that equal the image's and without paths of
        ``outside``.

        ``outside`` are paths on which something is mounted. Raise TooMuch, TargetNotFound.
        """
        hidden = {*outside, "/.dockerenv"}
        above = {ancestor for path in outside for ancestor in _parents(path)}
        originals = _lister(image)

        def is_new(entry: Entry) -> bool:
            if entry.path in above or (entry.kind is Kind.CHARACTER and entry.rdev == WHITEOUT):
                return False
            original = originals(parent(entry.path)).get(entry.path.rpartition("/")[2])
            return original is None or not _alike(entry, original)

        with DirectoryTree(directory, hidden=hidden) as tree:
            for entry in self._walk(tree, hidden):
                if is_new(entry):
                    self._add(tree, entry, "/")

    def add_mounts(self, sources: Mapping[str, str]) -> None:
        """Add all files in directories, given by the paths on which they were mounted.

        Skip directories that are too large to copy for another run, and sources that are no directories.
        Raise TooMuch, TargetNotFound.
        """
        for destination, source in sources.items():
            if os.path.isdir(source) and not too_large(source):
                with DirectoryTree(source) as tree:
                    for entry in self._walk(tree):
                        self._add(tree, entry, destination)

    def _walk(self, tree: Tree, hidden: Collection[str] = ()) -> Iterator[Entry]:
        pending, count = ["/"], 0
        while pending:
            directory = pending.pop()
            for entry in (tree.scan([directory])[directory] or {}).values():
                count += 1
                if count > FILES_LIMIT:
                    raise TooMuch
                if entry.path in hidden:
                    continue
                if entry.kind is Kind.DIRECTORY:
                    pending.append(entry.path)
                yield entry

    def _add(self, tree: Tree, entry: Entry, destination: str) -> None:
        path, kind = join(destination.rstrip("/") or "/", entry.path[1:]), entry.kind.value
        if entry.kind is Kind.SYMLINK:
            self._files.append(WrittenFile(path, kind, 0, _digest(entry.target)))
        elif entry.kind is Kind.FILE:
            self._left -= entry.size
            if self._left < 0:
                raise TooMuch
            self._files.append(WrittenFile(path, kind, entry.size, *self._contents(tree, entry)))
        else:
            self._files.append(WrittenFile(path, kind))

    def _contents(self, tree: Tree, entry: Entry) -> tuple[str, str]:
        """Return the digests of a file's contents and of its normal form; empty if it is unreadable."""
        digest, kept = hashlib.sha256(), bytearray()
        try:
            for packed in tree.pack([entry.path]):
                for chunk in packed.chunks:
                    digest.update(chunk)
                    kept += chunk[: TEXT_LIMIT + 1 - len(kept)]
        except TargetNotFound:
            return "", ""
        if len(kept) > TEXT_LIMIT or b"\0" in kept:
            return digest.hexdigest(), ""
        try:
            text = kept.decode()
        except UnicodeDecodeError:
            return digest.hexdigest(), ""
        return digest.hexdigest(), _digest(normalized(text, self._outcome))

    @property
    def files(self) -> tuple[WrittenFile, ...]:
        """The files so far, sorted by path."""
        return tuple(sorted(self._files))


def _lister(image: Tree) -> Listing:
    known: dict[str, dict[str, Entry]] = {}

    def listing(directory: str) -> dict[str, Entry]:
        if directory not in known:
            known[directory] = image.scan([directory])[directory] or {}
        return known[directory]

    return listing


def _alike(entry: Entry, original: Entry) -> bool:
    """Return whether a name that was copied into the upper directory still has the image's contents."""
    if entry.kind is not original.kind:
        return False
    if entry.kind is Kind.FILE:
        return (entry.size, entry.mtime_ns) == (original.size, original.mtime_ns)
    return entry.target == original.target


def _parents(path: str) -> Iterator[str]:
    while path not in ("/", ""):
        path = parent(path)
        yield path


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
