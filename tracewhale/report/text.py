"""A report as text for people: one fact per line, with details on request."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator

from tracewhale.driving.saturation import Curve
from tracewhale.plan.model import Plan
from tracewhale.plan.reasons import explain
from tracewhale.printable import printable
from tracewhale.report.attention import MOST, abbreviate, sentences
from tracewhale.report.model import Report, absent_paths, libraries
from tracewhale.rootfs.tree import Kind
from tracewhale.tracing.events import Outcome, Trace
from tracewhale.verification import Verification, exercised, verdict


def render(report: Report) -> str:
    """Return the report as text: first the result, then the points to check."""
    return "".join(f"{line}\n" for line in _lines(report))


def render_verbose(report: Report) -> str:
    """Return the report as text, with figures on how it was made."""
    return "".join(f"{line}\n" for line in (*_lines(report), *_details(report)))


def render_name(report: Report) -> str:
    """Return the name of the new image alone."""
    return f"{printable(report.built.name)}\n" if report.built is not None else ""


def render_plan(plan: Plan) -> str:
    """Return every kept path with its size and all its reasons, then the excluded and the possible ones."""
    return "".join(f"{line}\n" for line in _plan_lines(plan))


def megabytes(size: int) -> str:
    """Return a size in decimal megabytes in Docker's form."""
    return f"{size / 1e6:.1f} MB"


def _lines(report: Report) -> Iterator[str]:
    built, trace, verification = report.built, report.trace, report.verification
    if built is not None:
        sizes = megabytes(built.size)
        if built.original_size:  # a directory's is not known
            share = 100 * built.size / built.original_size
            sizes = f"{megabytes(built.original_size)} -> {sizes}, {share:.0f} %"
        yield f"image        {printable(built.name)}  ({sizes})"
    if verification is not None and trace is not None:
        yield from _fact("verified", verdict(trace, verification))
        yield from _added(verification)
    elif built is not None:
        yield "verified     no, it was not run"
    if trace is not None and trace.outcome is not None:
        times = f", {verification.runs + 1} times in all" if verification is not None else ""
        yield from _fact("exercised", f"{exercised(trace)}{times}; {_ended(trace.outcome)}")
        yield from _saturation(trace)
    if built is not None and built.start:
        yield f"start        {printable(shlex.join(built.start))}"
    if report.plan is not None:
        yield from _surface(report.plan)
        yield from _levels(report.plan)
    for note in report.notes:
        yield from _fact("note", printable(note))
    yield from _attention(report)


def _fact(name: str, text: str, indent: int = 0) -> Iterator[str]:
    """Return a fact on lines of at most 80 columns; quoted lines stay unchanged."""
    first, *quoted = text.splitlines()
    wrapped = textwrap.wrap(
        first,
        80 - 13,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    for number, line in enumerate((*wrapped, *quoted)):
        yield f"{name if not number else '':<13}{line}"


def _saturation(trace: Trace) -> Iterator[str]:
    """Return the curve of new accesses over the steps, if they are enough to draw one."""
    curve = Curve(tuple(count for step in trace.steps for count in step.growth))
    if len(curve.counts) > 2:
        yield from _fact("saturation", f"{curve.bars()} {curve.sentence()}")


def _attention(report: Report) -> Iterator[str]:
    """Return the points to check before the image is used."""
    for number, sentence in enumerate(sentences(report)):
        yield from _fact("" if number else "look at", f"- {sentence}", indent=2)


def _details(report: Report) -> Iterator[str]:
    """Return figures on how the image was made."""
    if report.plan is not None:
        yield from _contents(report.plan)
    if report.trace is not None:
        counters = report.trace.counters
        yield (
            f"trace        {counters.received} calls, {len(report.trace.events)} distinct accesses, "
            f"{counters.unresolved} unresolved, {counters.lost} lost ({report.trace.probe})"
        )
    if report.verification is not None:
        comparison = report.verification.comparison
        yield f"output       {comparison.output.value}"
        yield from _names("  missing", [absent.path for absent in comparison.missing])
    if report.seconds:
        yield "time         " + ", ".join(f"{stage} {took:.1f} s" for stage, took in report.seconds)


def _contents(plan: Plan) -> Iterator[str]:
    kinds = [kept.entry.kind for kept in plan.kept.values()]
    yield (
        f"kept         {kinds.count(Kind.FILE)} files ({megabytes(plan.size)}), "
        f"{kinds.count(Kind.SYMLINK)} links, {kinds.count(Kind.DIRECTORY)} directories"
    )
    by_way = libraries(plan)
    yield (
        f"libraries    {len(by_way.both)} by both, {len(by_way.traced)} only by the trace, "
        f"{len(by_way.closure)} only by the closure, {len(by_way.other)} by rules and options"
    )
    yield from _names("  trace", by_way.traced)
    yield from _names("  closure", by_way.closure)
    yield from _shrunk(plan)
    yield from _packages(plan)
    yield from _units(plan)
    if plan.excluded:
        yield f"excluded     {len(plan.excluded)} paths"
    absent = absent_paths(plan)
    yield f"absent       {len(absent)} paths were asked for that the original does not have either"
    for unreadable in plan.closure.unreadable:
        yield f"  {printable(unreadable.path)} is not a readable ELF file: {unreadable.reason}"


def _shrunk(plan: Plan) -> Iterator[str]:
    for library in plan.shrunk:
        if library.note:
            yield f"shrunk       not {printable(library.path)}: {library.note}"
            continue
        sizes = f"{megabytes(library.before)} -> {megabytes(library.after)}"
        yield f"shrunk       {printable(library.path)}  ({sizes})"
        modules = [f"{module.title} {megabytes(module.size)}" for module in library.left_out]
        yield f"  modules left out but for their descriptors: {abbreviate(modules)}"
        if count := library.unreached[0]:
            size = megabytes(library.unreached[1])
            yield f"  left out of the others, as nothing reaches them: {count} classes, {size}"
        if library.dropped:
            yield f"  left out, as nothing uses them now: {abbreviate(list(library.dropped))}"


def _levels(plan: Plan) -> Iterator[str]:
    """Yield the size that each keep level would have, if more than one is known."""
    units = plan.units
    if len(units.levels) > 1:
        levels = (f"{level.value} {megabytes(size)}" for level, size in units.levels.items())
        yield from _fact("levels", f"--keep {units.level.value}; about: {', '.join(levels)}")


def _units(plan: Plan) -> Iterator[str]:
    """Yield the units without room."""
    for total in plan.units.left_out:
        yield f"  no room for {printable(total.name)} ({megabytes(total.left_out)}, {total.mechanism.value})"


def _packages(plan: Plan) -> Iterator[str]:
    kept, left_out = plan.packages.kept_packages, plan.packages.left_out
    if not kept and not left_out:
        return
    parts = [owned.package.title for owned in kept if not owned.complete]
    complete = [owned.package.title for owned in kept if owned.complete]
    yield "packages"
    for title, names in (
        ("whole", complete),
        ("in part", parts),
        ("left out", [package.title for package in left_out]),
    ):
        if names:
            yield f"  {len(names)} {title}: {abbreviate(names)}"


def _surface(plan: Plan) -> Iterator[str]:
    surface = plan.surface
    kinds = (
        ("setuid files", surface.setuid),
        ("shells", surface.shells),
        ("package managers", surface.package_managers),
        ("compilers", surface.compilers),
    )
    yield from _fact("surface", ", ".join(f"{name} {len(c.before)} -> {len(c.left)}" for name, c in kinds))


def _ended(outcome: Outcome) -> str:
    how = "stopped" if outcome.stopped else "ended"
    return f"{how} with status {outcome.status}"


def _added(verification: Verification) -> Iterator[str]:
    """Return the paths that verification found to be missing, and added."""
    if verification.rounds > 1:
        count = len(verification.added)
        yield f"  built {verification.rounds} times, with {count} paths that it lacked at first"
    yield from _names("  added", verification.added)
    for difference in verification.comparison.answers.differences[:MOST]:
        yield f"  {printable(difference.request)}: {printable(difference.what)}"
        yield from (f"    {printable(line)}" for line in difference.diff)


def _names(title: str, names: Iterable[str]) -> Iterator[str]:
    names = tuple(names)
    for name in names[:MOST]:
        yield f"{title}: {printable(name)}"
    if len(names) > MOST:
        yield f"{title}: and {len(names) - MOST} more (--json has all)"


def _plan_lines(plan: Plan) -> Iterator[str]:
    for path in plan.paths:
        kept = plan.kept[path]
        link = f" -> {printable(kept.entry.target)}" if kept.entry.kind is Kind.SYMLINK else ""
        size = kept.entry.size if kept.entry.kind is Kind.FILE else 0
        yield f"{size:>10} {printable(path)}{link}"
        for reason in kept.reasons[:MOST]:
            yield f"{'':>10}   {explain(reason)}"
        if len(kept.reasons) > MOST:
            yield f"{'':>10}   and {len(kept.reasons) - MOST} more reasons"
    for path in plan.excluded:
        yield f"{'excluded':>10} {printable(path)}"
    for edge in plan.possible:
        yield f"{'possible':>10} {printable(edge.path)}"
        yield f"{'':>10}   named by {printable(edge.needer)} as {printable(edge.name)}"
