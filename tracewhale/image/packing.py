"""Turn a plan into the input of an image: paths in layers, the original's entries, generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracewhale.packages import Package
from tracewhale.plan.model import Plan
from tracewhale.plan.reasons import Why
from tracewhale.rootfs.tree import Kind, PackedEntry, Tree, parent

LANGUAGES = frozenset({"pypi", "npm", "gem", "maven"})
"""Kinds of packages that may be part of a distribution's package."""

NEEDED = frozenset({Why.NEEDED.value, Why.INTERPRETER.value})


def pack(tree: Tree, plan: Plan, paths: Sequence[str]) -> Iterator[PackedEntry]:
    """Yield the entries of some kept paths with their contents, in the order given."""
    original = iter(tree.pack([path for path in paths if plan.kept[path].content is None]))
    for path in paths:
        kept = plan.kept[path]
        if kept.content is None:
            item = next(original)
            # Of several equal licences the plan makes one file of several names.
            names = (kept.entry.inode, kept.entry.nlink), (item.entry.inode, item.entry.nlink)
            shared = kept.entry.kind is Kind.FILE and names[0] != names[1]
            yield replace(item, entry=kept.entry) if shared else item
        else:
            yield PackedEntry(kept.entry, {}, iter((kept.content,) if kept.content else ()))


def layers(plan: Plan, most: int) -> list[tuple[str, ...]]:
    """Return the kept paths in at most so many layers, the lowest first, each with its directories.

    The largest packages have a layer of their own, the other packages share one, and files without a package
    are in the last: images made from one base share the lower layers. Packages that most programs need are
    lowest.
    """
    owners = _owners(plan)
    sizes: dict[Package, int] = {}
    for path, package in owners.items():
        sizes[package] = sizes.get(package, 0) + plan.kept[path].entry.size
    if most < 2 or not sizes:
        return [plan.paths]
    own = sorted(sizes, key=lambda package: (-sizes[package], package))[: most - 2]
    needed = _needer_counts(plan, owners)
    own.sort(key=lambda package: (-needed[package], package))
    groups: list[set[str]] = [set() for _ in range(len(own) + 2)]
    place = {package: number for number, package in enumerate(own)}
    first: dict[tuple[int, int], int] = {}
    for path in plan.paths:
        entry = plan.kept[path].entry
        number = len(groups) - 1
        if path in owners:
            number = place.get(owners[path], number - 1)
        if entry.nlink > 1 and entry.kind is not Kind.DIRECTORY:
            number = first.setdefault((entry.device, entry.inode), number)
        groups[number].add(path)
    return [_with_parents(plan, group) for group in groups if group]


def _owners(plan: Plan) -> dict[str, Package]:
    """Return one package for each path that has one: if there are two, the distribution's, which contains the
    other."""
    return {
        path: min(packages, key=lambda package: (package.kind in LANGUAGES, package))
        for path, packages in plan.packages.owners.items()
        if path in plan.kept
    }


def _needer_counts(plan: Plan, owners: dict[str, Package]) -> dict[Package, int]:
    """Return the number of kept objects that need a file of each package."""
    needers: dict[Package, set[str]] = {}
    for path, package in owners.items():
        needed = (reason for reason in plan.kept[path].reasons if reason.why in NEEDED)
        needers.setdefault(package, set()).update(reason.by for reason in needed)
    return {package: len(needer_paths) for package, needer_paths in needers.items()}


def _with_parents(plan: Plan, paths: set[str]) -> tuple[str, ...]:
    result = set(paths)
    for path in paths:
        while path != "/":
            path = parent(path)
            if path in result:
                break
            result.add(path)
    return tuple(path for path in plan.paths if path in result)
