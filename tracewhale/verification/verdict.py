"""The verdict of a verification as text. It claims no more than was compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracewhale.driving.compare_answers import Answers
from tracewhale.tracing.events import FailedProcess, Step, Trace
from tracewhale.verification.compare import Comparison, Verification
from tracewhale.verification.output import Output

COUNTED = {
    "workload": ("workload", "workloads"),
    "exec": ("command inside", "commands inside"),
    "also": ("other command", "other commands"),
}
"""The kinds of steps that pass or fail, each with its noun in the singular and the plural."""


def verdict(trace: Trace, verification: Verification) -> str:
    """Return the claim that a verification supports, or the difference."""
    comparison = verification.comparison
    if not comparison.same:
        return f"no, {difference(comparison)}"
    claims = [*_ends(trace, comparison), *_answered(comparison.answers), *_passed(verification.steps)]
    claims += ["0 requests"] if len(claims) == 1 and _is_server(trace) else []
    if not comparison.written.seen and not _is_server(trace):
        claims.append("files that it writes not seen")
    claims += ["ends of other processes not seen"] if comparison.failed is None else []
    return ", ".join(claims)


def difference(comparison: Comparison) -> str:
    """Return the difference of the new image as a clause; an empty string if there is none."""
    if comparison.same:
        return ""
    clause = _difference(comparison)
    return f"with the command {comparison.command!r} {clause}" if comparison.command else clause


def _difference(comparison: Comparison) -> str:
    original, new = comparison.status
    if comparison.failure:
        return f"the new image does not run as the original did: {comparison.failure}"
    if comparison.missing:
        names = ", ".join(absent.path for absent in comparison.missing[:10])
        return f"the new image lacks {len(comparison.missing)} paths that were asked for: {names}"
    if original != new:
        return f"the original ends with status {original}, the new image with {new}"
    if comparison.difference:
        return f"the output differs: {comparison.difference}"
    if comparison.failed:
        return f"a process failed in the new image and not in the original: {_failure(comparison.failed[0])}"
    if comparison.written.difference:
        return f"the files that it writes differ: {comparison.written.difference}"
    answers = comparison.answers
    first = answers.differences[0]
    return (
        f"{len(answers.differences)} of {answers.total} requests are answered otherwise, "
        f"the first {first.request}: {first.what}"
    )


def _failure(process: FailedProcess) -> str:
    how = "was killed by a signal" if process.killed else f"ended with status {process.status}"
    return f"{process.program or 'one of an unknown program'} {how}"


def exercised(trace: Trace) -> str:
    """Return the things that drove the target, as a list of nouns."""
    requests = len(trace.exchanges)
    nouns = [f"{requests} {'request' if requests == 1 else 'requests'}"] if requests else []
    nouns += _driven(trace.steps)
    seconds = sum(float(step.argument) for step in trace.steps if step.kind == "for")
    # Of a step that waits for quiet, growth has a count for each second.
    seconds += sum(len(step.growth) for step in trace.steps if step.kind == "until-idle")
    nouns += [f"{seconds:g} s of time"] if seconds else []
    if not _is_server(trace):
        nouns.insert(0, "the command to its end")
    return ", ".join(nouns) or "its start alone"


def _ends(trace: Trace, comparison: Comparison) -> Iterator[str]:
    if _is_server(trace):
        yield "started"
    elif comparison.output is Output.SAME:
        yield "output and status equal"
    else:
        yield "status equal"
        yield f"output {comparison.output.value}"
    total = comparison.written.total
    if total and not _is_server(trace):
        alike = total - comparison.written.unstable
        of = f"{alike} of {total}" if alike < total else f"{total}"
        verb = "varies" if total - alike == 1 else "vary"
        varying = f" ({total - alike} {verb} with the original itself)" if alike < total else ""
        yield f"{of} written {'file' if total == 1 else 'files'} alike{varying}"


def _passed(steps: Iterable[Step]) -> Iterator[str]:
    if nouns := list(_driven(steps)):
        yield f"{', '.join(nouns)} passed"


def _driven(steps: Iterable[Step]) -> Iterator[str]:
    kinds = [step.kind for step in steps]
    for kind, nouns in COUNTED.items():
        if count := kinds.count(kind):
            yield f"{count} {nouns[count > 1]}"
    if "healthcheck" in kinds:
        yield "health check"


def _answered(answers: Answers) -> Iterator[str]:
    """Return the clause on the requests and the comparison of their answers, if any was sent."""
    if answers.total:
        alike = f"{answers.alike} of {answers.total}" if answers.alike < answers.total else f"{answers.total}"
        varying = f" ({answers.unstable} vary with the original itself)" if answers.unstable else ""
        yield f"{alike} {'request' if answers.total == 1 else 'requests'} answered alike{varying}"


def _is_server(trace: Trace) -> bool:
    """Return whether the command was stopped rather than ended, so that it has no output of its own."""
    return trace.outcome is None or trace.outcome.stopped
