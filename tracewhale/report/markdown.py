"""A report as Markdown for the comment of a pull request: sizes, the verdict, growth against the lock file.

Texts of an image are in code spans, in which HTML, links, mentions and tables have no meaning (GitHub
Flavored Markdown, 6.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracewhale.printable import printable
from tracewhale.report.document import ReportDocument
from tracewhale.report.sizes import human

MOST = 50
"""The most names of a list that are shown; the rest is only counted."""

LONGEST = 300
"""The most characters of a name or a sentence that are shown."""


def render(document: ReportDocument) -> str:
    """Return the report as Markdown."""
    return "".join(f"{line}\n" for line in _lines(document))


def code(text: str) -> str:
    """Return any text as a code span that may also be in a table."""
    text = printable(text)
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    # A code span ends at a run of backticks of its own length; a | ends a table's cell even in one.
    text = text.replace("|", "\u2758")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if text[:1] == "`" or text[-1:] == "`" else f"{fence}{text}{fence}"


def _lines(document: ReportDocument) -> Iterator[str]:
    yield f"### {code(document.name)}"
    yield ""
    yield _verdict(document)
    yield ""
    yield "| | original | new image |"
    yield "|---|--:|--:|"
    yield from _rows(document)
    yield from _differences(document)
    yield from _growth(document)
    yield from _later(document)


def _verdict(document: ReportDocument) -> str:
    if document.error:
        return f"❌ **Failed:** {code(document.error)}"
    if document.from_label:
        return "⚪ **Verdict not known:** an image's label does not tell it."
    if document.verified is None:
        return "⚪ **Not verified:** the new image was not run."
    return f"{'✅ **Verified:**' if document.verified else '❌ **Not alike:**'} {code(document.verdict)}"


def _rows(document: ReportDocument) -> Iterator[str]:
    known = document.places is not None
    if document.sizes is not None:
        original, new = document.sizes
        share = f" ({100 * new / original:.0f} %)" if original else ""
        yield f"| size | {human(original) if original else 'not known'} | {human(new)}{share} |"
    original_files = human(document.kept_size + document.removed_size) if known else "not known"
    yield f"| files | {original_files} | {human(document.kept_size)} |"
    kept = [package for package in document.packages if package.files]
    if document.packages:
        parts = sum(package.complete is False for package in kept)
        shares = "" if document.from_label else f", {parts} of them in part"
        yield f"| packages | {len(document.packages)} | {len(kept)}{shares} |"
    for group in document.surface:
        yield f"| {group.title} | {len(group.before)} | {len(group.left)} |"


def _differences(document: ReportDocument) -> Iterator[str]:
    different = [request for request in document.requests if request.difference]
    if different:
        yield ""
        yield "Answered otherwise:"
        yield ""
    yield from (f"- {code(request.text)}: {code(request.difference)}" for request in different[:MOST])


def _growth(document: ReportDocument) -> Iterator[str]:
    if document.accepted is None:
        return
    before, new, removed_paths = document.accepted
    yield ""
    if document.sizes is not None:
        change = document.sizes[1] - before
        words = f"{'+' if change >= 0 else '-'}{human(abs(change))}"
        share = f" ({100 * change / before:+.1f} %)" if before else ""
        yield f"**Since the lock file:** {words}{share}, {len(new)} new paths, {len(removed_paths)} gone."
    else:
        yield f"**Since the lock file:** {len(new)} new paths, {len(removed_paths)} gone."
    yield from _folded("new paths", new)
    yield from _folded("paths that are gone", removed_paths)


def _later(document: ReportDocument) -> Iterator[str]:
    partial = [unit for unit in document.units if unit.left_out]
    if partial:
        size = human(sum(unit.left_out for unit in partial))
        yield ""
        yield f"Left out for want of room: {size} of what belongs to what the run used."
        yield from _folded("parts", [f"{unit.name} {human(unit.left_out)}" for unit in partial])


def _folded(title: str, names: Sequence[str]) -> Iterator[str]:
    if not names:
        return
    yield ""
    yield f"<details><summary>{len(names)} {title}</summary>"
    yield ""
    yield from (f"- {code(name)}" for name in names[:MOST])
    if len(names) > MOST:
        yield f"- and {len(names) - MOST} more"
    yield ""
    yield "</details>"
