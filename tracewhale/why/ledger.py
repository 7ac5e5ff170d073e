"""The reasons of a plan by path, and the shortest chain of them from a path to the command."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracewhale.errors import UsageError
from tracewhale.plan.reasons import Reason, Why, explain
from tracewhale.rootfs.tree import Kind, parent

if TYPE_CHECKING:
    from tracewhale.plan.model import Plan

BECAUSE = "because of "
"""The text before the path for which a unit is kept, in the detail of its reason."""

FEW = 3
"""The most packages that may share a directory before its other contents count as unrelated."""

PLACES = {Why.PARENT.value: 3, Why.SYMLINK.value: 2, Why.PACKAGE.value: 1}
"""Reasons that only concern the place or the description of a path; they rank after reasons of need."""


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One step of a chain: a path and its reason."""

    path: str
    reason: Reason

    @property
    def text(self) -> str:
        """The step as text."""
        try:
            return explain(self.reason)
        except ValueError:  # a kind of reason that a newer version knows
            return f"{self.reason.why} {self.reason.by}"


@dataclass(frozen=True, slots=True)
class ListedModule:
    """A module of a class library (``library`` is its path), and why it stays: None if it was left out.

    ``packages`` have dots. The reason is on behalf of a path, or of another module. Where --shrink left out
    packages or classes of modules that stay, each that stays is listed as well, without packages, and so is
    each package that is left out or lacks classes, without a reason.
    """

    name: str
    library: str
    packages: tuple[str, ...]
    reason: Reason | None


@dataclass(frozen=True)
class Ledger:
    """The facts in a plan for questions: reasons, bytes and packages (``TYPE:NAME@VERSION``) of each path.

    ``left_out`` are the packages without kept files, ``excluded`` the paths that the user left out.
    """

    reasons: Mapping[str, tuple[Reason, ...]]
    sizes: Mapping[str, int] = field(default_factory=dict)
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    modules: tuple[ListedModule, ...] = ()
    """The modules of the class libraries that --shrink looked at."""

    @cached_property
    def steps(self) -> Mapping[str, tuple[Reason, int]]:
        """The best reason of each path, and its number of steps from the command.

        This is a breadth-first search from reasons without a kept path: each path is reached once.
        """
        below: dict[str, list[tuple[str, Reason]]] = {}
        begin: list[tuple[int, str, Reason]] = []
        for path, reasons in self.reasons.items():
            for reason in reasons:
                source = _source(reason)
                if source in self.reasons and source != path:
                    below.setdefault(source, []).append((path, reason))
                else:
                    begin.append((PLACES.get(reason.why, 0), path, reason))
        nearest: dict[str, tuple[Reason, int]] = {}
        queue: deque[tuple[str, Reason, int]] = deque(
            (p, r, 1) for _, p, r in sorted(begin, key=lambda b: b[:2])
        )
        waiting: dict[int, list[tuple[str, Reason, int]]] = {}
        while queue or waiting:
            if not queue:
                queue.extend(waiting.pop(min(waiting)))
                continue
            path, reason, steps = queue.popleft()
            if path in nearest:
                continue
            nearest[path] = (reason, steps)
            for next_path, next_reason in below.get(path, ()):
                if next_path not in nearest:
                    later = PLACES.get(next_reason.why, 0)
                    item = (next_path, next_reason, steps + 1)
                    waiting.setdefault(later, []).append(item) if later else queue.append(item)
        return nearest


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to one question: the chain (empty if the path is not kept), and the sums below it."""

    question: str
    chain: tuple[ChainStep, ...] = ()
    files: int = 0
    size: int = 0
    packages: tuple[str, ...] = ()
    note: str = ""

    @property
    def kept(self) -> bool:
        return bool(self.chain)


def from_plan(plan: Plan) -> Ledger:
    """Return the ledger of a plan."""
    return Ledger(
        {path: kept.reasons for path, kept in plan.kept.items()},
        {path: kept.entry.size for path, kept in plan.kept.items() if kept.entry.kind is Kind.FILE},
        {path: tuple(_name(p) for p in packages) for path, packages in plan.packages.owners.items()},
        tuple(_name(package) for package in plan.packages.left_out),
        plan.excluded,
        tuple(
            ListedModule(name, library.path, packages, _cause(cause.by, cause.name) if cause else None)
            for library in plan.shrunk
            for name, packages, cause in (
                *((part.module, part.packages, part.cause) for part in library.parts),
                *((part.name, (), part.cause) for part in library.inside),
            )
        ),
    )


def _cause(by: str, name: str) -> Reason:
    """Return the reason for a module, a package or a class: what names it, or a rule."""
    return Reason(Why.IMPORTED.value, by, name) if by else Reason(Why.RULE.value, name)


def _name(package: Any) -> str:
    return f"{package.kind}:{package.title}@{package.version}"


def from_report(value: Any) -> Ledger:
    """Return the ledger of a report in JSON (``plan --json``, ``run --json``). Raise UsageError for another
    file."""
    try:
        files = value["plan"]["files"]
        return Ledger(
            {f["path"]: tuple(Reason(r["why"], r["by"], r["detail"]) for r in f["reasons"]) for f in files},
            {f["path"]: int(f["size"]) for f in files},
            {f["path"]: tuple(f["packages"]) for f in files if f["packages"]},
            tuple(package["id"] for package in value["plan"]["packages"]["left_out"]),
            tuple(value["plan"]["excluded"]),
            tuple(
                ListedModule(
                    part["module"] if "module" in part else part["name"],
                    library["path"],
                    tuple(part.get("packages", ())),
                    _cause(part["cause"]["by"], part["cause"]["name"]) if part["cause"] else None,
                )
                for library in value["plan"].get("shrunk", ())
                for part in (*library.get("parts", ()), *library.get("inside", ()))
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"The file has no readable plan ({error}).", "Give the output of `tracewhale plan --json`."
        ) from error


def chain(ledger: Ledger, path: str) -> tuple[ChainStep, ...]:
    """Return the shortest chain of reasons from a kept path to the command; () if it is not kept."""
    lines: list[ChainStep] = []
    seen: set[str] = set()
    while path in ledger.steps and path not in seen:
        seen.add(path)
        reason, _ = ledger.steps[path]
        lines.append(ChainStep(path, reason))
        path = _source(reason)
    return tuple(lines)


def _source(reason: Reason) -> str:
    """Return the path on whose behalf a reason keeps another."""
    if reason.why == Why.UNIT.value:
        return reason.detail.rpartition(BECAUSE)[2]
    return reason.detail if reason.why == Why.RULE.value and reason.detail.startswith("/") else reason.by


def ask(ledger: Ledger, questions: Sequence[str]) -> tuple[Explanation, ...]:
    """Return an explanation for each question, which is a path or a package's name."""
    return tuple(
        _path(ledger, question.rstrip("/") or "/") if question.startswith("/") else _package(ledger, question)
        for question in questions
    )


def _path(ledger: Ledger, path: str) -> Explanation:
    below = [p for p in ledger.reasons if p == path or p.startswith(f"{path.rstrip('/')}/")]
    if path in ledger.reasons:
        return _sum(ledger, path, chain(ledger, path), below)
    if path in ledger.excluded:
        return Explanation(path, note="It was taken away by --exclude.")
    above = parent(path)
    while above not in ledger.reasons and above != "/":
        above = parent(above)
    note = f"Nothing asked for it; {above} is kept."
    near = [ledger.packages[p] for p in ledger.reasons if parent(p) == above and p in ledger.packages]
    whose = dict.fromkeys(package for packages in near for package in packages)
    if above != "/" and 0 < len(whose) <= FEW:
        names = ", ".join(whose)
        note += f" What is kept beside it is of {names}: --keep package keeps the rest of that, too."
    return Explanation(path, packages=(), note=f"{note} Keep it alone with --include {path}.")


def _package(ledger: Ledger, name: str) -> Explanation:
    paths = [p for p, owners in ledger.packages.items() if any(_is(name, owner) for owner in owners)]
    if paths:
        best = min(paths, key=lambda p: (ledger.steps[p][1] if p in ledger.steps else 1 << 30, p))
        return _sum(ledger, name, chain(ledger, best), paths)
    out = [owner for owner in ledger.left_out if _is(name, owner)]
    if not out and (module := _module_of(ledger, name)) is not None:
        return _module(ledger, name, module)
    if out:
        note = f"Nothing asked for a file of {out[0]}. Keep what you need of it with --include PATH."
        return Explanation(name, packages=tuple(out), note=note)
    return Explanation(name, note="No path begins so (one begins with /), and no package has this name.")


def _module_of(ledger: Ledger, name: str) -> ListedModule | None:
    """Return the class or package of this name, or that which has it; or else the module."""
    question = plain = name.removesuffix(".class").replace("/", ".")
    listed = {module.name: module for module in ledger.modules}
    owners = {package: module for module in ledger.modules for package in module.packages}
    while plain:
        if (module := listed.get(plain) or owners.get(plain)) is not None:
            kept = (part for part in ledger.modules if part.reason and part.name.startswith(f"{question}."))
            return module if module.reason or plain != question else next(kept, module)
        plain = plain.rpartition(".")[0]
    return None


def _module(ledger: Ledger, name: str, module: ListedModule) -> Explanation:
    """Return the chain from a part of a class library to the command, or the way to keep it."""
    siblings = {sibling.name: sibling for sibling in ledger.modules if sibling.library == module.library}
    lines: list[ChainStep] = []
    at: ListedModule | None = module
    while at is not None and at.reason is not None and len(lines) < len(siblings):
        lines.append(ChainStep(at.name, at.reason))
        at = siblings.get(at.reason.by)
    if lines:
        return Explanation(name, (*lines, *chain(ledger, lines[-1].reason.by)))
    if module.packages:
        note = (
            f"Its module {module.name} is left out of {module.library}: nothing that is kept names one of its"
        )
        return Explanation(name, note=f"{note} classes. Keep the whole library with --no-shrink java.")
    note = f"It is left out of {module.library}: nothing that is kept names it."
    return Explanation(name, note=f"{note} Keep the whole module with --shrink java=modules.")


def _is(name: str, package: str) -> bool:
    kind, _, rest = package.partition(":")
    return name in (package, rest, rest.rpartition("@")[0], f"{kind}:{rest.rpartition('@')[0]}")


def _sum(ledger: Ledger, requested: str, steps: tuple[ChainStep, ...], paths: Iterable[str]) -> Explanation:
    members = list(paths)
    packages = dict.fromkeys(package for path in members for package in ledger.packages.get(path, ()))
    return Explanation(
        requested, steps, len(members), sum(ledger.sizes.get(path, 0) for path in members), tuple(packages)
    )
