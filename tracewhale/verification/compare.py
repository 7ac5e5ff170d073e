"""Compare two traces of the same request, of the original and of the new image. Pure.

An image is verified if its run ends the same way, prints the same (for a one-shot command), passes its
workload, and requests no missing path that the original had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tracewhale.driving.compare_answers import Answered, Answers, compare_answers
from tracewhale.plan.model import RUNTIME_PATHS, Absent
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Access, FailedProcess, Outcome, Step, Trace
from tracewhale.tracing.normal_form import normalized
from tracewhale.verification.output import Output, compare_output
from tracewhale.verification.written_files import WrittenComparison, compare_written_files

KILLED = 128 + 9
"""The status of a command that SIGKILL ended."""
STOPPED = frozenset({0, 128 + 2, 128 + 3, KILLED, 128 + 15})
"""Statuses of a command that was asked to stop: SIGINT, SIGQUIT, SIGKILL, SIGTERM."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of verification: the paths missing in the new image, and how the two runs differ.

    ``command`` is the command of ``--also`` to which the difference belongs; empty for the main one.
    ``failure`` is the error if the new image's run could not be ended. ``failed`` are processes that failed
    in the new image and not in the original, None if a probe did not see them. ``tail`` are the last lines
    that the new image printed. ``written`` compares the files that the runs wrote.
    """

    missing: tuple[Absent, ...]
    status: tuple[int, int]
    output: Output
    difference: str = ""
    failure: str = ""
    answers: Answers = Answers()
    failed: tuple[FailedProcess, ...] | None = ()
    tail: str = ""
    written: WrittenComparison = WrittenComparison()
    command: str = ""

    @property
    def same(self) -> bool:
        ended_alike = self.status[0] == self.status[1] and not self.failure
        return ended_alike and not self.missing and not self.differs

    @property
    def differs(self) -> bool:
        """Whether output, answers or written files differ, or other processes failed."""
        otherwise = self.output is Output.DIFFERENT or not self.answers.same
        return otherwise or bool(self.failed) or bool(self.written.difference)


@dataclass(frozen=True, slots=True)
class Verification:
    """The number of builds, the paths that were added, and the last comparison.

    ``runs`` counts the runs of verification, including those of the original; ``steps`` are those of the last
    run of the new image.
    """

    rounds: int
    added: tuple[str, ...]
    comparison: Comparison
    runs: int = 1
    steps: tuple[Step, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether the last comparison found no difference."""
        return self.comparison.same


def compare(
    view: View,
    has: Callable[[str], bool],
    excluded: Iterable[str],
    original: Trace,
    again: Trace,
    second: Trace | None = None,
    failure: str = "",
) -> Comparison:
    """Compare the new image's trace ``again`` with the original's.

    ``view`` is the original's tree; ``has`` says whether the new image has a physical path; ``excluded`` are
    paths that the user left out; ``second`` is another run of the original. Both traces must have an outcome.
    """
    if original.outcome is None or again.outcome is None:
        raise ValueError("a trace without an outcome cannot be compared")
    other = second.outcome if second is not None else None
    output, difference = compare_output(original.outcome, again.outcome, other, any_order=listed(original))
    answers = Answers() if failure else answers_of(original, again, second)
    status = (original.outcome.status, again.outcome.status)
    # A command that was stopped may handle the signal, die of it, or outlast it and be killed: a race. One
    # that was killed shows no status of its own.
    unknown = set(status) <= STOPPED or KILLED in status
    if original.outcome.stopped and again.outcome.stopped and unknown:
        status = (status[0], status[0])
    failed = failed_processes(original.outcome, again.outcome, other)
    return Comparison(
        missing(view, has, excluded, again),
        status,
        output,
        difference,
        failure,
        answers,
        failed,
        again.outcome.tail(),
        compare_written_files(original.outcome, again.outcome, other),
    )


def combine(main: Comparison, command: str, other: Comparison) -> Comparison:
    """Return the comparison of both runs, ``other`` of a further command: the first that differs, with the
    missing paths of both and all answers."""
    lacking = {*main.missing, *other.missing}
    chosen = main if not main.same or other.same else replace(other, command=command)
    return replace(
        chosen,
        missing=tuple(sorted(lacking, key=lambda absent: (absent.path, absent.program))),
        answers=main.answers + other.answers,
    )


def failed_processes(
    first: Outcome, again: Outcome, second: Outcome | None = None
) -> tuple[FailedProcess, ...] | None:
    """Return the processes that failed in the new image and in no run of the original; None if they were not
    seen."""
    if first.failed is None or again.failed is None:
        return None
    known = {*first.failed, *((second.failed or ()) if second else ())}
    return tuple(process for process in again.failed if process not in known)


def answers_of(original: Trace, again: Trace, second: Trace | None = None) -> Answers:
    """Return the comparison of the answers in both runs."""
    others = _answered(second) if second is not None else None
    return compare_answers(_answered(original), _answered(again), others)


def _answered(trace: Trace) -> Answered:
    outcome = trace.outcome or Outcome(0)
    return Answered(trace.exchanges, lambda text: normalized(text, outcome))


def missing(
    view: View, has: Callable[[str], bool], excluded: Iterable[str], again: Trace
) -> tuple[Absent, ...]:
    """Return the paths that were requested in the new image and missing, and that the original had."""
    outside = tuple(f"{mount}/" for mount in (*RUNTIME_PATHS, *again.mounts))
    excluded_paths = frozenset(excluded)
    absent: set[Absent] = set()
    for event in again.events:
        resolution = view.resolve(event.path, follow=event.follow, root=event.root)
        if resolution.entry is None:
            continue
        for path in (*resolution.steps, resolution.entry.path):
            if path not in excluded_paths and not path.startswith(outside) and not has(path):
                absent.add(Absent(path, event.access, event.program))
    return tuple(sorted(absent))


def listed(trace: Trace) -> bool:
    """Return whether the command listed any directory, so that mere names may affect its output."""
    return any(event.access == Access.LIST.value and event.present for event in trace.events)
