"""Shared parts of explainers: findings from a message, and its look-ups."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.diagnosis.search import find_name

CONFIRMED, SAID = 80, 50
"""The weights of a message that the files confirm, and of one that they do not."""


def finding(
    case: Case,
    complaint: Complaint,
    kind: str,
    cause: str,
    remedies: Sequence[Remedy],
    *,
    sure: Sure = Sure.YES,
    ground: str = "the message and the image's files agree",
    evidence: Sequence[str] = (),
    paths: Sequence[str] = (),
) -> Finding:
    """Return a finding whose symptom is the message itself."""
    ended = case.step_failure or (f"status {case.status}" if case.status else "")
    status = f" ({ended})" if ended else ""
    weight = (CONFIRMED if sure is Sure.YES else SAID) + complaint.weight
    said = (f"printed: {complaint.line}", f"message of: {complaint.source}", *evidence)
    return Finding(
        kind,
        f"{shortened(complaint.line)}{status}",
        cause,
        tuple(remedies),
        sure,
        ground,
        said,
        tuple(paths),
        weight,
    )


def shortened(line: str, limit: int = 160) -> str:
    """Return a line of output as a symptom: on one line, and shortened."""
    return line if len(line) <= limit else f"{line[:limit]}..."


def lookups(case: Case, belongs: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the missing requested paths that belong to the searched thing.

    With a complete image, return those that it has: these are needed, and the others are a search.
    """
    paths = [path for path in case.absent if belongs(path)]
    if case.full is not None and (there := [p for p in paths if case.full.resolve(p).exists]):
        return tuple(there)
    return tuple(paths)


def there_in_full(case: Case, paths: Sequence[str]) -> tuple[str, ...]:
    """Return those of some paths that the complete image has and this image lacks."""
    if case.full is None:
        return ()
    return tuple(p for p in dict.fromkeys(paths) if case.full.resolve(p).exists and not case.exists(p))


def by_name_in_full(case: Case, name: str) -> tuple[str, ...]:
    """Return the path of a file by its name in the complete image, if this image has nothing at that path."""
    if case.full is None:
        return ()
    place = find_name(case.full, name)
    return (place,) if place and not case.exists(place) else ()


def owned(case: Case, paths: Sequence[str]) -> tuple[str, ...]:
    """Return those of some missing paths that a package of the image lists."""
    return tuple(p for p in paths if not case.exists(p) and case.owners.of((p,)))


def listed_directories(case: Case) -> tuple[str, ...]:
    """Return the directories that the command listed, because Python and others search in this way."""
    events = case.trace.events if case.trace is not None else ()
    return tuple(sorted({e.real or e.path for e in events if e.access == "list" and e.present}))


def base(path: str) -> str:
    return os.path.basename(path)
