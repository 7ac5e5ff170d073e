"""Parse texts with tree-sitter's grammars, within limits; a grammar is loaded when it is first used."""

from __future__ import annotations

import importlib
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import tree_sitter

from tracewhale.languages.excerpt import Excerpt
from tracewhale.languages.model import Unparsed

PARSING = 4.0
"""Seconds for one text, enough for megabytes of real code. Only hostile texts take longer."""

CHUNK = 65536
DEPTH = 1000
"""The deepest nesting of nodes that is examined; no real text is as deep."""


MOST_PIECES = 20_000
"""The most pieces of a text that makes no sense; the time to search them grows with their square."""


class Grammar:
    """A tree-sitter grammar with the query that finds the interesting nodes in its trees."""

    def __init__(self, module: str, query: str = "", function: str = "language") -> None:
        self._module = module
        self._query_text = query
        self._function = function

    @cached_property
    def _language(self) -> tree_sitter.Language:
        return tree_sitter.Language(getattr(importlib.import_module(self._module), self._function)())

    @cached_property
    def _query(self) -> tree_sitter.Query:
        return tree_sitter.Query(self._language, self._query_text)

    def parse(self, content: bytes, excerpt: Excerpt | None = None) -> Text:
        """Return a text with its tree, or with that of an excerpt if this has no syntax error.

        Raise Unparsed if that takes too long.
        """
        end = time.thread_time() + PARSING  # processor time, so that a busy machine makes no difference
        full_text = Excerpt(content)
        tree = self._tree((excerpt or full_text).content, end)
        if excerpt is not None and tree.root_node.has_error:
            excerpt, tree = None, self._tree(content, end)
        return Text(content, excerpt or full_text, tree, lambda: self._captures(tree), end)

    def _tree(self, content: bytes, end: float) -> tree_sitter.Tree:
        def late(*_: object) -> bool:
            return time.thread_time() > end

        parser = tree_sitter.Parser(self._language)
        try:
            return parser.parse(lambda at, _: content[at : at + CHUNK], progress_callback=late)
        except ValueError as error:
            raise Unparsed("it takes too long to parse") from error

    def _captures(self, tree: tree_sitter.Tree) -> dict[str, list[tree_sitter.Node]]:
        root = tree.root_node
        if root.is_error and root.child_count > MOST_PIECES:
            raise Unparsed("it takes too long to search")
        return tree_sitter.QueryCursor(self._query, match_limit=1 << 16).captures(root)


class Text:
    """A parsed text: the tree of its excerpt, and the nodes of the grammar's query by the name of their
    capture.

    Offsets are those in the text; nodes have those in the excerpt.
    """

    def __init__(
        self,
        content: bytes,
        excerpt: Excerpt,
        tree: tree_sitter.Tree,
        capture: Callable[[], dict[str, list[tree_sitter.Node]]],
        end: float,
    ) -> None:
        self.content = content
        self._excerpt = excerpt
        self.root = tree.root_node
        self._cursor = tree.walk()
        self._capture = capture
        self._end = end
        self._known = (0, 1)

    @cached_property
    def _captures(self) -> dict[str, list[tree_sitter.Node]]:
        return self._capture()

    def nodes(self, capture: str) -> list[tree_sitter.Node]:
        """Return the nodes of a capture, in the order of the text."""
        return sorted(self._captures.get(capture, []), key=lambda node: (node.start_byte, node.end_byte))

    def above(self, offset: int) -> list[tree_sitter.Node]:
        """Return the nodes that contain a byte, from the outermost below the root to the innermost.

        Raise Unparsed if the text has taken too long.
        """
        if time.thread_time() > self._end:
            raise Unparsed("it takes too long to parse")
        offset = self.place(offset)
        cursor = self._cursor
        cursor.reset(self.root)
        ancestors: list[tree_sitter.Node] = []
        while len(ancestors) < DEPTH and cursor.goto_first_child_for_byte(offset) is not None:
            node = cursor.node
            if node is None or node.start_byte > offset:
                break
            ancestors.append(node)
        return ancestors

    def place(self, offset: int) -> int:
        """Return the offset in the excerpt of a byte of the text."""
        return self._excerpt.place(offset)

    def offset(self, node: tree_sitter.Node) -> int:
        """Return the offset in the text of a node's first byte."""
        return self._excerpt.offset(node.start_byte)

    def bytes(self, node: tree_sitter.Node) -> bytes:
        return self._excerpt.content[node.start_byte : node.end_byte]

    def text(self, node: tree_sitter.Node) -> str:
        return self.bytes(node).decode("utf-8", "surrogateescape")

    def type_at(self, start: int, end: int) -> str:
        """Return the type of the smallest node that contains a range of bytes."""
        begin = self.place(start)
        node = self.root.descendant_for_byte_range(begin, begin + end - start)
        return node.type if node else ""

    def line(self, offset: int) -> int:
        """Return the number, from 1, of the line of a byte; quick if offsets come in order."""
        at, line = self._known if self._known[0] <= offset else (0, 1)
        self._known = (offset, line + self.content.count(b"\n", at, offset))
        return self._known[1]


class Ranges:
    """Ranges of bytes, which may be nested."""

    def __init__(self, nodes: Iterable[tree_sitter.Node]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted((node.start_byte, node.end_byte) for node in nodes):
            if self._ends and end <= self._ends[-1]:
                continue
            self._starts.append(start)
            self._ends.append(end)

    def __contains__(self, offset: int) -> bool:
        at = bisect_right(self._starts, offset) - 1
        return at >= 0 and offset < self._ends[at]


def children(node: tree_sitter.Node, field: str) -> Iterator[tree_sitter.Node]:
    """Yield the children in a field of a node."""
    yield from node.children_by_field_name(field)
