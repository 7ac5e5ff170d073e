"""Shared parts of the explainers of all languages' modules: the missing paths, and the remedies."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tracewhale.diagnosis.explain.common import (
    base,
    finding,
    owned,
    there_in_full,
)
from tracewhale.diagnosis.libraries import lacking
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, searched
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.diagnosis.search import find_below

NO_MODULES = ("/proc/", "/sys/", "/var/lib/dpkg/", "/usr/share/doc/")
"""Directories without modules of any program."""


@cache
def renamed() -> Mapping[str, Mapping[str, str]]:
    text = files("tracewhale.diagnosis").joinpath("modules.toml").read_text("utf-8")
    loaded: dict[str, Any] = tomllib.loads(text)
    return loaded


@dataclass(frozen=True, slots=True)
class SearchPath:
    """A language's search for modules: files by relative path, and the variable that adds a directory.

    ``mine`` returns whether a directory belongs to the running version of the language; ``other`` are the
    remedies for one that belongs to another version.
    """

    names: tuple[str, ...]
    variable: str
    mine: Callable[[str], bool] = lambda directory: True
    other: tuple[Remedy, ...] = ()


def elsewhere(case: Case, complaint: Complaint, kind: str, title: str, search: SearchPath) -> Finding | None:
    """Return the finding for a module that exists in a directory that the language does not search, or None.

    A file of that name deep in another package is a coincidence and does not count: its directory must be one
    of modules, or the application's own.
    """
    wrong = None
    for directory, path in find_below(case.view, search.names):
        if path.startswith(NO_MODULES) or any(f"/{part}/" in f"{path}/" for part in ("test", "tests", "doc")):
            continue
        if not search.mine(directory):
            wrong = wrong or (directory, path)
            continue
        if search.names[0].startswith("node_modules/"):
            directory = f"{directory.rstrip('/')}/node_modules"
        old = case.environment.get(search.variable, "")
        full_value = case.full_environment.get(search.variable, "")
        value = (
            full_value if directory in full_value.split(":") else f"{directory}:{old}" if old else directory
        )
        remedies = set_variable(search.variable, value)
        cause = (
            f"{title} is at {path}, where it is not looked for ({search.variable} or WORKDIR {directory})."
        )
        return finding(case, complaint, kind, cause, remedies)
    if wrong is not None:
        directory, path = wrong
        cause = f"{title} is at {path}, which is for another version than the one that runs."
        return finding(case, complaint, kind, cause, search.other)
    return None


def missing_module(
    case: Case,
    complaint: Complaint,
    kind: str,
    title: str,
    paths: Sequence[str],
    fallback: Sequence[Remedy],
    names: Sequence[str] = (),
    search: SearchPath | None = None,
) -> Finding:
    """Return the finding for a missing part of a language, with the best remedies.

    ``paths`` are its possible paths: those that the complete image has or that a package of the image lists
    are the missing ones. ``search`` says where else the image may have it.
    """
    there = there_in_full(case, paths)
    there = tuple(dict.fromkeys((*there, *lacking(case, [p for p in there if ".so" in base(p)]))))
    there = Remedies(case).wholes(there)
    lost_files = owned(case, [path for path in paths if not case.exists(path)][:50])
    if search is not None and not lost_files and not there:
        if (copy := elsewhere(case, complaint, kind, title, search)) is not None:
            return copy
        lost_files = case.owners.lost(search.names)
    remedies: list[Remedy] = list(Remedies(case).copies(there))
    if lost_files:
        remedies += Remedies(case).installs(lost_files)
        cause = f"{title} belongs to an installed package, and its file {lost_files[0]} is gone."
    elif there:
        remedies += Remedies(case).installs(there)
        cause = f"{title} is not in the image: {case.full_name} has it at {there[0]}."
    else:
        cause = f"{title} is not in the image."
    remedies += [remedy for remedy in fallback if remedy not in remedies]
    return finding(
        case,
        complaint,
        kind,
        cause,
        remedies,
        evidence=searched(names or list(paths)),
        paths=there or lost_files,
    )
