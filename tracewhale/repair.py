"""Put missing files of a complete image into a broken one, and run the result as a test."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from tracewhale.context import Context
from tracewhale.diagnosis import Diagnosis, Finding, Sure
from tracewhale.engines.base import Engine, Rebuilt
from tracewhale.engines.names import Name
from tracewhale.errors import VerificationFailed
from tracewhale.examine import TRUE, Complete, References, look
from tracewhale.image import recipe as recipes
from tracewhale.image.recipe import PLAIN
from tracewhale.plan.model import RUNTIME_PATHS, Plan, PlannedPath
from tracewhale.plan.reasons import Reason, Why
from tracewhale.rootfs.patched_tree import PatchedTree
from tracewhale.rootfs.tree import ROOT, Entry, Kind, View
from tracewhale.stages import Job, hold, name_of, original_of

ROUNDS = 8
"""The most rounds of repairing and running before the repair fails."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The additions to the image: paths, and variables of its environment; and the name of the new image.

    ``findings`` are the repaired ones, in order; without an addition there is no image.
    """

    first: Diagnosis
    findings: tuple[Finding, ...] = ()
    paths: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    name: str = ""
    bytes: int = 0


def repair(
    engine: Engine, job: Job, context: Context, references: References, destination: Name | None = None
) -> Repair:
    """Repair an image from ``references.against`` until its command does not fail, and publish the new one.

    Raise VerificationFailed with the remaining finding if that takes more than files and variables of the
    complete image; then no image is left.
    """
    with ExitStack() as held:
        target, view = hold(held, context, job.name, lambda: engine.open(job.name, job.request))
        full = hold(held, context, references.against, lambda: engine.open(references.against, TRUE))[1]
        place = destination or _fixed(target.default_destination)
        tree = PatchedTree(view, full)
        variables: dict[str, str] = {}
        complete = Complete(engine, job, references.against, context)
        diagnosis = first = look(engine, target, view, job, context, references, complete=complete)
        mended: list[Finding] = []
        rebuilt: Rebuilt | None = None
        with ExitStack() as built:
            for _ in range(ROUNDS):
                if not (diagnosis.failed or diagnosis.findings):
                    break
                new = [finding for finding in diagnosis.findings if _mend(finding, tree, variables, full)]
                if not new:
                    raise _failed(diagnosis, references.against)
                mended += new
                built.close()
                patched = View(tree)
                plan = _everything(patched, tree, references.against)
                original = original_of(target)
                original = replace(original, config=_with_variables(original.config, variables))
                with context.stage("image", f"putting in {len(tree.paths)} paths of {references.against}"):
                    written = built.enter_context(recipes.write(patched, plan, original, PLAIN))
                    rebuilt = built.enter_context(target.rebuilt(written.image))
                diagnosis = look(engine, rebuilt.target, patched, job, context, references, complete=complete)
            else:
                raise _failed(diagnosis, references.against)
            if rebuilt is None:
                return Repair(first)
            rebuilt.publish(place)
        words = tuple(f"{name}={value}" for name, value in sorted(variables.items()))
        size = sum(e.size for p in tree.paths if (e := patched.lstat(p)) and e.kind is Kind.FILE)
        return Repair(first, tuple(mended), tree.paths, words, name_of(place), size)


def _fixed(place: Name) -> Name:
    """Return the default name of a repaired image; it is not a slim image."""
    return replace(place, place=place.place.replace("skinny-", "fixed-", 1))


def _mend(finding: Finding, tree: PatchedTree, variables: dict[str, str], full: View) -> bool:
    """Add the files and variables that a finding names; return whether any is new."""
    if finding.sure is Sure.GUESS:
        return False
    before = len(tree.paths)
    for path in finding.paths:
        if path not in tree.paths:
            tree.add(path)
    changed = len(tree.paths) > before
    variable = finding.remedies[0].variable if finding.remedies else None
    if not changed and variable is not None:
        name, value = variable
        changed = variables.get(name) != value
        variables[name] = value
    return changed


def _everything(view: View, tree: PatchedTree, source: str) -> Plan:
    """Return a plan that keeps all paths of a view."""
    put = frozenset(tree.paths)
    kept: dict[str, PlannedPath] = {
        "/": PlannedPath(view.lstat("/") or ROOT, (Reason(Why.INCLUDED.value, "the image"),))
    }
    level = ["/"]
    while level:
        view.prefetch(level)
        entries = [entry for directory in level for entry in (view.listing(directory) or {}).values()]
        entries = [entry for entry in entries if entry.path not in RUNTIME_PATHS[3:]]
        for entry in entries:
            by = source if entry.path in put else "the image"
            kept[entry.path] = PlannedPath(entry, (Reason(Why.INCLUDED.value, by),))
        level = [entry.path for entry in entries if _is_own_directory(entry)]
    return Plan(kept)


def _is_own_directory(entry: Entry) -> bool:
    return entry.kind is Kind.DIRECTORY and entry.path not in RUNTIME_PATHS


def _with_variables(config: Any, variables: dict[str, str]) -> Any:
    inner = dict(config.get("config") or {})
    words = [word for word in inner.get("Env") or () if word.partition("=")[0] not in variables]
    inner["Env"] = [*words, *(f"{name}={value}" for name, value in variables.items())]
    return {**config, "config": inner}


def _failed(diagnosis: Diagnosis, against: str) -> VerificationFailed:
    first = diagnosis.findings[0] if diagnosis.findings else None
    why = first.cause if first else "no finding explains how it fails"
    hint = f"Do this: {first.remedies[0].line}" if first and first.remedies else "See diagnose -v."
    return VerificationFailed(f"Files of {against} do not repair {diagnosis.name}: {why}", hint)
