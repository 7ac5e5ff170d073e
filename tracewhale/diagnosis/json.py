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
                "kind": each.kind,
                "symptom": each.symptom,
                "cause": each.cause,
                "fix": [{"line": remedy.line, "note": remedy.note} for remedy in each.remedies],
                "sure": each.sure.name.lower(),
                "ground": each.ground,
                "paths": list(each.paths),
                "evidence": list(each.evidence),
            }
            for each in diagnosis.findings
        ],
        "error": None,
    }
