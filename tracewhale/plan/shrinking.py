"""Files of which the new image has only a part (--shrink): the class library of a JVM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracewhale.errors import UsageError
from tracewhale.java.shrink import ShrunkLibrary, shrink
from tracewhale.plan.model import PlannedPath
from tracewhale.plan.reasons import Reason, Why
from tracewhale.rootfs.tree import View

JAVA = "java"
SHRINKABLE = (JAVA,)
"""The kinds of files that --shrink names."""

MODULES = "modules"
"""The one unit by which a class library is shrunk, and its default."""

COMPANIONS = frozenset({Why.UNIT.value, Why.PACKAGE.value})
"""Reasons of paths that were not requested, but belong to requested ones."""


def shrinkable(value: str) -> str:
    """Return the kind of files that a value of --shrink names (KIND or KIND=UNIT). Raise UsageError."""
    kind, _, unit = value.partition("=")
    if kind not in SHRINKABLE:
        raise UsageError(f"--shrink does not know {kind!r}.", "It knows java.")
    if unit not in (MODULES, "") or value.endswith("="):
        raise UsageError(
            f"--shrink {kind} has no unit {unit!r}: what reflection names inside of a module is not seen.",
            f"Say --shrink {kind}={MODULES}, which is the default.",
        )
    return kind


def shrink_files(
    view: View, kept: Mapping[str, PlannedPath], request: Mapping[str, Any]
) -> tuple[dict[str, PlannedPath], tuple[ShrunkLibrary, ...]]:
    """Return the kept paths with shrunk class libraries, and the result for each library.

    An archive of loaded classes (CDS) is adapted to the new library.
    """
    entries = {path: planned.entry for path, planned in kept.items()}
    unused = {
        path for path, planned in kept.items() if {reason.why for reason in planned.reasons} <= COMPANIONS
    }
    libraries = shrink(view, entries, json.dumps(request, default=str), unused)
    result = dict(kept)
    for library in libraries:
        if not library.content:
            continue
        detail = "with the modules that the program can reach"
        result[library.path] = _with(kept[library.path], "class library", detail, library.content)
        for archive, content in library.archives:
            result[archive] = _with(kept[archive], library.path, "made to fit", content)
        for path in library.dropped:
            del result[path]
    return result, tuple(replace(library, content=b"", archives=()) for library in libraries)


def _with(old: PlannedPath, by: str, detail: str, content: bytes) -> PlannedPath:
    reason = Reason(Why.GENERATED.value, by, detail)
    return PlannedPath(replace(old.entry, size=len(content)), (*old.reasons, reason), content)
