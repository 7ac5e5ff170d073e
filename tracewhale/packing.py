"""From a plan to what an image is written from: the original's entries as they are, generated ones between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracewhale.plan import Plan
from tracewhale.tree import Packed, Tree


def packed(tree: Tree, plan: Plan, paths: Sequence[str]) -> Iterator[Packed]:
    """The entries of some kept paths with their contents, in the order given."""
    original = iter(tree.pack([path for path in paths if plan.kept[path].content is None]))
    for path in paths:
        kept = plan.kept[path]
        if kept.content is None:
            yield next(original)
        else:
            yield Packed(kept.entry, {}, iter((kept.content,) if kept.content else ()))
