"""A report as text for people: one fact a line, figures first, everything else on request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tracewhale.driving.alike import Answers
from tracewhale.plan.model import Plan, explain
from tracewhale.printable import printable
from tracewhale.report.model import Report, absent_paths, libraries, missed
from tracewhale.rootfs.tree import Kind

MOST = 8
"""Names shown of a list before the rest is only counted."""


def render(report: Report) -> str:
    """The report as lines of text, each ended by a newline."""
    return "".join(f"{line}\n" for line in _lines(report))


def render_plan(plan: Plan) -> str:
    """Every kept path with its size and all its reasons, then what was excluded or may be opened."""
    return "".join(f"{line}\n" for line in _plan_lines(plan))


def megabytes(size: int) -> str:
    """A size in decimal megabytes as Docker prints it."""
    return f"{size / 1e6:.1f} MB"


def _lines(report: Report) -> Iterator[str]:
    yield from report.notes
    built = report.built
    if built is not None:
        sizes = megabytes(built.size)
        if built.original_size:  # a directory's is not known
            share = 100 * built.size / built.original_size
            sizes = f"{megabytes(built.original_size)} -> {sizes}, {share:.0f} %"
        yield f"image        {built.name}  ({sizes})"
    if report.plan is not None:
        yield from _contents(report.plan)
    yield from _left_out(report.left_out)
    if report.trace is not None:
        counters = report.trace.counters
        yield (
            f"trace        {counters.received} calls, {len(report.trace.events)} distinct accesses, "
            f"{counters.unresolved} unresolved, {counters.lost} lost ({report.trace.probe})"
        )
        if report.trace.outcome is not None:
            yield f"command      {_ended(report)}"
    if report.verification is not None:
        yield from _verification(report)
    elif built is not None:
        yield "verified     no: not asked for"
    if report.seconds:
        yield "time         " + ", ".join(f"{stage} {took:.1f} s" for stage, took in report.seconds)


def _contents(plan: Plan) -> Iterator[str]:
    kinds = [kept.entry.kind for kept in plan.kept.values()]
    yield (
        f"kept         {kinds.count(Kind.FILE)} files ({megabytes(plan.size)}), "
        f"{kinds.count(Kind.SYMLINK)} links, {kinds.count(Kind.DIRECTORY)} directories"
    )
    found = libraries(plan)
    yield (
        f"libraries    {len(found.both)} by both, {len(found.traced)} only by the trace, "
        f"{len(found.closure)} only by the closure, {len(found.other)} by rules and options"
    )
    yield from _names("  trace", found.traced)
    yield from _names("  closure", found.closure)
    if plan.possible:
        names = _some(list(dict.fromkeys(edge.name for edge in plan.possible)))
        yield f"  named by string literals, not kept without --guess-dlopen: {names}"
    yield from _packages(plan)
    yield from _surface(plan)
    absent = absent_paths(plan)
    yield f"missing      {len(absent)} paths were asked for that the original does not have either"
    for miss in missed(plan):
        yield f"  library {miss.library}, needed by {miss.needed_by}, is nowhere in the original"
    for unreadable in plan.closure.unreadable:
        yield f"  {printable(unreadable.path)} is not a readable ELF file: {unreadable.reason}"
    if plan.excluded:
        yield f"excluded     {len(plan.excluded)} paths"


def _left_out(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield lines on what could not be written: sockets, names with a meaning of their own, attributes."""
    if pairs:
        yield f"left out     {len(pairs)} paths, attributes or permissions that cannot be there"
        yield from _names("  left out", [f"{path}: {reason}" for path, reason in pairs])


def _packages(plan: Plan) -> Iterator[str]:
    kept, left_out = plan.packages.kept, plan.packages.left_out
    if not kept and not left_out:
        return
    parts = [owned.package.title for owned in kept if not owned.whole]
    whole = [owned.package.title for owned in kept if owned.whole]
    yield f"packages     {len(kept)} of {len(kept) + len(left_out)}"
    for title, names in (
        ("whole", whole),
        ("in part", parts),
        ("left out", [package.title for package in left_out]),
    ):
        if names:
            yield f"  {len(names)} {title}: {_some(names)}"


def _surface(plan: Plan) -> Iterator[str]:
    kinds = (
        ("setuid files", plan.surface.setuid),
        ("shells", plan.surface.shells),
        ("package managers", plan.surface.package_managers),
        ("compilers", plan.surface.compilers),
    )
    yield "surface      " + ", ".join(f"{name} {len(c.before)} -> {len(c.left)}" for name, c in kinds)
    for name, change in kinds:
        if change.left:
            yield f"  {name} left: {_some(change.left)}"


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(printable(name) for name in names[:MOST]) + rest


def _ended(report: Report) -> str:
    outcome = report.trace.outcome if report.trace is not None else None
    if outcome is None:
        return ""
    how = "stopped" if outcome.stopped else "ended"
    same = ", and so must the new image" if outcome.status and not outcome.stopped else ""
    return f"{how} with status {outcome.status}{same}"


def _verification(report: Report) -> Iterator[str]:
    verification = report.verification
    if verification is None:
        return
    rounds = f"built {verification.rounds} times" if verification.rounds > 1 else "built once"
    word = "yes" if verification.verified else "NO"
    answers = verification.comparison.answers
    yield f"verified     {word}: {rounds}, {_answered(answers)}output {verification.comparison.output.value}"
    for difference in answers.differences[:MOST]:
        yield f"  {printable(difference.request)}: {printable(difference.what)}"
        yield from (f"    {printable(line)}" for line in difference.diff)
    yield from _names("  added", verification.added)
    if verification.comparison.difference:
        yield f"  {verification.comparison.difference}"
    yield from _names("  missing", [absent.path for absent in verification.comparison.missing])


def _answered(answers: Answers) -> str:
    """A clause on requests and how far they were answered alike; empty where none was sent."""
    if not answers.total:
        return ""
    alike = f"{answers.alike} of {answers.total}" if answers.alike < answers.total else f"{answers.total}"
    noun = "request" if answers.total == 1 else "requests"
    varying = f", {answers.unstable} otherwise each time by the original itself" if answers.unstable else ""
    return f"{alike} {noun} answered alike{varying}, "


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
