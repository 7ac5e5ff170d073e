"""A report as one JSON object in a fixed, versioned form, which schema.json beside this file describes."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

from tracewhale import __version__
from tracewhale.errors import UsageError
from tracewhale.packages import Package
from tracewhale.plan.model import Absent, Plan
from tracewhale.report.document import ReportDocument
from tracewhale.report.model import Report, absent_paths, libraries, missing_libraries
from tracewhale.rootfs.tree import Kind
from tracewhale.tracing.events import Access, Moment, Trace
from tracewhale.verification import verdict

SCHEMA_VERSION = 1


def schema(name: str = "schema") -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report; ``deps`` and ``doctor`` have their own."""
    text = files("tracewhale.report").joinpath(f"{name}.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def dumps(report: Report) -> str:
    """Return the report as JSON text of one line, ASCII only: a byte that is not UTF-8 is ``\\udcXX``."""
    return json.dumps(to_json(report), sort_keys=True) + "\n"


def dumps_document(document: ReportDocument) -> str:
    """Return a report unchanged. Raise UsageError for an image's label, which has no complete one."""
    if document.value is None:
        raise UsageError(
            "An image's label does not have a complete report.",
            "Give its trace, or the output of `tracewhale plan --json`.",
        )
    return json.dumps(document.value, sort_keys=True) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """Return the report in plain JSON values."""
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "tracewhale", "version": __version__},
        "command": report.command,
        "target": report.target,
        "image": report.image,
        "built": _built(report),
        "trace": _trace(report),
        "plan": None if report.plan is None else plan_json(report.plan),
        "verification": _verification(report),
        "seconds": {stage: round(took, 3) for stage, took in report.seconds},
        "notes": list(report.notes),
        "left_out": [{"path": path, "reason": reason} for path, reason in report.left_out],
        "removed": _removed(report),
        "accepted": _accepted(report),
        "error": _error(report),
    }


def _removed(report: Report) -> dict[str, Any] | None:
    removed = report.removed
    if removed is None:
        return None
    return {
        "files": removed.files,
        "bytes": removed.size,
        "complete": removed.complete,
        "places": [
            {"path": place.path, "files": place.files, "bytes": place.size, "directory": place.directory}
            for place in removed.places
        ],
        "packages": [{"id": name, "files": files, "bytes": size} for name, files, size in removed.packages],
    }


def _accepted(report: Report) -> dict[str, Any] | None:
    accepted = report.accepted
    if accepted is None:
        return None
    return {"bytes": accepted.size, "new": list(accepted.new), "gone": list(accepted.removed_paths)}


def _error(report: Report) -> dict[str, Any] | None:
    error = report.error
    if error is None:
        return None
    return {"code": int(error.exit_code), "what": error.what, "hint": error.hint}


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan: each kept path with its metadata and reasons, and the missing and omitted paths."""
    by_way = libraries(plan)
    return {
        "bytes": plan.size,
        "files": [
            {
                "path": path,
                "kind": kept.entry.kind.value,
                "size": kept.entry.size if kept.entry.kind is Kind.FILE else 0,
                "mode": kept.entry.mode,
                "uid": kept.entry.uid,
                "gid": kept.entry.gid,
                "reasons": [{"why": r.why, "by": r.by, "detail": r.detail} for r in kept.reasons],
                "packages": [package_id(package) for package in plan.packages.owners.get(path, ())],
                "generated": kept.content is not None,
            }
            for path, kept in sorted(plan.kept.items())
        ],
        "shrunk": [
            {
                "path": item.path,
                "before": item.before,
                "after": item.after,
                "modules": {module.module: module.size for module in item.left_out},
                "parts": [
                    {
                        "module": part.module,
                        "packages": list(part.packages),
                        "cause": {"by": part.cause.by, "name": part.cause.name} if part.cause else None,
                    }
                    for part in item.parts
                ],
                "unit": item.unit.value,
                "inside": [
                    {
                        "name": part.name,
                        "cause": {"by": part.cause.by, "name": part.cause.name} if part.cause else None,
                    }
                    for part in item.inside
                ],
                "unreached": {"classes": item.unreached[0], "size": item.unreached[1]},
                "dropped": list(item.dropped),
                "note": item.note,
            }
            for item in plan.shrunk
        ],
        "libraries": {
            "traced": list(by_way.traced),
            "closure": list(by_way.closure),
            "both": list(by_way.both),
            "other": list(by_way.other),
            "possible": [
                {"library": edge.name, "path": edge.path, "named_by": edge.needer} for edge in plan.possible
            ],
        },
        "missing": {
            "paths": [_absent(absent) for absent in absent_paths(plan)],
            "libraries": [
                {"library": miss.library, "needed_by": miss.needed_by, "searched": list(miss.searched)}
                for miss in missing_libraries(plan)
            ],
        },
        "packages": {
            "distribution": {
                "id": plan.packages.distribution.id,
                "version": plan.packages.distribution.version,
            },
            "kept": [
                {**_package(owned.package), "whole": owned.complete, "files": len(owned.paths)}
                for owned in plan.packages.kept_packages
            ],
            "left_out": [_package(package) for package in plan.packages.left_out],
        },
        "surface": {
            kind: {"before": list(change.before), "left": list(change.left)}
            for kind, change in (
                ("setuid", plan.surface.setuid),
                ("shells", plan.surface.shells),
                ("package_managers", plan.surface.package_managers),
                ("compilers", plan.surface.compilers),
            )
        },
        "units": {
            "level": plan.units.level.value,
            "limit": None if math.isinf(plan.units.limit) else int(plan.units.limit),
            "levels": {level.value: size for level, size in plan.units.levels.items()},
            "found": [
                {
                    "kind": total.mechanism.value,
                    "name": total.name,
                    "because": total.because,
                    "kept": total.kept,
                    "left_out": total.left_out,
                }
                for total in plan.units.totals
            ],
        },
        "unreadable": {item.path: item.reason for item in plan.closure.unreadable},
        "excluded": list(plan.excluded),
    }


def package_id(package: Package) -> str:
    """Return a package's name in a file's ``packages``: ``TYPE:NAME@VERSION``."""
    return f"{package.kind}:{package.title}@{package.version}"


def _package(package: Package) -> dict[str, str]:
    return {
        "id": package_id(package),
        "type": package.kind,
        "name": package.title,
        "version": package.version,
        "architecture": package.architecture,
    }


def _absent(absent: Absent) -> dict[str, str]:
    return {"path": absent.path, "access": absent.access, "program": absent.program}


def _built(report: Report) -> dict[str, Any] | None:
    if report.built is None:
        return None
    return {
        "name": report.built.name,
        "image": report.built.image,
        "size": report.built.size,
        "original_size": report.built.original_size,
        "start": list(report.built.start),
    }


OPENING = frozenset({Access.EXEC.value, Access.READ.value, Access.MAP.value})
"""Accesses that read a file's contents."""


def _opened(trace: Trace) -> list[dict[str, Any]]:
    """Return each executed or opened path, in the order of the first time, if the trace has an order."""
    first: dict[str, tuple[Moment, str]] = {}
    for event, moment in trace.moments.items():
        if event.present and event.access in OPENING and event.root == "/":
            path = event.real or event.path
            first[path] = min((moment, event.access), first.get(path, (moment, event.access)))
    return [
        {"path": path, "seconds": round(moment.seconds, 3), "executed": access == Access.EXEC.value}
        for path, (moment, access) in sorted(first.items(), key=lambda item: (item[1][0], item[0]))
    ]


def _trace(report: Report) -> dict[str, Any] | None:
    trace = report.trace
    if trace is None:
        return None
    counters = trace.counters
    return {
        "probe": trace.probe,
        "events": len(trace.events),
        "received": counters.received,
        "recorded": counters.recorded,
        "repeated": counters.repeated,
        "unresolved": counters.unresolved,
        "ignored": counters.ignored,
        "lost": counters.lost,
        "opened": _opened(trace),
        "outcome": None
        if trace.outcome is None
        else {"status": trace.outcome.status, "stopped": trace.outcome.stopped},
        "steps": [
            {
                "kind": s.kind,
                "argument": s.argument,
                "status": s.status,
                "requests": len(s.exchanges),
                "growth": list(s.growth),
                "exchanges": [
                    {
                        "request": str(exchange.request),
                        "status": exchange.answer.status if exchange.answer else 0,
                        "type": exchange.answer.type if exchange.answer else "",
                        "size": exchange.answer.size if exchange.answer else 0,
                    }
                    for exchange in s.exchanges
                ],
            }
            for s in trace.steps
        ],
    }


def _verification(report: Report) -> dict[str, Any] | None:
    verification = report.verification
    if verification is None:
        return None
    comparison = verification.comparison
    return {
        "verified": verification.verified,
        "rounds": verification.rounds,
        "runs": verification.runs,
        "added": list(verification.added),
        "status": {"original": comparison.status[0], "new": comparison.status[1]},
        "output": comparison.output.name.lower(),
        "verdict": "" if report.trace is None else verdict(report.trace, verification),
        "difference": comparison.difference,
        "answers": {
            "total": comparison.answers.total,
            "alike": comparison.answers.alike,
            "unstable": comparison.answers.unstable,
            "differences": [
                {"request": difference.request, "what": difference.what, "diff": list(difference.diff)}
                for difference in comparison.answers.differences
            ],
        },
        "missing": [_absent(absent) for absent in comparison.missing],
        "failed": None
        if comparison.failed is None
        else [
            {"program": difference.program, "status": difference.status, "killed": difference.killed}
            for difference in comparison.failed
        ],
        "written": {
            "total": comparison.written.total,
            "unstable": comparison.written.unstable,
            "difference": comparison.written.difference,
            "seen": comparison.written.seen,
        },
    }
