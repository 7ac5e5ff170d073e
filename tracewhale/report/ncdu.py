"""The files of a report for ncdu's option -f: JSON export format 1.2 (https://dev.yorhel.nl/ncdu/jsonfmt)."""

from __future__ import annotations

import json
from typing import Any

from tracewhale.report.document import ReportDocument
from tracewhale.report.forest import Node, forest, walk


def dumps(document: ReportDocument) -> str:
    """Return the kept files as an export of ncdu; removed ones have no size and are marked as excluded."""
    root = forest(document)
    lists: dict[int, list[Any]] = {}
    for node in reversed(list(walk(root))):  # from the leaves: a path may be deeper than Python recurses
        lists[id(node)] = [_info(node), *(_item(child, lists) for child in node.sorted if not child.rest)]
    program = {"progname": "tracewhale", "progver": document.tool or "0"}
    return json.dumps([1, 2, program, lists[id(root)]]) + "\n"


def _item(node: Node, lists: dict[int, list[Any]]) -> Any:
    return lists[id(node)] if node.children else lists[id(node)][0]


def _info(node: Node) -> dict[str, Any]:
    # ncdu reads bytes that are not UTF-8 as they are; JSON text has no place for them, so they are replaced.
    info: dict[str, Any] = {"name": node.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")}
    if not node.children and node.files:
        info |= {"asize": node.size, "dsize": node.size}
    if not node.children and not node.kept:
        info |= {"excluded": "pattern"}
    return info
