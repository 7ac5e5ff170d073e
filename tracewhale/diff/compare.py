"""Compare two snapshots, and return the difference as text and as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracewhale.diff.snapshot import FileFacts, Snapshot, special
from tracewhale.printable import printable

Digests = Callable[[Iterable[str]], Mapping[str, str]]

SHOWN = 40
"""The most lines of one kind of change in the text."""


@dataclass(frozen=True, slots=True)
class Change:
    """A thing that only one of the two has, or that differs; ``what`` describes the difference."""

    kind: str
    name: str
    before: str
    after: str
    what: str = ""

    @property
    def sign(self) -> str:
        return "+" if not self.before else "-" if not self.after else "~"


@dataclass(frozen=True, slots=True)
class Difference:
    """All differences, in the order of kind and name; without changes the two are equal."""

    names: tuple[str, str]
    sizes: tuple[int, int]
    counts: tuple[int, int]
    changes: tuple[Change, ...]


def compare(first: Snapshot, second: Snapshot, contents: tuple[Digests, Digests] | None = None) -> Difference:
    """Return the differences. ``contents`` hash regular files of each side, if both have contents."""
    same_size = [
        p
        for p, f in first.files.items()
        if f.kind == "file" and f.size and _same_size(f, second.files.get(p))
    ]
    ours, theirs = (digest_of(same_size) for digest_of in contents) if contents else ({}, {})
    left = {p: _with_contents(f, ours.get(p, "")) for p, f in first.files.items()}
    right = {p: _with_contents(f, theirs.get(p, "")) for p, f in second.files.items()}
    packages = [{k: ", ".join(sorted(v)) for k, v in side.packages.items()} for side in (first, second)]
    changes = (
        *_texts("fact", first.facts, second.facts),
        *_texts("config", first.config, second.config),
        *_texts("package", *packages),
        *_files(left, right),
    )
    return Difference(
        (first.name, second.name), (first.size, second.size), (len(left), len(right)), tuple(changes)
    )


def _with_contents(facts: FileFacts, words: str) -> FileFacts:
    digest, _, capability = words.partition(" ")
    return replace(facts, digest=digest, capability=capability) if words else facts


def _same_size(facts: FileFacts, other: FileFacts | None) -> bool:
    return other is not None and other.kind == facts.kind and other.size == facts.size


def _texts(kind: str, first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*first, *second}):
        if first.get(name, "") != second.get(name, ""):
            yield Change(kind, name, first.get(name, ""), second.get(name, ""))


def _files(first: Mapping[str, FileFacts], second: Mapping[str, FileFacts]) -> Iterator[Change]:
    for path in sorted({*first, *second}):
        before, after = first.get(path), second.get(path)
        if before is None or after is None:
            yield Change("file", path, _shown(before), _shown(after))
            continue
        what = [
            name
            for name in ("kind", "mode", "owner", "size", "target", "digest")
            if getattr(before, name) != getattr(after, name)
        ]
        if what:
            yield Change("file", path, _shown(before), _shown(after), ", ".join(what))
        if set(before.reasons) != set(after.reasons):
            old_reasons = "; ".join(sorted({*before.reasons} - {*after.reasons})) or "none"
            new_reasons = "; ".join(sorted({*after.reasons} - {*before.reasons})) or "none"
            yield Change("reason", path, old_reasons, new_reasons)
        if special(before) != special(after):
            yield Change("rights", path, special(before) or "none", special(after) or "none")


def _shown(facts: FileFacts | None) -> str:
    if facts is None:
        return ""
    words = [
        facts.kind,
        f"{facts.mode:04o}" if facts.mode else "",
        facts.owner,
        str(facts.size or ""),
        facts.target,
    ]
    return " ".join(filter(None, words))


def render(difference: Difference) -> str:
    """Return the difference as text, a line for each change: first the short lists, then the files."""
    lines = [
        f"- {printable(difference.names[0])}: {difference.counts[0]} paths, {difference.sizes[0]} bytes",
        f"+ {printable(difference.names[1])}: {difference.counts[1]} paths, {difference.sizes[1]} bytes",
    ]
    if not difference.changes:
        lines.append("No difference.")
    shown: dict[str, int] = {}
    for change in difference.changes:
        shown[change.kind] = shown.get(change.kind, 0) + 1
        if shown[change.kind] <= SHOWN:
            lines.append(_line(change))
    lines += [
        f"  and {n - SHOWN} {kind} changes more; --json has all" for kind, n in shown.items() if n > SHOWN
    ]
    return "".join(f"{line}\n" for line in lines)


def _line(change: Change) -> str:
    name = f"{change.sign} {change.kind} {printable(change.name)}"
    if change.sign != "~":
        return f"{name}: {printable(change.before or change.after)}"
    what = f" ({change.what})" if change.what else ""
    return f"{name}{what}: {printable(change.before)} -> {printable(change.after)}"


def to_json(difference: Difference) -> dict[str, Any]:
    """Return the output of ``diff --json``."""
    sides = zip(difference.names, difference.counts, difference.sizes, strict=True)
    return {
        "schema": 1,
        "command": "diff",
        "sides": [{"name": name, "paths": count, "bytes": size} for name, count, size in sides],
        "changes": [
            {"kind": c.kind, "name": c.name, "change": {"+": "added", "-": "removed", "~": "changed"}[c.sign],
             "before": c.before, "after": c.after, "what": c.what}
            for c in difference.changes
        ],
    }  # fmt: skip
