"""The kept and removed files of a report as a tree with sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tracewhale.report.document import ReportDocument


@dataclass(slots=True)
class Node:
    """One path, and the sums of everything below it: kept and removed bytes, and numbers of files.

    ``kept`` is true if the new image has the path; ``rest`` if the node stands for removed files of its
    directory without nodes of their own.
    """

    name: str
    path: str
    kept: bool = False
    rest: bool = False
    size: int = 0
    removed: int = 0
    files: int = 0
    removed_files: int = 0
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def sorted(self) -> list[Node]:
        """The nodes below this one, the largest first."""
        return sorted(self.children.values(), key=lambda node: (-node.size - node.removed, node.name))


def forest(document: ReportDocument) -> Node:
    """Return the root directory with everything below it."""
    root = Node("/", "/")
    for file in document.files:
        node = _at(root, file.path)
        node.kept = True
        if file.kind == "file" or file.size:
            node.size, node.files = file.size, 1
    for place in document.places or ():
        node = _at(root, place.path)
        if place.directory:
            name = f"{place.files:,} removed {'file' if place.files == 1 else 'files'}"
            node = node.children.setdefault(f"/{name}", Node(name, place.path, rest=True))
        node.removed, node.removed_files = place.size, place.files
    _sum(root)
    return root


def _at(root: Node, path: str) -> Node:
    node = root
    for name in path.split("/"):
        if name:
            below = f"{node.path.rstrip('/')}/{name}"
            node = node.children.setdefault(name, Node(name, below))
    return node


def _sum(root: Node) -> None:
    for node in reversed(list(walk(root))):
        for child in node.children.values():
            node.size += child.size
            node.removed += child.removed
            node.files += child.files
            node.removed_files += child.removed_files


def walk(root: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it, each before those below itself."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending += node.children.values()
