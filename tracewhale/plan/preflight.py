"""Check whether a plan keeps enough to start a command."""

from __future__ import annotations

import posixpath

from tracewhale.plan.model import Plan
from tracewhale.rootfs.tree import Kind, View


def is_startable(view: View, plan: Plan, directory: str, path: str, words: tuple[str, ...]) -> bool:
    """Return whether the plan has a command's program, and the files that its arguments name."""
    if not words:
        return False
    program, *rest = words
    places = [""] if "/" in program else path.split(":")
    if not any(_keeps(view, plan, posixpath.join(directory, place, program)) for place in places):
        return False
    # A word that is no path of the original names no file.
    operands = [posixpath.join(directory, word) for word in rest if not word.startswith("-")]
    files = [path for path in operands if (entry := view.resolve(path).entry) and entry.kind is Kind.FILE]
    return all(_keeps(view, plan, path) for path in files)


def _keeps(view: View, plan: Plan, path: str) -> bool:
    lookup = view.resolve(path)
    entry = lookup.entry
    return entry is not None and entry.kind is Kind.FILE and plan.kept.keys() >= {*lookup.steps, entry.path}
