"""Small images for the tests of packages: a tree as text, databases put into it, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tests.trees import MemoryTree
from tracewhale.packages import Databases, GeneratedFile, Inventory
from tracewhale.rootfs.tree import ROOT, Entry, PackedEntry, View, parent

MODIFIED = 1_600_000_000 * 1_000_000_000


class CountingTree(MemoryTree):
    """A tree that counts the bytes that are read of it."""

    bytes_read = 0

    def read(self, wanted: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        answers = super().read(wanted)
        self.bytes_read += sum(len(answer or b"") for answer in answers)
        return answers

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        for path in paths:
            yield PackedEntry(ROOT, {}, iter(())) if path == "/" else next(super().pack([path]))


class Image:
    """A tree whose files have any contents, and the answers about some of its paths."""

    def __init__(self, text: str, files: Mapping[str, str | bytes] | None = None) -> None:
        contents = {path: c.encode() if isinstance(c, str) else c for path, c in (files or {}).items()}
        self.tree = CountingTree("\n".join([text.strip(), *(f"{path}: -" for path in contents)]))
        for path, content in contents.items():
            self.tree.contents[path] = content
            self.tree.entries[path] = replace(self.tree.entries[path], size=len(content))
        for path, entry in self.tree.entries.items():
            self.tree.entries[path] = replace(entry, mtime_ns=MODIFIED)
        self.view = View(self.tree)

    def kept(self, paths: Iterable[str]) -> dict[str, Entry]:
        """Entries of asked paths, with the links and directories on their way."""
        found: dict[str, Entry] = {"/": ROOT}
        for path in paths:
            resolution = self.view.resolve(path)
            assert resolution.entry is not None, path
            for each in (*resolution.steps, resolution.entry.path):
                while each != "/":
                    found[each] = self.tree.entries[each]
                    each = parent(each)
        return found

    def find(self, *paths: str, licences: bool = True) -> Answer:
        """Return what is told of kept paths, once all that goes with them is kept, too."""
        databases, asked = Databases(self.view), set(paths)
        while True:
            kept = self.kept(asked)
            inventory, documents, written = databases.find(kept, licences=licences)
            more = {document.path for document in documents} - asked
            if not more:
                return Answer(inventory, written, frozenset(kept) - frozenset(self.kept(paths)))
            asked |= more


class Answer:
    """An inventory as lines of text; files that are written by path; the paths that are kept beside."""

    def __init__(
        self, inventory: Inventory, written: tuple[GeneratedFile, ...], added: frozenset[str]
    ) -> None:
        self.inventory = inventory
        self.written = {each.path: each.content.decode("utf-8", "surrogateescape") for each in written}
        self.bytes = {each.path: each.content for each in written}
        self.times = {each.mtime_ns for each in written}
        self.added = sorted(added)

    @property
    def kept(self) -> list[str]:
        """``TITLE VERSION whole|part PATH...``"""
        return [
            " ".join([o.package.title, o.package.version, "whole" if o.complete else "part", *o.paths])
            for o in self.inventory.kept_packages
        ]

    @property
    def left_out(self) -> list[str]:
        return [package.title for package in self.inventory.left_out]
