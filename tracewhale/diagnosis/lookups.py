"""Explain failures without a message by look-ups of missing paths."""

from __future__ import annotations

import fnmatch
import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from stat import S_ISGID, S_ISUID

from tracewhale.diagnosis.absence import READ, WRITE, Refusal, absence, first_missing, refusal
from tracewhale.diagnosis.directories import WRITES, directory_remedies, wanted_directory
from tracewhale.diagnosis.model import Case, Finding, Sure, searched
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.diagnosis.search import find_below
from tracewhale.rootfs.tree import View

PROVEN, REFUSED, OWNED, LAST = 40, 38, 35, 10
"""The weights of paths that the complete image has, that a mode refuses, that a package of the image lists,
and that were tried last."""

SHOWN = 3
ASKED_OF_PACKAGES = 400
"""The number of paths, from the last, whose package is looked up."""

_NOT_FOUND = re.compile(r"[Nn]o such file or directory|os error 2\b|\bENOENT\b|\bNotFound\b")
"""Words of a missing file that is not named: strerror(3), Rust's std::io::Error."""

_STACK = re.compile(r"\s|from |at |File |Traceback|\)")
"""The beginnings of lines that are not messages themselves."""


@cache
def _harmless(*, searches: bool) -> re.Pattern[str]:
    """Return the pattern of the usual look-ups, with or without the searches of interpreters."""
    text = files("tracewhale.diagnosis").joinpath("harmless.toml").read_text("utf-8")
    groups = [entry for entry in tomllib.loads(text)["group"] if searches or not entry.get("search")]
    return re.compile("|".join(fnmatch.translate(glob) for group in groups for glob in group["globs"]))


def harmless(path: str) -> bool:
    """Return whether the look-up of a missing path is part of every run."""
    return _harmless(searches=True).match(path) is not None


def unexplained(case: Case) -> Iterator[Finding]:
    """Yield findings from the look-ups alone, for a command that failed without a message that says why."""
    yield from refused_lookups(case)
    candidates = relevant(case)
    if case.full is not None:
        there = tuple(p for p in candidates if case.full.resolve(p).exists) or _imported(case, case.full)
        if there:
            ground = f"{case.full_name} has what was looked for in vain"
            yield _finding(case, there, Sure.LIKELY, PROVEN, ground)
        return
    candidates = [path for path in candidates if not case.view.resolve(path).blocked]
    last = candidates[-ASKED_OF_PACKAGES:]
    lost_files = tuple(path for path in last if case.owners.of((path,)))
    if lost_files:
        yield _finding(case, lost_files, Sure.LIKELY, OWNED, "a package of the image says that it has it")
    elif last and (elsewhere := _elsewhere(case, last[-1])) is not None:
        yield elsewhere
    elif last:
        said = _NOT_FOUND.search(case.output) is not None
        ground = "it is the last that was looked for in vain" + (
            ", and the output says ENOENT" if said else ""
        )
        yield _finding(case, (last[-1],), Sure.LIKELY if said else Sure.GUESS, LAST, ground)


def _elsewhere(case: Case, path: str) -> Finding | None:
    """Return the finding for a path below the working directory that the image has below another one."""
    relative = path.removeprefix(f"{case.directory.rstrip('/')}/")
    if relative == path or "/" not in relative:
        return None
    directory, place = next(find_below(case.view, (relative,)), ("", ""))
    if not place or directory == case.directory:
        return None
    cause = f"{relative} is looked for in {case.directory}, and the image has it at {place}."
    ways = (Remedy("WORKDIR {}", directory), Remedy("--workdir {}", directory))
    ground = "the look-up and the image's files agree"
    evidence = searched((path,))
    return Finding("workdir", symptom_of(case), cause, ways, Sure.LIKELY, ground, evidence, (), OWNED)


def _imported(case: Case, full: View) -> tuple[str, ...]:
    """Return the paths that an interpreter searches in every run, and that only the complete image has."""
    usual = _harmless(searches=False)
    return tuple(
        path
        for path in case.absent
        if not usual.match(path) and full.resolve(path).exists and absence(case, path) is not None
    )


def refused_lookups(case: Case) -> Iterator[Finding]:
    """Yield the last tried place that the user may not write, or file that it may not read."""
    if case.trace is None or not case.user.uid:
        return
    refusals: list[tuple[int, str, Refusal]] = []
    order = {path: number for number, path in enumerate(case.outcome.absent)} if case.outcome else {}
    for event in sorted(case.trace.events):
        wanted = WRITE if event.access in WRITES else READ if event.access in ("read", "list") else 0
        if not wanted or event.root != "/" or harmless(event.path) or event.path == "/":
            continue
        program = case.view.lstat(event.program)
        other_user = program is not None and program.mode & (S_ISUID | S_ISGID)
        if other_user or any(event.path.startswith(f"{mount}/") for mount in case.mounts):
            continue
        why = refusal(case.view, case.user, event.path, wanted)
        if why is not None:
            refusals.append((order.get(event.path, -1), event.path, why))
    if not refusals:
        return
    _, path, why = max(refusals, key=lambda row: (row[2].wanted == WRITE, row[0]))
    who = case.user.name or str(case.user.uid)
    place = why.entry.path
    cause = f"user {who} {why.words}, where it wants {path}." if place != path else f"user {who} {why.words}."
    remedies = (
        Remedy("chown {}:{} {}", case.user.uid, case.user.gid, place),
        Remedy("--user {}", why.entry.uid),
    )
    evidence = tuple(f"refused: {path}: {row.words}" for _, path, row in refusals)
    ground = "mode and owner in the image refuse what it tried"
    yield Finding("permission", symptom_of(case), cause, remedies, Sure.LIKELY, ground, evidence, (), REFUSED)


def relevant(case: Case) -> list[str]:
    """Return look-ups of missing paths that are neither usual nor part of a successful search, the last one
    last."""
    events = case.trace.events if case.trace is not None else ()
    present = {os.path.basename(event.path) for event in events if event.present}
    stems = {_stem(event.path) for event in events if event.present}
    order = {path: number for number, path in enumerate(case.outcome.absent)} if case.outcome else {}
    plain = [
        p
        for p in case.absent
        if not harmless(p) and os.path.basename(p) not in present and _stem(p) not in stems
    ]
    written = {e.path for e in events if e.access in WRITES or e.access == "unlink"}
    missing = [
        p for p in plain if (p not in written or not _can_be_made(case, p)) and absence(case, p) is not None
    ]
    return sorted(missing, key=lambda path: (order.get(path, -1), path))


def _stem(path: str) -> str:
    """Return a path without the text after its name's first dot: searches try one suffix after the other."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/{name.partition('.')[0] or name}"


def _can_be_made(case: Case, path: str) -> bool:
    above = os.path.dirname(path.rstrip("/")) or "/"
    return case.has_directory(above) or "mkdir" in case.accesses(above)


def _finding(case: Case, paths: tuple[str, ...], sure: Sure, weight: int, ground: str) -> Finding:
    symptom = symptom_of(case)
    last = paths[-1]
    if len(paths) == 1 and (directory := wanted_directory(case, last)):
        what = "" if directory == last.rstrip("/") else f", and {last} cannot be made in it"
        place = first_missing(case.view, directory)
        cause = f"the directory {place} is not in the image{what}."
        remedies = directory_remedies(case, place)
        return Finding("directory", symptom, cause, remedies, sure, ground, searched(paths), (place,), weight)
    names = ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")
    verb, them = ("is", "it") if len(paths) == 1 else ("are", "them")
    cause = f"{names} {verb} not in the image, and the command asked for {them}."
    return Finding(
        "file", symptom, cause, Remedies(case).files(paths), sure, ground, searched(paths), paths, weight
    )


def symptom_of(case: Case) -> str:
    """Return the command's last words: the last line that is not part of a stack, with its status or that of
    an answer."""
    lines = [line for line in case.output.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if not _STACK.match(line)), lines[-1] if lines else "")
    symptom = said.strip()[:160] or f"{case.argv[0] if case.argv else case.name} printed nothing"
    if case.step_failure:
        return symptom if case.step_failure in symptom else f"{symptom} ({case.step_failure})"
    return f"{symptom} (status {case.status})" if case.status else symptom
