"""A diagnosis as text: the finding in four lines, with ``-v`` what it stands on."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.diagnosis.model import Diagnosis, Finding, Remedy

EVIDENCE = 60
"""Lines of evidence of one finding that are shown."""


def render(found: Diagnosis, *, verbose: bool = False) -> str:
    """Return the diagnosis in lines, each ended by a newline."""
    return "".join(f"{line}\n" for line in _lines(found, verbose))


def _lines(found: Diagnosis, verbose: bool) -> Iterator[str]:
    if not found.findings:
        yield from _none(found)
        return
    first, *others = found.findings
    yield from short(found, first)
    if verbose:
        yield from _evidence(first)
    for each in others if verbose else ():
        yield ""
        yield from short(found, each)
        yield from _evidence(each)
    if others and not verbose:
        kinds = ", ".join(dict.fromkeys(each.kind for each in others))
        what = "1 weaker finding" if len(others) == 1 else f"{len(others)} weaker findings"
        yield f"Also:  {what} ({kinds}); -v shows all."


def short(found: Diagnosis, finding: Finding) -> Iterator[str]:
    """Yield a finding in four lines: what happened, why, what to do, and how sure that is."""
    yield f"{found.name}: {finding.symptom}"
    yield f"Cause: {finding.cause}"
    yield from _fix(finding.remedies)
    facts = f"Libraries: {found.libraries}. Architecture: {found.architecture or 'not known'}."
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


def _none(found: Diagnosis) -> Iterator[str]:
    facts = f"Libraries: {found.libraries}. Architecture: {found.architecture or 'not known'}."
    if not found.failed:
        ended = "nothing ran" if found.status is None else f"the command ended with status {found.status}"
        yield f"{found.name}: no finding: {ended}."
        yield f"{found.absent} look-ups of absent files explain nothing and harm nothing. {facts}"
        return
    status = "the run failed" if not found.status else f"the command ended with status {found.status}"
    yield f"{found.name}: {status}, and no missing file explains it."
    yield f"Cause: not known: {found.absent} paths were looked for in vain, all of them as in every run."
    yield f"Fix:   tracewhale diagnose {found.name} --against FULL_IMAGE    (has what is missing named)"
    yield f"Sure:  no. {facts}"
