"""Messages about users and their rights, and about places that cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tracewhale.diagnosis.absence import READ, WRITE, refusal
from tracewhale.diagnosis.explain import rights
from tracewhale.diagnosis.explain.common import (
    finding,
    there_in_full,
)
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.rootfs.tree import Kind


def user(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a user or group that is missing in passwd(5) or group(5)."""
    name = complaint.fact("name", "by", "path", "version", "symbol") or case.user.name or str(case.user.uid)
    group = "group" in complaint.line and "passwd" not in complaint.line
    file = "/etc/group" if group else "/etc/passwd"
    there = case.exists(file)
    number = name if name.isdigit() else ""
    if number or not name:
        uid = number or str(case.user.uid)
        line = f"app:x:{uid}:{case.user.gid}::/tmp:/sbin/nologin"
        cause = (
            f"no line of {file} has the user id {uid}."
            if there
            else f"the image has no {file}, so no name for {uid}."
        )
    else:
        uid = "10001"
        line = f"{name}:x:{uid}:" if group else f"{name}:x:{uid}:{uid}::/tmp:/sbin/nologin"
        cause = (
            f"{file} has no {'group' if group else 'user'} {name}." if there else f"the image has no {file}."
        )
    remedies = []
    full = there_in_full(case, (file, "/etc/group"))
    if case.full is not None and _has_line(case, file, name):
        remedies += Remedies(case).copies(
            (file, *(["/etc/group"] if case.full.resolve("/etc/group").exists else []))
        )
        full = (file, "/etc/group")
    if case.find_command("sh"):
        remedies.append(Remedy("echo {} >> {}", line, file))
    else:
        remedies.append(Remedy("COPY <<'EOF' {}\n{:line}\nEOF", file, line))
    if "matching entries" in complaint.line:
        remedies.append(Remedy("--user 10001:10001", note="a number needs no line"))
    elif not group:
        remedies.append(Remedy("--user 0", note="or another that it has"))
    yield finding(case, complaint, "user", cause, remedies, paths=full)


def _has_line(case: Case, file: str, name: str) -> bool:
    full = case.full
    entry = full.resolve(file).entry if full is not None else None
    if full is None or entry is None:
        return False
    (text,) = full.tree.read([(entry.path, 0, 1 << 20)])
    lines = [line.split(":") for line in os.fsdecode(text or b"").splitlines()]
    return any(name in fields[:3:2] for fields in lines)


def permission(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a file or directory that the user may not use."""
    named_file = complaint.fact("path", "file")
    path = case.absolute(named_file)
    if path == "/" or not named_file:
        return
    if (
        not case.user.home.strip("/")
        and case.user.uid
        and os.path.dirname(path) == "/"
        and not case.exists(path)
    ):
        yield from _no_home(case, complaint, path)
        return
    why = next((r for wanted in (READ, WRITE) if (r := refusal(case.view, case.user, path, wanted))), None)
    entry = case.view.resolve(path).entry
    who = case.user.name or str(case.user.uid)
    if why is None:
        obstacle = rights.executable(case, complaint, path)
        if obstacle is not None:
            yield obstacle
        return
    place = why.entry.path
    if why.wanted == WRITE and place != path and entry is None:
        cause = f"user {who} may not make {path}: it {why.words}."
    else:
        cause = f"user {who} {why.words}."
    below = why.entry.kind is Kind.DIRECTORY and place not in ("/", "/etc", "/usr", "/var")
    remedies = []
    if place in ("/", "/etc", "/usr", "/var", "/var/log", "/run", "/var/run", "/var/lib"):
        directory = path if entry is None and os.path.splitext(path)[1] == "" else os.path.dirname(path)
        directory = path if directory == "/" else directory
        remedies.append(_owned_directory(case, directory))
        remedies.append(Remedy("--tmpfs {}:mode=1777", directory))
    elif why.wanted == READ:
        remedies.append(Remedy("chmod a+rX {}", place))
        remedies.append(Remedy("COPY --chown={}:{} ... {}", case.user.uid, case.user.gid, place))
    else:
        remedies.append(
            Remedy("chown -R {}:{} {}" if below else "chown {}:{} {}", case.user.uid, case.user.gid, place)
        )
    remedies.append(Remedy("--user {}", why.entry.uid))
    yield finding(
        case,
        complaint,
        "permission",
        cause,
        remedies,
        ground="the message and the owner and mode in the image agree",
    )


def _no_home(case: Case, complaint: Complaint, path: str) -> Iterator[Finding]:
    who = case.user.name or str(case.user.uid)
    cause = f"user {who} has no home directory, so HOME is / and it may not make {path}."
    yield finding(case, complaint, "home", cause, set_variable("HOME", "/tmp"))


def _owned_directory(case: Case, place: str) -> Remedy:
    """Return the remedy that makes a directory of the user's own."""
    return Remedy("mkdir -p {} && chown {}:{} {}", place, case.user.uid, case.user.gid, place)


def home(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a home directory that is not set, missing, or not the user's."""
    place = case.environment.get("HOME") or case.user.home
    who = case.user.name or str(case.user.uid)
    if case.exists(place) and refusal(case.view, case.user, place, WRITE) is None:
        return
    cause = f"the home directory of user {who}, {place}, is not in the image."
    if case.exists(place):
        cause = f"the home directory of user {who}, {place}, is not writable."
    make = _owned_directory(case, place)
    remedies = [set_variable("HOME", "/tmp")[0], make] if case.exists("/tmp") else [make]
    yield finding(case, complaint, "home", cause, remedies)


def temporary(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a directory for temporary files."""
    path = complaint.fact("path")
    place = "/var/tmp" if path.startswith("/var/tmp") else case.environment.get("TMPDIR") or "/tmp"
    entry = case.view.resolve(place).entry
    if path and entry is not None:
        return  # a file in it, not the directory
    make = Remedy("mkdir -p -m 1777 {}", place)
    mount = Remedy("--tmpfs {}", place)
    remedies = [make, mount] if case.find_command("mkdir") else [mount, make]
    if case.read_only:
        yield finding(
            case,
            complaint,
            "read-only",
            f"the root file system is read-only, and so is {place}.",
            (mount,),
        )
    elif entry is None:
        yield finding(case, complaint, "temporary", f"the image has no {place}.", remedies, paths=(place,))
    elif (why := refusal(case.view, case.user, f"{place}/x", WRITE)) is not None:
        who = case.user.name or str(case.user.uid)
        yield finding(
            case,
            complaint,
            "temporary",
            f"user {who} {why.words}.",
            (Remedy("chmod 1777 {}", place), mount),
        )


def read_only(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a write to a file system that is mounted read-only."""
    path = complaint.fact("path", "file")
    directory = os.path.dirname(path) or "/tmp"
    mount = next(
        (m for m in sorted(case.mounts, key=len, reverse=True) if f"{path}/".startswith(f"{m}/")), ""
    )
    what = f"{mount} is mounted read-only" if mount else "the root file system is read-only (--read-only)"
    remedies = [Remedy("--tmpfs {}", directory), Remedy("-v VOLUME:{}", directory)]
    yield finding(
        case,
        complaint,
        "read-only",
        f"{path} cannot be written: {what}.",
        remedies,
        sure=Sure.YES if case.read_only or mount else Sure.LIKELY,
        ground="the message and the run's options agree" if case.read_only else "the message says so",
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


def disk(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a full disk: no file is missing."""
    yield finding(
        case,
        complaint,
        "disk",
        "a disk or tmpfs is full: no file is missing.",
        (Remedy("docker system df"),),
        sure=Sure.LIKELY,
        ground="the message says so",
    )


EXPLAINERS = {
    "user": user,
    "permission": permission,
    "home": home,
    "temporary": temporary,
    "read-only": read_only,
    "memory": memory,
    "disk": disk,
}
