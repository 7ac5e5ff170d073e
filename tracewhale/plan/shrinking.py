"""Files of which the new image has only a part (--shrink): the class library of a JVM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tracewhale.errors import UsageError
from tracewhale.java.model import LibraryUnit, ShrunkLibrary
from tracewhale.java.shrink import Shrinker
from tracewhale.languages import Environment
from tracewhale.plan.model import PlannedPath
from tracewhale.plan.reasons import Reason, Why

JAVA = "java"
SHRINKABLE = (JAVA,)
"""The kinds of files that --shrink names."""

COMPANIONS = frozenset({Why.UNIT.value, Why.PACKAGE.value})
"""Reasons of paths that were not requested, but belong to requested ones."""


def shrinkable(value: str) -> tuple[str, str]:
    """Return the kind of files and the unit in a value of --shrink (KIND or KIND=UNIT). Raise UsageError."""
    kind, equals, unit = value.partition("=")
    if kind not in SHRINKABLE:
        raise UsageError(f"--shrink does not know {kind!r}.", "It knows java.")
    units = [unit.value for unit in LibraryUnit]
    if equals and unit not in units:
        raise UsageError(f"--shrink {kind} has no unit {unit!r}.", f"The units are {', '.join(units)}.")
    return kind, unit or LibraryUnit.MODULES.value


def command_words(request: Mapping[str, Any], environment: Environment) -> str:
    """Return the text of a request and of the image's configuration: the command, its options and
    variables."""
    variables = (f"{name}={value}" for name, value in environment.variables)
    return "\n".join((json.dumps(request, default=str), *environment.words, *variables))


def unused_paths(reasons: Mapping[str, Iterable[Reason]]) -> frozenset[str]:
    """Return the paths that nothing requested, by the reasons of all kept paths."""
    return frozenset(path for path, why in reasons.items() if {reason.why for reason in why} <= COMPANIONS)


def shrink_files(
    shrinker: Shrinker, kept: Mapping[str, PlannedPath]
) -> tuple[dict[str, PlannedPath], tuple[ShrunkLibrary, ...]]:
    """Return the kept paths with shrunk class libraries, and the result for each library.

    An archive of loaded classes (CDS) is adapted to the new library.
    """
    entries = {path: planned.entry for path, planned in kept.items()}
    unused = unused_paths({path: planned.reasons for path, planned in kept.items()})
    libraries = shrinker.shrink(entries, unused)
    result = dict(kept)
    for library in libraries:
        if not library.content:
            continue
        detail = f"with the {library.unit.value} that the program can reach"
        result[library.path] = _with(kept[library.path], "class library", detail, library.content)
        for archive, content in library.archives:
            result[archive] = _with(kept[archive], library.path, "made to fit", content)
        for path in library.dropped:
            del result[path]
    return result, tuple(replace(library, content=b"", archives=()) for library in libraries)


def _with(old: PlannedPath, by: str, detail: str, content: bytes) -> PlannedPath:
    reason = Reason(Why.GENERATED.value, by, detail)
    return PlannedPath(replace(old.entry, size=len(content)), (*old.reasons, reason), content)
