"""A diagnosis as text: each finding in four lines; with ``-v`` also its evidence."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tracewhale.diagnosis.model import Diagnosis, Finding
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.printable import printable

EVIDENCE = 60
"""The most lines of a finding's evidence."""


def render(diagnosis: Diagnosis, *, verbose: bool = False) -> str:
    """Return the diagnosis in lines, each ended by a newline."""
    return "".join(f"{printable(line)}\n" for line in _lines(diagnosis, verbose))


def _lines(diagnosis: Diagnosis, verbose: bool) -> Iterator[str]:
    if not diagnosis.findings:
        yield from _none(diagnosis)
        return
    first, *others = diagnosis.findings
    yield from short(diagnosis, first)
    if verbose:
        yield from _evidence(first)
    for finding in others if verbose else ():
        yield ""
        yield from short(diagnosis, finding)
        yield from _evidence(finding)
    if others and not verbose:
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in others))
        what = "1 weaker finding" if len(others) == 1 else f"{len(others)} weaker findings"
        yield f"Also:  {what} ({kinds}); -v shows all."


def short(diagnosis: Diagnosis, finding: Finding) -> Iterator[str]:
    """Yield a finding in four lines: what happened, why, what to do, and how sure that is."""
    yield f"{diagnosis.name}: {finding.symptom}"
    yield f"Cause: {finding.cause}"
    yield from _fix(finding.remedies)
    facts = f"Libraries: {diagnosis.libraries}. Architecture: {diagnosis.architecture or 'not known'}."
    yield f"Sure:  {finding.sure.word}{':' if finding.sure.value < 2 else ','} {finding.ground}. {facts}"


def _fix(remedies: tuple[Remedy, ...]) -> Iterator[str]:
    if not remedies:
        yield "Fix:   none is known."
        return
    best, *others = remedies
    lines = [f"{best.line}    ({best.note})" if best.note and "\n" not in best.line else best.line]
    lines = "\n".join(lines).splitlines()
    short_ones = [other.line for other in others if "\n" not in other.line][:1]
    if short_ones:
        lines[-1] += f"    (or: {short_ones[0]})"
    yield f"Fix:   {lines[0]}"
    yield from (f"       {line}" for line in lines[1:])


def _evidence(finding: Finding) -> Iterator[str]:
    yield f"  kind: {finding.kind}"
    yield from (f"  {line}" for line in finding.evidence[:EVIDENCE])
    if len(finding.evidence) > EVIDENCE:
        yield f"  and {len(finding.evidence) - EVIDENCE} lines more"
    for remedy in finding.remedies:
        first, *rest = remedy.line.splitlines()
        yield f"  remedy: {first}" + (f"    ({remedy.note})" if remedy.note else "")
        yield from (f"          {line}" for line in rest)


def _none(diagnosis: Diagnosis) -> Iterator[str]:
    facts = f"Libraries: {diagnosis.libraries}. Architecture: {diagnosis.architecture or 'not known'}."
    if not diagnosis.failed:
        ended = (
            "nothing ran" if diagnosis.status is None else f"the command ended with status {diagnosis.status}"
        )
        yield f"{diagnosis.name}: no finding: {ended}."
        yield f"{diagnosis.absent} look-ups of absent files explain nothing and harm nothing. {facts}"
        return
    status = f"the command ended with status {diagnosis.status}" if diagnosis.status else "the run failed"
    symptom = diagnosis.step_failure or status
    yield f"{diagnosis.name}: {symptom}, and no missing file explains it."
    yield f"Cause: not known: {diagnosis.absent} paths were looked for in vain, all of them as in every run."
    name = shlex.quote(printable(diagnosis.name))
    yield f"Fix:   tracewhale diagnose {name} --against FULL_IMAGE    (names what only that image has)"
    yield f"Sure:  no. {facts}"
