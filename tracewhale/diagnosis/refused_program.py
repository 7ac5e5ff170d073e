"""Findings about a program that cannot be executed: what they have in common."""

from __future__ import annotations

from dataclasses import dataclass

from tracewhale.diagnosis.model import Case, Finding, Remedy, Sure

NOT_FOUND, NOT_EXECUTABLE = 127, 126
START = 100
"""Weight of what keeps a program from starting."""


@dataclass(frozen=True, slots=True)
class RefusedProgram:
    """The parts of a finding that are the same for all of a program's: what was asked for, the errno."""

    case: Case
    path: str

    def finding(
        self,
        kind: str,
        error: str,
        cause: str,
        remedies: tuple[Remedy, ...],
        *,
        status: int = NOT_FOUND,
        ground: str = "",
        evidence: tuple[str, ...] = (),
        paths: tuple[str, ...] = (),
    ) -> Finding:
        symptom = f"cannot execute {self.path}: {error} (status {self.case.status or status})"
        return Finding(kind, symptom, cause, remedies, Sure.YES, ground, evidence, paths, START)
