"""What look-ups in vain explain a failure, where no message does."""

from __future__ import annotations

import fnmatch
import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from tracewhale.diagnosis.absence import absence
from tracewhale.diagnosis.explain.common import searched
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedies import Remedies

PROVEN, OWNED, LAST = 40, 35, 10
"""Weights: what the complete image has, what a package of the image says it has, the last that was tried."""

SHOWN = 3
ASKED_OF_PACKAGES = 400
"""Paths whose package is looked up: the last ones."""


@cache
def _harmless() -> re.Pattern[str]:
    text = files("tracewhale.diagnosis").joinpath("harmless.toml").read_text("utf-8")
    globs = [glob for group in tomllib.loads(text)["group"] for glob in group["globs"]]
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs))


def harmless(path: str) -> bool:
    """Whether a look-up of a path in vain is a part of every run."""
    return _harmless().match(path) is not None


def unexplained(case: Case) -> Iterator[Finding]:
    """Findings from the look-ups alone, for a command that failed and printed nothing that tells why."""
    candidates = relevant(case)
    if case.full is not None:
        there = tuple(p for p in candidates if case.full.resolve(p).exists)
        if there:
            yield _finding(
                case, there, Sure.LIKELY, PROVEN, f"{case.full_name} has what was looked for in vain"
            )
        return
    last = candidates[-ASKED_OF_PACKAGES:]
    gone = tuple(path for path in last if Remedies(case).owners(case.view, (path,)))
    if gone:
        yield _finding(case, gone, Sure.LIKELY, OWNED, "a package of the image says that it has it")
    elif last:
        yield _finding(case, (last[-1],), Sure.GUESS, LAST, "it is the last that was looked for in vain")


def relevant(case: Case) -> list[str]:
    """Look-ups in vain that are neither usual nor a part of a search that ended well; the last one last."""
    events = case.trace.events if case.trace is not None else ()
    found = {os.path.basename(event.path) for event in events if event.present}
    order = {path: number for number, path in enumerate(case.outcome.absent)} if case.outcome else {}
    plain = [p for p in case.absent if not harmless(p) and os.path.basename(p) not in found]
    made = {
        e.path for e in events if e.access in ("create", "mkdir", "unlink", "rename-to", "bind", "symlink")
    }
    missing = [p for p in plain if p not in made and absence(case, p) is not None]
    return sorted(missing, key=lambda path: (order.get(path, -1), path))


def _finding(case: Case, paths: tuple[str, ...], sure: Sure, weight: int, ground: str) -> Finding:
    names = ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")
    verb = "is" if len(paths) == 1 else "are"
    said = case.output.strip().splitlines()
    symptom = said[-1][:160] if said else f"{case.argv[0] if case.argv else case.name} printed nothing"
    if case.status:
        symptom += f" (status {case.status})"
    remedies = Remedies(case).files(paths)
    cause = f"{names} {verb} not in the image, and the command asked for {'it' if verb == 'is' else 'them'}."
    return Finding("file", symptom, cause, remedies, sure, ground, searched(paths), paths, weight)
