"""A diagnosis as plain JSON values."""

from __future__ import annotations

from typing import Any

from tracewhale import __version__
from tracewhale.diagnosis.model import Diagnosis

SCHEMA_VERSION = 1


def to_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return the output of ``diagnose --json``; docs/diagnosis.md describes it."""
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "tracewhale", "version": __version__},
        "command": "diagnose",
        "target": diagnosis.name,
        "argv": list(diagnosis.command),
        "status": diagnosis.status,
        "failed": diagnosis.failed,
        "libraries": diagnosis.libraries,
        "architecture": diagnosis.architecture,
        "absent": diagnosis.absent,
        "findings": [
            {
                "kind": finding.kind,
                "symptom": finding.symptom,
                "cause": finding.cause,
                "fix": [{"line": remedy.line, "note": remedy.note} for remedy in finding.remedies],
                "sure": finding.sure.name.lower(),
                "ground": finding.ground,
                "paths": list(finding.paths),
                "evidence": list(finding.evidence),
            }
            for finding in diagnosis.findings
        ],
        "error": None,
    }
