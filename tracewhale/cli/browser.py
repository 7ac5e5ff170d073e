"""The terminal application of `tracewhale explore`: a tree of the kept and removed files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Header, Input, Static, Tree
from textual.widgets.tree import TreeNode

from tracewhale.cli.marks import Marks
from tracewhale.errors import TraceWhaleError
from tracewhale.plan.reasons import Why
from tracewhale.printable import printable
from tracewhale.report.document import ReportDocument
from tracewhale.report.forest import Node, forest, walk
from tracewhale.report.sizes import human
from tracewhale.why import ask

WIDTH = 10
"""The columns of the bar before a name."""


class Explorer(App[None]):
    """A tree by size; ``reasons`` beside it are those of the path under the cursor."""

    TITLE = "tracewhale explore"
    CSS = """
    Tree { width: 3fr; }
    #beside { width: 2fr; border-left: solid $primary; padding: 0 1; }
    #search { dock: bottom; display: none; }
    #search.shown { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", key_display="/"),
        Binding("n", "next", "next"),
        Binding("r", "reasons", "reasons"),
        Binding("space", "mark", "mark", priority=True),
        Binding("q", "quit", "quit"),
        Binding("escape", "close", "close", show=False),
    ]

    def __init__(self, document: ReportDocument, marks: str) -> None:
        super().__init__()
        self.document = document
        self.marks = Marks(marks)
        self.root = forest(document)
        self._hits: list[Node] = []
        self._hit = 0

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Header()
        with Horizontal():
            yield Tree(self._label(self.root, self.root), self.root, id="tree")
            with VerticalScroll(id="beside"):
                yield Static(id="reasons", markup=False)
        yield Input(placeholder="part of a path", id="search")
        yield Footer()

    def on_mount(self) -> None:
        """Show the root's own entries."""
        removed = f", {human(self.root.removed)} removed" if self.document.places is not None else ""
        self.sub_title = f"{printable(self.document.name)}: {human(self.root.size)} kept{removed}"
        self.tree_widget.root.expand()
        self.tree_widget.focus()

    @property
    def tree_widget(self) -> Tree[Node]:
        """The tree."""
        return self.query_one("#tree", Tree)

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Node]) -> None:
        """Add the contents of a directory when it is first opened."""
        self._fill(event.node)

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Node]) -> None:
        """Show the reasons of the path under the cursor."""
        if event.node.data is not None:
            text = "\n".join(self._reasons(event.node.data))
            self.query_one("#reasons", Static).update(Text(text))

    def action_search(self) -> None:
        """Ask for a part of a path to search."""
        search = self.query_one("#search", Input)
        search.add_class("shown")
        search.focus()

    def action_close(self) -> None:
        """Return from the search to the tree."""
        self.query_one("#search", Input).remove_class("shown")
        self.tree_widget.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the first path that contains the text."""
        words = event.value.lower().split()
        self._hits = [n for n in walk(self.root) if words and all(w in n.path.lower() for w in words)]
        self._hits.sort(key=lambda node: (-node.size - node.removed, node.path))
        self._hit = -1
        self.action_close()
        if self._hits:
            self.action_next()
        else:
            self.notify("No path has that.")

    def action_next(self) -> None:
        """Go to the next path of the search."""
        if self._hits:
            self._hit = (self._hit + 1) % len(self._hits)
            self._show(self._hits[self._hit])
            self.notify(f"{self._hit + 1} of {len(self._hits)}", timeout=1)

    def action_reasons(self) -> None:
        """Show or hide the reasons."""
        beside = self.query_one("#beside")
        beside.display = not beside.display

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the search take spaces and letters that are keys elsewhere."""
        return not (
            isinstance(self.focused, Input) and action in ("mark", "next", "reasons", "search", "quit")
        )

    def action_mark(self) -> None:
        """Mark the path under the cursor to be excluded or included, and write the files."""
        line = self.tree_widget.cursor_node
        if line is None or line.data is None or line.data.path == "/":
            return
        node = line.data
        try:
            self.marks.toggle(node.path, kept=node.kept)
        except TraceWhaleError as error:
            self.notify(f"{error.what} {error.hint}", severity="error")
            return
        line.set_label(self._label(node, node))
        place = self.marks.exclude_file if node.kept else self.marks.include_file
        self.notify(f"{printable(node.path)}: see {place}", timeout=2, markup=False)

    def _fill(self, line: TreeNode[Node]) -> None:
        if line.data is None or line.children:
            return
        for node in line.data.sorted:
            label = self._label(node, line.data)
            if node.children:
                line.add(label, node)
            else:
                line.add_leaf(label, node)

    def _show(self, node: Node) -> None:
        line = self.tree_widget.root
        while line.data is not node:
            self._fill(line)
            line.expand()
            below = [
                child for child in line.children if child.data is not None and _leads_to(child.data, node)
            ]
            if not below:
                return
            line = below[0]
        self.tree_widget.move_cursor(line)
        self.call_after_refresh(self.tree_widget.move_cursor, line)

    def _label(self, node: Node, above: Node) -> Text:
        """Return a line: the size, a bar of its share of the directory, and the name, dimmed if it is
        removed."""
        largest = max((sibling.size + sibling.removed for sibling in above.children.values()), default=0) or 1
        size = node.size + node.removed
        bar = "█" * round(WIDTH * size / largest) if node is not above else ""
        mark = "-" if node.path in self.marks.excluded else "+" if node.path in self.marks.included else " "
        is_removed = node.removed and not node.size and not node.kept
        text = Text(
            f"{mark}{human(size):>9} {bar:<{WIDTH}} {printable(node.name)}", style="dim" if is_removed else ""
        )
        if node.removed and node.size:
            text.append(f"  {human(node.removed)} removed", "dim")
        return text

    def _reasons(self, node: Node) -> Iterator[str]:
        yield printable(node.path) + (f": {node.name}" if node.rest else "")
        yield f"{human(node.size)} kept in {node.files:,} files"
        if self.document.places is not None:
            yield f"{human(node.removed)} removed in {node.removed_files:,} files"
        yield ""
        if not node.kept:
            yield "It is not kept. Space marks it to be included."
            return
        (answer,) = ask(self.document.ledger, [node.path])
        yield "Why it is kept, step by step to the command:"
        for number, line in enumerate(answer.chain):
            yield f"{number + 1}. {printable(line.path)}: {printable(line.text)}"
        others = [r for r in self.document.ledger.reasons.get(node.path, ()) if r.why != Why.PARENT.value]
        if len(others) > 1:
            yield ""
            yield f"{len(others)} reasons in all."
        if answer.packages:
            yield ""
            yield "Packages: " + ", ".join(map(printable, answer.packages[:5]))


def _leads_to(above: Node, node: Node) -> bool:
    return (
        above is node
        or (not above.rest and node.path.startswith(f"{above.path.rstrip('/')}/"))
        or (node.rest and above.path == node.path and not above.rest)
    )
