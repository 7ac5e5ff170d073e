"""A report for people, read from JSON or from an image's label, and checked.

Reports may come from strangers, so every field is checked to have its declared type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tracewhale.errors import UsageError
from tracewhale.report.removed import RemovedPlace
from tracewhale.why import Ledger, from_report

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReportedFile:
    """One kept path. ``kind`` is one of rootfs.tree.Kind's values, ``size`` the bytes of a regular file."""

    path: str
    kind: str = "file"
    size: int = 0
    mode: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class ReportedPackage:
    """A package of the original: the kept and the removed bytes of its files.

    ``complete`` is None if it is unknown whether all of it is kept.
    """

    id: str
    kind: str
    name: str
    version: str
    files: int = 0
    size: int = 0
    removed: int = 0
    complete: bool | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A title with its counts before and after (paths of the attack surface, of libraries)."""

    title: str
    before: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportedRequest:
    """One request and the original's answer; ``difference`` says how the new image's answer differs."""

    text: str
    status: int
    type: str
    size: int
    difference: str = ""


@dataclass(frozen=True, slots=True)
class ReportedUnit:
    """A unit of which the run used a part: its kept and omitted bytes."""

    kind: str
    name: str
    because: str
    kept: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A path, and the seconds after which it was first opened or executed."""

    path: str
    seconds: float
    executed: bool


@dataclass(frozen=True)
class ReportDocument:
    """The contents of a report; values that the source lacks are empty or None.

    ``sizes`` are the bytes of the original and of the new image, ``accepted`` is the entry of the lock file:
    bytes, new paths, paths that are gone. ``growth`` counts the known accesses after each slice of the run;
    ``opened`` are files in the order in which they were opened. ``value`` is the report in JSON values.
    """

    name: str
    ledger: Ledger
    target: str = ""
    command: str = ""
    tool: str = ""
    image: str = ""
    files: tuple[ReportedFile, ...] = ()
    sizes: tuple[int, int] | None = None
    start: tuple[str, ...] = ()
    verified: bool | None = None
    verdict: str = ""
    error: str = ""
    rounds: int = 0
    added: tuple[str, ...] = ()
    requests: tuple[ReportedRequest, ...] = ()
    unstable: int = 0
    steps: tuple[tuple[str, str, int], ...] = ()
    growth: tuple[int, ...] = ()
    opened: tuple[Opened, ...] = ()
    packages: tuple[ReportedPackage, ...] = ()
    libraries: tuple[Group, ...] = ()
    surface: tuple[Group, ...] = ()
    possible: tuple[tuple[str, str], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    level: str = ""
    levels: tuple[tuple[str, int], ...] = ()
    units: tuple[ReportedUnit, ...] = ()
    places: tuple[RemovedPlace, ...] | None = None
    complete: bool = True
    notes: tuple[str, ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()
    accesses: int = 0
    probe: str = ""
    accepted: tuple[int, tuple[str, ...], tuple[str, ...]] | None = None
    value: Any = None
    from_label: bool = False

    @property
    def kept_size(self) -> int:
        """The bytes of the kept files."""
        return sum(file.size for file in self.files)

    @property
    def removed_size(self) -> int:
        """The bytes of the removed files; 0 if they were not searched."""
        return sum(place.size for place in self.places or ())

    @property
    def removed_files(self) -> int:
        """The number of removed files; 0 if they were not searched."""
        return sum(place.files for place in self.places or ())


def of_ledger(name: str, ledger: Ledger) -> ReportDocument:
    """Return the contents of an image's label: paths, best reasons, sizes and packages."""
    files = tuple(
        ReportedFile(path, size=ledger.sizes.get(path, 0), kind=_kind(ledger, path))
        for path in ledger.reasons
    )
    return ReportDocument(
        name, ledger, name, files=files, packages=_packages(ledger, {}, {}), from_label=True
    )


def _kind(ledger: Ledger, path: str) -> str:
    """Return the kind of a path in a label, which has only sizes: only files have these."""
    return "file" if ledger.sizes.get(path) else ""


def of_value(value: Any) -> ReportDocument:
    """Return the contents of a report in JSON. Raise UsageError if it has no plan, or is malformed."""
    ledger = from_report(value)
    try:
        return _document(value, ledger)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(
            f"The file has no readable report ({error!r}).",
            "Give the output of `tracewhale run --json` or `plan --json`.",
        ) from error


def _document(value: Any, ledger: Ledger) -> ReportDocument:
    plan, built, trace = value["plan"], value.get("built"), value.get("trace") or {}
    verification, removed = value.get("verification"), value.get("removed")
    target = str(value["target"])
    removed_sizes = {str(p["id"]): int(p["bytes"]) for p in removed["packages"]} if removed else {}
    is_whole = {str(p["id"]): bool(p["whole"]) for p in plan["packages"]["kept"]}
    steps = list(trace.get("steps") or ())
    answers = (verification or {}).get("answers") or {}
    error, accepted = value.get("error"), value.get("accepted")
    return ReportDocument(
        name=str(built["name"]) if built else target,
        ledger=ledger,
        target=target,
        command=str(value.get("command", "")),
        tool=str((value.get("tool") or {}).get("version", "")),
        image=str(value.get("image", "")),
        files=_tuple(plan["files"], _file),
        sizes=(int(built["original_size"]), int(built["size"])) if built else None,
        start=_texts(built.get("start") or ()) if built else (),
        verified=None if verification is None else bool(verification["verified"]),
        verdict=str((verification or {}).get("verdict", "")),
        error=str(error["what"]) if error else "",
        rounds=int((verification or {}).get("rounds", 0)),
        added=_texts((verification or {}).get("added") or ()),
        requests=_requests(steps, answers),
        unstable=int(answers.get("unstable", 0)),
        steps=tuple((str(s["kind"]), str(s["argument"]), int(s["status"])) for s in steps),
        growth=tuple(int(count) for step in steps for count in step.get("growth") or ()),
        opened=_tuple(trace.get("opened") or (), _opened),
        packages=_packages(ledger, is_whole, removed_sizes),
        libraries=_libraries(plan["libraries"]),
        surface=_tuple(plan["surface"].items(), lambda pair: _surface(*pair)),
        possible=_tuple(plan["libraries"]["possible"], lambda p: (str(p["path"]), str(p["named_by"]))),
        missing=_tuple(plan["missing"]["libraries"], lambda m: (str(m["library"]), str(m["needed_by"]))),
        level=str(plan["units"]["level"]),
        levels=tuple((str(name), int(size)) for name, size in plan["units"]["levels"].items()),
        units=_tuple(plan["units"]["found"], _unit),
        places=_tuple(removed["places"], _place) if removed else None,
        complete=bool(removed["complete"]) if removed else True,
        notes=_texts(value.get("notes") or ()),
        seconds=tuple((str(name), float(took)) for name, took in (value.get("seconds") or {}).items()),
        accesses=int(trace.get("events", 0)),
        probe=str(trace.get("probe", "")),
        accepted=_accepted(accepted) if accepted else None,
        value=value,
    )


def _accepted(value: Any) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    return int(value["bytes"]), _texts(value["new"]), _texts(value["gone"])


def _tuple(values: Any, make: Callable[[Any], T]) -> tuple[T, ...]:
    return tuple(make(value) for value in values)


def _texts(values: Any) -> tuple[str, ...]:
    return _tuple(values, str)


def _file(value: Any) -> ReportedFile:
    owner = f"{int(value['uid'])}:{int(value['gid'])}"
    return ReportedFile(
        str(value["path"]), str(value["kind"]), max(0, int(value["size"])), int(value["mode"]), owner
    )


def _opened(value: Any) -> Opened:
    return Opened(str(value["path"]), max(0.0, float(value["seconds"])), bool(value["executed"]))


def _place(value: Any) -> RemovedPlace:
    size = max(0, int(value["bytes"]))
    return RemovedPlace(str(value["path"]), max(0, int(value["files"])), size, bool(value["directory"]))


def _unit(value: Any) -> ReportedUnit:
    kind, name, because = str(value["kind"]), str(value["name"]), str(value["because"])
    return ReportedUnit(kind, name, because, int(value["kept"]), int(value["left_out"]))


def _surface(name: str, change: Any) -> Group:
    title = {"setuid": "setuid files"}.get(name, str(name).replace("_", " "))
    return Group(title, _texts(change["before"]), _texts(change["left"]))


LIBRARIES = {
    "both": "by the trace and the closure",
    "traced": "only by the trace",
    "closure": "only by the closure",
    "other": "by rules, units and options",
}


def _libraries(value: Any) -> tuple[Group, ...]:
    return tuple(Group(title, left=_texts(value[name])) for name, title in LIBRARIES.items())


def _requests(steps: list[Any], answers: Any) -> tuple[ReportedRequest, ...]:
    differences = {str(d["request"]): str(d["what"]) for d in answers.get("differences") or ()}
    return tuple(
        ReportedRequest(
            str(e["request"]),
            int(e["status"]),
            str(e["type"]),
            int(e["size"]),
            differences.get(str(e["request"]), ""),
        )
        for step in steps
        for e in step.get("exchanges") or ()
    )


def _packages(
    ledger: Ledger, complete: Mapping[str, bool], removed: Mapping[str, int]
) -> tuple[ReportedPackage, ...]:
    """Return every package: first those of which most is kept, then those without kept files."""
    files: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for path, names in ledger.packages.items():
        for name in names:
            files[name] = files.get(name, 0) + 1
            sizes[name] = sizes.get(name, 0) + ledger.sizes.get(path, 0)
    packages = [
        ReportedPackage(
            name, *_parts(name), files[name], sizes[name], removed.get(name, 0), complete.get(name)
        )
        for name in files
    ]
    rest = dict.fromkeys((*ledger.left_out, *removed))
    packages += [
        ReportedPackage(name, *_parts(name), removed=removed.get(name, 0))
        for name in rest
        if name not in files
    ]
    return tuple(sorted(packages, key=lambda p: (not p.files, -p.size, -p.removed, p.id)))


def _parts(identity: str) -> tuple[str, str, str]:
    """Return type, name and version of ``TYPE:NAME@VERSION``; the name may contain an @."""
    kind, _, rest = identity.partition(":")
    name, _, version = rest.rpartition("@")
    return kind, name or rest, version
