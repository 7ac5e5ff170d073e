"""The common parts of findings about a program that cannot be executed."""

from __future__ import annotations

from dataclasses import dataclass

from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedy import Remedy

NOT_FOUND, NOT_EXECUTABLE = 127, 126
START = 100
"""The weight of a reason why a program cannot start."""


@dataclass(frozen=True, slots=True)
class RefusedProgram:
    """A program that cannot be executed, and the parts that all its findings share: the path, and the
    status."""

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
