"""A report's paths, reasons and packages as compact JSON: a tree of names, and tables of shared texts.

A node is a path. Nodes are in depth-first order, so their depths define the tree. A reference is the number
of a node or, for a text, -1 minus its number in the table of texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tracewhale.plan.reasons import Reason, Why, explain
from tracewhale.printable import printable
from tracewhale.report.document import ReportDocument, ReportedPackage
from tracewhale.why import Ledger, chain

REASONS = 20
"""The most reasons of a path that are listed, the first being that of the chain; the rest is only counted."""

CATEGORIES = {
    "trace": (Why.ACCESS, Why.CREATES, Why.LISTED),
    "loader": (Why.NEEDED, Why.INTERPRETER),
    "language": (Why.IMPORTED,),
    "unit": (Why.UNIT,),
    "rule": (Why.RULE,),
    "other": (),
}
"""The colours of the map, by the kind of a path's best reason."""

KINDS = {"file": "f", "directory": "d", "symlink": "l", "": "u"}


@dataclass
class _Tables:
    """A table of texts, each written once and referred to by number."""

    nodes: dict[str, int]
    texts: dict[str, int] = field(default_factory=dict)
    reasons: dict[tuple[int, int, int], int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)

    def reference(self, text: str) -> int:
        if text in self.nodes:
            return self.nodes[text]
        return -1 - self.texts.setdefault(text, len(self.texts))

    def reason(self, reason: Reason) -> int:
        kind = self.kinds.setdefault(reason.why, len(self.kinds))
        key = (kind, self.reference(reason.by), self.reference(reason.detail))
        return self.reasons.setdefault(key, len(self.reasons))


def encode(document: ReportDocument) -> dict[str, Any]:
    """Return the data of the page's script, in plain JSON values."""
    ledger = document.ledger
    files = {file.path: file for file in document.files}
    places = document.places or ()
    order = _order([*files, *(place.path for place in places)])
    tables = _Tables({path: number for number, path in enumerate(order)})
    packages = {package.id: number for number, package in enumerate(document.packages)}
    why, following, owners = [], [], []
    for path in order:
        reasons = _reasons(ledger, path)
        rest = len(reasons) - REASONS
        why.append([tables.reason(item) for item in reasons[:REASONS]] + ([-rest] if rest > 0 else []))
        steps = chain(ledger, path)[1:2]
        following.append(tables.nodes.get(steps[0].path, -1) if steps else -1)
        owners.append([packages[name] for name in ledger.packages.get(path, ()) if name in packages])
    return {
        "names": "/".join(printable(path.rpartition("/")[2]) for path in order),
        "depths": [0 if path == "/" else path.count("/") for path in order],
        "sizes": [files[path].size if path in files else 0 for path in order],
        "modes": _runs([files[path].mode if path in files else 0 for path in order]),
        "owners": _runs([files[path].owner if path in files else "" for path in order]),
        "kinds": "".join(KINDS.get(files[path].kind, "o") if path in files else "x" for path in order),
        "removed": [[tables.nodes[p.path], p.files, p.size, int(p.directory)] for p in places],
        "why": why,
        "next": following,
        "packages": [_package(package) for package in document.packages],
        "owned": [item[0] if len(item) == 1 else item or -1 for item in owners],
        "reasons": [list(key) for key in tables.reasons],
        "texts": [printable(text) for text in tables.texts],
        "clauses": [_clauses(kind) for kind in tables.kinds],
        "known": document.places is not None,
    }


def _reasons(ledger: Ledger, path: str) -> list[Reason]:
    """Return the reasons of a path, that of its chain first; none if it is not kept."""
    reasons = list(ledger.reasons.get(path, ()))
    if path in ledger.steps:
        best = ledger.steps[path][0]
        reasons.remove(best)
        reasons.insert(0, best)
    return reasons


def _order(paths: Iterable[str]) -> list[str]:
    """Return every path with the directories above it, depth first: a path precedes everything below it."""
    every = {"/"}
    for path in paths:
        while path.startswith("/") and path not in every:
            every.add(path)
            path = path.rpartition("/")[0] or "/"
    return sorted(every, key=lambda path: path.split("/") if path != "/" else [""])


def _package(package: ReportedPackage) -> list[Any]:
    words = [printable(text) for text in (package.kind, package.name, package.version)]
    return [*words, package.size, package.removed]


def _runs(values: list[Any]) -> list[Any]:
    """Return runs of equal values as one value and their number."""
    runs: list[Any] = []
    for value in values:
        if runs and runs[-2] == value:
            runs[-1] += 1
        else:
            runs += [value, 1]
    return runs


def _clauses(kind: str) -> list[str]:
    """Return a kind of reason: its category, and its clause with and without a detail."""
    category = next((name for name, kinds in CATEGORIES.items() if kind in [k.value for k in kinds]), "other")
    try:
        return [category, explain(Reason(kind, "{by}", "{detail}")), explain(Reason(kind, "{by}"))]
    except ValueError:  # a kind of reason that a newer version knows
        return [category, f"{printable(kind)} {{by}} {{detail}}", f"{printable(kind)} {{by}}"]
