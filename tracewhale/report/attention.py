"""Points to check before the image is used: possible needs of a later run, and superfluous files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracewhale.plan.model import Plan
from tracewhale.printable import printable
from tracewhale.report.model import Report, missing_libraries

MOST = 8
"""The most names of a list that are shown; the rest is only counted."""

NAMED = "named"
"""The mechanism of packages that the author installed by name (units.model.Mechanism)."""


def sentences(report: Report) -> Iterator[str]:
    """Yield a sentence or a clause on each point, the most important first."""
    plan = report.plan
    if plan is not None:
        yield from _missing(plan)
        yield from _author_packages(plan)
        yield from _later(plan)
        yield from _class_libraries(plan)
        yield from _shells(plan)
    if report.left_out:
        paths = [f"{path}: {reason}" for path, reason in report.left_out]
        yield f"Left out, because an image cannot have it: {abbreviate(paths)}."


def _missing(plan: Plan) -> Iterator[str]:
    for miss in missing_libraries(plan):
        text = f"The library {miss.library}, which {miss.needed_by} needs, is nowhere in the original."
        yield printable(text)


def _author_packages(plan: Plan) -> Iterator[str]:
    """Yield packages that the author installed by name and of which nothing is kept, with their
    dependencies."""
    totals = [total for total in plan.units.totals if total.mechanism.value == NAMED]
    # One that is used has no total itself; only dependencies that it was not seen to use have.
    unused = {total.name: 0 for total in totals if total.left_out and not total.kept}
    for total in totals:
        name = total.name.partition(" (")[0]
        if name in unused:
            unused[name] += total.left_out
    names = _by_size({name: size for name, size in unused.items() if size})
    if names:
        yield (
            f"Nothing was kept of what the author of the image installed by name: {abbreviate(names)}; "
            "--keep installed keeps it."
        )


def _later(plan: Plan) -> Iterator[str]:
    """Yield the units of used things for which there was no room."""
    sizes: dict[str, int] = {}
    for total in plan.units.left_out:
        if total.mechanism.value != NAMED:
            sizes[total.name] = sizes.get(total.name, 0) + total.left_out
    if sizes:
        total_size = sum(sizes.values())
        yield (
            f"A later run may need more of {abbreviate(_by_size(sizes))}, for which there was no room: "
            f"--spare {max(1, round((total_size + plan.units.limit) / 1e6))}MB makes room, or --include."
        )


def _class_libraries(plan: Plan) -> Iterator[str]:
    """Yield the parts that class libraries lack: a program may request one by a computed name."""
    for library in plan.shrunk:
        sizes = {module.title: module.size for module in library.left_out}
        if sizes:
            yield (
                f"No kept file names a class of these modules of {printable(library.path)}, "
                f"which are left out: {abbreviate(_by_size(sizes))}; --no-shrink java keeps them."
            )
        count, size = library.unreached
        if count:
            yield (
                f"Nothing that is kept names {count} classes ({size / 1e6:.1f} MB) of the other modules of "
                f"{printable(library.path)}, which are left out; --shrink java=modules keeps them."
            )


def _shells(plan: Plan) -> Iterator[str]:
    kinds = (
        ("setuid files", plan.surface.setuid),
        ("shells", plan.surface.shells),
        ("package managers", plan.surface.package_managers),
        ("compilers", plan.surface.compilers),
    )
    left = [f"{name} ({abbreviate(change.left)})" for name, change in kinds if change.left]
    if left:
        yield f"Still in the image: {', '.join(left)}."


def _by_size(sizes: dict[str, int]) -> list[str]:
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return [f"{name} {size / 1e6:.1f} MB" for name, size in ordered]


def abbreviate(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many more there are."""
    rest = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(printable(name) for name in names[:MOST]) + rest
