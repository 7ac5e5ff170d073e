"""Collect all findings of a case, the most probable cause first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tracewhale.closure import EdgeKind, Elf
from tracewhale.closure.deps import dependencies
from tracewhale.closure.script import HEAD, interpreter
from tracewhale.diagnosis.binaries import NAMES
from tracewhale.diagnosis.explain import explain
from tracewhale.diagnosis.explain.circumstances import SHARED_MEMORY, lost_paths
from tracewhale.diagnosis.libraries import opened
from tracewhale.diagnosis.lookups import unexplained
from tracewhale.diagnosis.mentions import mentions
from tracewhale.diagnosis.messages import complaints
from tracewhale.diagnosis.model import Case, Diagnosis, Finding, Sure
from tracewhale.diagnosis.programs import check_command
from tracewhale.diagnosis.remedy import Remedy

SPECIFIC = {
    "crlf": 9,
    "library": 8,
    "libc": 9,
    "version": 8,
    "library-refused": 8,
    "symbol": 7,
    "library-path": 8,
    "temporary": 3,
    "time-zone": 4,
    "home": 3,
    "set-user-id": 3,
    "git-helper": 3,
    "fonts": -4,
    "locale": -6,
    "network": -4,
    "file": -2,
    "java-home": -2,
    "java-class": -2,
}
"""The weight of each kind relative to others, if two explain one failure."""

TOLERATED = frozenset(
    {
        "file",
        "directory",
        "variable",
        "encoding",
        "terminal",
        "permission",
        "command",
        "network",
        "read-only",
        "user",
        "port",
        "home",
    }
)
"""Kinds of which a server that continues to run may complain at any time."""

NAMED = "it was looked for in vain, and the output names it"

SIGNALS = {132: "SIGILL", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 137: "SIGKILL", 139: "SIGSEGV"}


def before_running(case: Case) -> tuple[Finding, ...]:
    """Return the causes for which the kernel and the loader will refuse the command, from files alone."""
    return tuple(check_command(case)) if case.files_known else ()


def diagnose(case: Case, *, lacks: bool = False) -> Diagnosis:
    """Return the causes of a failure, the most probable first; none for a command that succeeds.

    ``lacks`` says that a complete image does more than this one, though neither fails.
    """
    findings: list[Finding] = []
    if case.failed or lacks:
        findings += before_running(case)
        findings += [finding for finding, _ in _complaints(case)]
        findings += lost_paths(case)
        if not any(f.sure is Sure.YES for f in findings):
            findings += opened(case)
        if not any(f.sure is not Sure.GUESS for f in findings):
            findings += [*_signal(case), *unexplained(case)]
    else:
        findings += [f for f, soft in _complaints(case) if f.sure is Sure.YES and (soft or _matters(case, f))]
    ranked = sorted(_distinct(findings), key=lambda f: (-f.sure, -f.weight))
    return Diagnosis(
        case.name,
        case.status,
        case.failed or lacks,
        tuple(ranked),
        *_facts(case),
        len(case.absent),
        case.argv,
        case.step_failure,
    )


def _complaints(case: Case) -> Iterator[tuple[Finding, bool]]:
    """Yield the explanations of messages, and whether each is a mere warning; the first message comes
    first."""
    explained = set()
    for complaint in complaints(case.output):
        for finding in explain(case, complaint):
            explained.add(complaint.number)
            weight = finding.weight + SPECIFIC.get(finding.kind, 0) - (20 if complaint.soft else 0)
            yield replace(finding, weight=weight), complaint.soft
    for complaint, most in mentions(case, explained):
        for finding in explain(case, complaint):
            yield replace(finding, sure=min(finding.sure, most), ground=NAMED), False


def _matters(case: Case, finding: Finding) -> bool:
    """Return whether a message of a successful command reports a thing that it needs."""
    stopped = case.outcome is not None and case.outcome.stopped
    if stopped and finding.kind not in TOLERATED:
        return True
    full = case.full
    return any(
        (full is not None and full.resolve(p).exists) or case.owners.of((p,))
        for p in finding.paths
        if not case.exists(p)
    )


def _signal(case: Case) -> Iterator[Finding]:
    """Yield the death by a signal that no file explains."""
    name = SIGNALS.get(case.status or 0, "")
    if name == "SIGKILL" and case.outcome is not None and case.outcome.stopped:  # by us, after its steps
        return
    command = case.argv[0] if case.argv else case.name
    symptom = f"{command} was killed by {name} (status {case.status})"
    if name == "SIGILL":
        yield Finding(
            "cpu",
            symptom,
            "it executes an instruction that this CPU does not have: no file is missing.",
            (Remedy("use a build for an older CPU, such as x86-64-v2"),),
            Sure.LIKELY,
            "SIGILL has no other common cause",
        )
    elif name == "SIGBUS" and any(path.startswith(f"{SHARED_MEMORY}/") for path in case.paths):
        yield Finding(
            "shared-memory",
            symptom,
            f"{SHARED_MEMORY} is full: it has 64 MB unless the run gives it more. No file is missing.",
            (Remedy("--shm-size 1g"),),
            Sure.LIKELY,
            "it maps files of shared memory, and SIGBUS is what writing beyond their space gives (mmap(2))",
        )
    elif name == "SIGKILL":
        yield Finding(
            "memory",
            symptom,
            "it was killed from outside, most often for using too much memory.",
            (Remedy("--memory with more"),),
            Sure.GUESS,
            "nothing else kills with SIGKILL",
        )


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    """Merge findings of one cause: keep the surest, with the evidence of all."""
    by_cause: dict[tuple[str, object], Finding] = {}
    for finding in findings:
        key = (finding.kind, finding.cause)
        known = by_cause.get(key)
        if known is None:
            by_cause[key] = finding
            continue
        best = max((known, finding), key=lambda f: (f.sure, f.weight))
        evidence = tuple(dict.fromkeys((*known.evidence, *finding.evidence)))
        by_cause[key] = replace(best, evidence=evidence)
    distinct = list(by_cause.values())
    missing = [set(f.paths) for f in distinct]
    return [
        f
        for n, f in enumerate(distinct)
        if not (
            f.paths
            and any(
                missing[n] < missing[m] and distinct[m].sure >= f.sure and distinct[m].weight >= f.weight
                for m in range(len(distinct))
            )
        )
    ]


def _facts(case: Case) -> tuple[str, str]:
    """Return the checked facts about the command's program: its libraries and its architecture, in a few
    words."""
    path = case.find_command(case.argv[0]) if case.argv else ""
    entry = case.view.resolve(path).entry if path else None
    if entry is None or not case.files_known:
        return "not checked", case.architecture
    (head,) = case.view.tree.read([(entry.path, 0, HEAD)])
    script = interpreter(head or b"")
    if script is not None:  # a carriage return is no part of the program's name
        path = script[0].rstrip("\r")
    listing = dependencies(case.resolver, path, case.environment)
    missing = [miss.name for miss in listing.misses if miss.kind is EdgeKind.NEEDED]
    if listing.trouble or any(miss.kind is not EdgeKind.NEEDED for miss in listing.misses):
        libraries = "not checked"
    elif listing.complete:
        libraries = "complete" if listing.rows else "none needed"
    else:
        libraries = f"{len(missing)} missing" if missing else "of the wrong version"
    elf = case.resolver.disk.files.get(entry)
    machine = (
        NAMES.get(elf.machine, f"e_machine {elf.machine}") if isinstance(elf, Elf) else case.architecture
    )
    return libraries, machine
