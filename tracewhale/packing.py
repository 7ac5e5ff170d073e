"""From a plan to what an image is written from: the original's entries as they are, and generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracewhale.plan import Plan
from tracewhale.tree import Packed, Tree


def packed(tree: Tree, plan: Plan, paths: Sequence[str]) -> Iterator[Packed]:
    """The entries of some kept paths with their contents, in the order given."""
    original = iter(tree.pack([path for path in paths if plan.kept[path].content is None]))
    for path in paths:
        kept = plan.kept[path]
        if kept.content is None:
            item = next(original)
            # Of several equal licences the plan makes one file of several names.
            shared = (kept.entry.inode, kept.entry.nlink) != (item.entry.inode, item.entry.nlink)
            yield replace(item, entry=kept.entry) if shared else item
        else:
            yield Packed(kept.entry, {}, iter((kept.content,) if kept.content else ()))
