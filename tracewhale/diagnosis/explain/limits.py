"""Messages about limits of the run: file systems that are read-only or full, memory, open files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from tracewhale.diagnosis.directories import WRITES
from tracewhale.diagnosis.explain.common import finding
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedy import Remedy, joined
from tracewhale.rootfs.tree import Kind

OF_THE_ENGINE = ("/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""Paths that an engine mounts itself, writable or not."""

SHOWN = 4

_PATH = re.compile(r"/[^\s:'\"\u2019()]+")


def read_only(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a write to a file system that is mounted read-only: one finding for all directories in which
    the command wrote or tried to write."""
    path = complaint.fact("path", "file")
    mount = case.mount_of(path)
    if mount:
        places = [os.path.dirname(path) or "/tmp"]
        cause = f"{path} cannot be written: {mount} is mounted read-only."
        remedies = [Remedy("-v {}", places[0]), Remedy("--tmpfs {}", places[0])]
    else:
        places = _topmost([*_written(case), *([_directory(case, path)] if path else [])])
        what = path if len(places) == 1 and path else ", ".join(places[:SHOWN])
        more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
        cause = f"{what}{more} cannot be written: the root file system is read-only (--read-only)."
        remedies = [
            joined([_writable(case, place) for place in places], " "),
            Remedy("leave out --read-only"),
        ]
    yield finding(
        case,
        complaint,
        "read-only",
        cause,
        remedies,
        sure=Sure.YES if case.read_only or mount else Sure.LIKELY,
        ground="the message and the run's options agree" if case.read_only else "the message says so",
        evidence=tuple(f"written to: {place}" for place in places),
    )


def _writable(case: Case, place: str) -> Remedy:
    """Return the option that makes a directory writable: a volume takes over the files that the image has
    in it, a tmpfs hides them."""
    if any(entry.kind is not Kind.DIRECTORY for entry in (case.view.listing(place) or {}).values()):
        return Remedy("-v {}", place)
    return Remedy("--tmpfs {}:mode=1777" if case.user.uid else "--tmpfs {}", place)


def _written(case: Case) -> list[str]:
    """Return the directories of the root file system in which the command made, changed or deleted names, or
    tried to."""
    traces = [trace for trace in (case.trace, case.writable) if trace is not None and case.read_only]
    events = [event for trace in traces for event in trace.events]
    changes = WRITES | {"write", "unlink", "truncate", "rename-from"}
    paths = {event.path for event in events if event.access in changes and event.root == "/"}
    return sorted({_directory(case, path) for path in paths if not case.mount_of(path) and not _engine(path)})


def _engine(path: str) -> bool:
    return any(f"{path}/".startswith(f"{place}/") for place in OF_THE_ENGINE)


def _directory(case: Case, path: str) -> str:
    """Return the physical directory in which a name is made or changed: the nearest that the image has."""
    above = os.path.dirname(path.rstrip("/")) or "/"
    while (entry := case.view.resolve(above).entry) is None and above != "/":
        above = os.path.dirname(above)
    return entry.path if entry is not None else "/"


def _topmost(places: Sequence[str]) -> list[str]:
    """Return places, each once, without those below another; nothing can be mounted on the root."""
    there = [place for place in dict.fromkeys(places) if place != "/"] or ["/tmp"]
    return [p for p in there if not any(p != top and p.startswith(f"{top}/") for top in there)]


def disk(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a full file system: a tmpfs of the run with a size, or the disk of the engine."""
    match = _PATH.search(complaint.line)
    mounts = {case.mount_of(match[0])} if match is not None else set()
    if not any(mounts) and case.trace is not None:
        mounts = {
            case.mount_of(event.path) for event in case.trace.events if event.access in ("write", "create")
        }
    sized = sorted(mount for mount in mounts if mount and "size=" in case.mounts[mount])
    if sized:
        size = re.search(r"size=(\w+)", case.mounts[sized[0]])
        cause = f"{sized[0]} is full: its size is {size[1] if size else 'set'} (--tmpfs). No file is missing."
        yield finding(
            case,
            complaint,
            "disk",
            cause,
            (
                Remedy("--tmpfs {}:size=1g", sized[0], note="or as much as it needs"),
                Remedy("-v {}", sized[0]),
            ),
            ground="the message and the run's options agree",
        )
        return
    yield finding(
        case,
        complaint,
        "disk",
        "the disk of the engine is full: no file is missing.",
        (Remedy("docker system df", note="shows what takes the space, docker system prune frees it"),),
        sure=Sure.LIKELY,
        ground="the message says so",
    )


def memory(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a lack of memory: no file is missing."""
    yield finding(
        case,
        complaint,
        "memory",
        "it used more memory than it may: no file is missing.",
        (Remedy("--memory with more"),),
        sure=Sure.LIKELY,
        ground="the message says so",
    )


EXPLAINERS = {"read-only": read_only, "disk": disk, "memory": memory}
