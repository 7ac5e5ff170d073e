"""One side of a comparison: the files, packages, configuration and reasons of an image, a trace or a plan."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Entry, Kind, View
from tracewhale.rootfs.walk import walk
from tracewhale.tracing.events import Trace

SHOWN_CONFIG = ("Entrypoint", "Cmd", "Env", "User", "WorkingDir", "ExposedPorts", "Volumes", "StopSignal",
                "Healthcheck", "Shell", "Labels")  # fmt: skip
CAPABILITY = "security.capability"

LABEL_LIMIT = 1000
"""The most characters of a label that is compared; longer ones record how an image was made."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The facts of a path that are compared. ``size`` is that of a regular file; ``digest`` is empty if it is
    unknown, and ``capability`` is the value of security.capability in hexadecimal (capabilities(7))."""

    kind: str
    mode: int = 0
    owner: str = ""
    size: int = 0
    target: str = ""
    digest: str = ""
    capability: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """``packages`` maps a package (``TYPE:NAME``) to its versions; ``config`` and ``facts`` are texts."""

    name: str
    files: Mapping[str, FileFacts]
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the regular files."""
        return sum(facts.size for facts in self.files.values())


def of_view(name: str, view: View, config: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot of an image: every path, with its packages and configuration; contents are hashed
    when they are compared."""
    from tracewhale.packages import Databases  # large, and not needed for a plan

    entries = dict(walk(view))
    inventory = Databases(view).find(entries, licences=False)[0]
    packages: dict[str, tuple[str, ...]] = {}
    for owned in inventory.kept_packages:
        key = f"{owned.package.kind}:{owned.package.title}"
        packages[key] = (*packages.get(key, ()), owned.package.version)
    inner = config.get("config") or {}
    settings = {key: _text(inner.get(key)) for key in SHOWN_CONFIG if inner.get(key)}
    return Snapshot(name, {path: _facts(entry) for path, entry in entries.items()}, packages, settings)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = {key: item for key, item in value.items() if len(str(item)) < LABEL_LIMIT}
    return str(value)


def _facts(entry: Entry) -> FileFacts:
    size = entry.size if entry.kind is Kind.FILE else 0
    return FileFacts(entry.kind.value, entry.mode, f"{entry.uid}:{entry.gid}", size, entry.target)


def digests(view: View, paths: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of some regular files, followed by a space and the file capability of one that has
    it."""
    wanted = list(paths)
    digests_of: dict[str, str] = {}
    for path, item in zip(wanted, view.tree.pack(wanted), strict=True):
        content = hashlib.sha256()
        for chunk in item.chunks:
            content.update(chunk)
        capability = item.xattrs.get(CAPABILITY, b"").hex()
        digests_of[path] = f"{content.hexdigest()} {capability}".rstrip()
    return digests_of


def of_lock(name: str, value: Any) -> Snapshot:
    """Return the snapshot of a lock file: the paths, sizes and digests of its targets. Raise UsageError for
    another file."""
    try:
        targets = value["targets"]
        files = {
            path if len(targets) == 1 else f"{target}: {path}": FileFacts("path")
            for target, locked in targets.items()
            for path in locked["paths"]
        }
        facts = {
            f"{target}: {fact}": str(locked[fact])
            for target, locked in targets.items()
            for fact in ("original", "image", "size")
        }
        return Snapshot(name, files, facts=facts)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{name} cannot be read as a lock file ({error}).", "Give a file that --lock wrote."
        ) from error


def of_trace(trace: Trace) -> Snapshot:
    """Return the snapshot of a trace: the requested paths that existed, with their accesses; the others as
    ``absent``."""
    accesses: dict[str, dict[str, None]] = {}
    there: dict[str, bool] = {}
    for event in sorted(trace.events):
        accesses.setdefault(event.path, {})[f"{event.access} by {event.program}"] = None
        there[event.path] = there.get(event.path, False) or event.present
    files = {
        path: FileFacts("present" if there[path] else "absent", reasons=tuple(reasons))
        for path, reasons in accesses.items()
    }
    facts = {"image": trace.image, "probe": trace.probe}
    if trace.outcome is not None:
        facts["status"] = str(trace.outcome.status)
    return Snapshot(trace.target, files, facts=facts)


def of_report(name: str, value: Any) -> Snapshot:
    """Return the snapshot of a plan, given as a report in JSON. Raise UsageError for another file."""
    try:
        files = {
            f["path"]: FileFacts(
                f["kind"], int(f["mode"]), f"{f['uid']}:{f['gid']}", int(f["size"]),
                reasons=tuple(sorted({f"{r['why']} by {r['by']}" for r in f["reasons"]})),
            )
            for f in value["plan"]["files"]
        }  # fmt: skip
        packages: dict[str, tuple[str, ...]] = {}
        for package in value["plan"]["packages"]["kept"]:
            key = f"{package['type']}:{package['name']}"
            packages[key] = (*packages.get(key, ()), package["version"])
        return Snapshot(name, files, packages, facts={"image": str(value["image"])})
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{name} has no readable plan ({error}).", "Give the output of `tracewhale plan --json`."
        ) from error


def special(facts: FileFacts) -> str:
    """Return the rights that a file lends: set-user-ID, set-group-ID, file capabilities; empty for none."""
    bits = [name for bit, name in ((stat.S_ISUID, "setuid"), (stat.S_ISGID, "setgid")) if facts.mode & bit]
    bits += [f"capability {facts.capability}"] if facts.capability else []
    return " ".join(bits) if facts.kind == Kind.FILE.value else ""
