"""Messages about users and their rights."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from tracewhale.diagnosis.absence import READ, WRITE, Refusal, refusal
from tracewhale.diagnosis.directories import wanted_directory
from tracewhale.diagnosis.explain import rights
from tracewhale.diagnosis.explain.common import base, finding, lookups, there_in_full
from tracewhale.diagnosis.explain.files import directory_finding
from tracewhale.diagnosis.lookups import harmless
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure, searched
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, joined, set_variable
from tracewhale.rootfs.tree import Kind, View


def user(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a user or group that is missing in passwd(5) or group(5)."""
    name = complaint.fact("name", "by", "path", "version", "symbol") or case.user.name or str(case.user.uid)
    group = "group" in complaint.line and "passwd" not in complaint.line
    unread = _unread_database(case, complaint, name, "group" if group else "passwd")
    if unread is not None:
        yield unread
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


def root(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a server that refuses to be root: the image may have a user with its name, as postgres has."""
    programs = {base(event.program) for event in case.trace.events} if case.trace is not None else set()
    programs |= {base(word) for word in case.argv[:1]}
    users = [name for name in _names(case.view, "/etc/passwd") if len(name) > 2 and name != "root"]
    own = next((name for name in users if any(program.startswith(name) for program in programs)), "")
    program = next((p for p in sorted(programs) if own and p.startswith(own)), "the program")
    cause = f"{program} refuses to run as root."
    ways = (Remedy("--user {}", own), Remedy("USER {}", own)) if own else (Remedy("--user 1000:1000"),)
    yield finding(case, complaint, "root", cause, ways, sure=Sure.LIKELY, ground="the message says so")


def _names(view: View, file: str) -> list[str]:
    """Return the first field of each line of passwd(5) or group(5)."""
    entry = view.resolve(file).entry
    (text,) = view.tree.read([(entry.path, 0, 1 << 20)]) if entry is not None else (b"",)
    return [line.partition(":")[0] for line in os.fsdecode(text or b"").splitlines()]


def _unread_database(case: Case, complaint: Complaint, name: str, database: str) -> Finding | None:
    """Return the finding for a source of names whose module (nss(5)) was searched without success."""
    entry = case.view.resolve("/etc/nsswitch.conf").entry
    (text,) = case.view.tree.read([(entry.path, 0, 1 << 16)]) if entry is not None else (b"",)
    lines = [line.partition("#")[0].split() for line in os.fsdecode(text or b"").splitlines()]
    sources = next((words[1:] for words in lines if words[:1] == [f"{database}:"]), [])
    modules = {f"libnss_{source}.so.2": source for source in sources}
    absent = lookups(case, lambda path: base(path) in modules)
    if not absent:
        return None
    module = base(absent[0])
    paths = there_in_full(case, absent) or case.owners.lost([module])
    known = bool(paths) and not (case.full is not None and _has_line(case, f"/etc/{database}", name))
    cause = (
        f"nsswitch.conf names {modules[module]} as a source of users and groups such as {name}, and its "
        f"module {module} is not in the image."
    )
    remedies = Remedies(case).files(paths, module, name=module)
    sure = Sure.YES if known else Sure.GUESS
    ground = "the message, nsswitch.conf and the look-ups agree"
    kind = "name-service"
    return finding(
        case,
        complaint,
        kind,
        cause,
        remedies,
        sure=sure,
        ground=ground,
        evidence=searched(absent),
        paths=paths,
    )


def authentication(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain what a program that authenticates by PAM (pam(3)) lacks: shadow(5), a service, a module."""
    name = complaint.fact("name") or "passwd"
    modules = lookups(case, lambda path: "/security/pam_" in path)
    needs = {
        "/etc/shadow": "it has the passwords",
        f"/etc/pam.d/{name}": f"it says how {name} authenticates",
        "/etc/pam.d/other": f"it says how {name} authenticates",
    }
    absent = [path for path in needs if path in case.absent or (not case.trace and not case.exists(path))]
    lost = modules or [path for path in absent if not case.exists(path)][:1]
    if not lost:
        return
    path = lost[0]
    why = needs.get(path, f"/etc/pam.d names it for {name}")
    remedies = list(Remedies(case).files((path,)))
    if path == "/etc/shadow":
        make = Remedy("pwconv", note="makes it from /etc/passwd, with no passwords")
        ways = (make, Remedy("--user 0", note="root needs no password"))
        remedies = [*Remedies(case).copies((path,)), *(reversed(ways) if case.user.uid else ways)]
    yield finding(
        case,
        complaint,
        "authentication",
        f"{path} is not in the image: {why}.",
        remedies,
        evidence=searched(lost),
        paths=(path,),
    )


def database(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a database file that SQLite cannot open or write: it also makes files beside it
    (sqlite.org/tempfiles.html)."""
    events = sorted(case.trace.events) if case.trace is not None else ()
    writes = {"read", "write", "create"}
    tried = [e.path for e in events if e.root == "/" and e.access in writes and not harmless(e.path)]
    likely = [path for path in tried if re.search(r"\.(?:db|sqlite3?|sqlitedb|db3)(?:-\w+)?$", path)]
    for path in likely:
        directory = wanted_directory(case, path, complaint.line) if not case.exists(path) else ""
        if directory and not case.exists(directory):
            yield directory_finding(case, complaint, directory, path)
            return
        for place in (path, os.path.join(os.path.dirname(path), "x")):
            if (why := refusal(case.view, case.user, place, WRITE)) is not None:
                yield _not_writable(case, complaint, path, why)
                return


def _not_writable(case: Case, complaint: Complaint, path: str, why: Refusal) -> Finding:
    who = case.user.name or str(case.user.uid)
    above = os.path.dirname(path)
    cause = f"user {who} {why.words}, and SQLite writes to {path} and makes files beside it."
    owner = f"{case.user.uid}:{case.user.gid}"
    remedies = (Remedy("chown -R {} {}", owner, above), Remedy("--user {}", why.entry.uid))
    return finding(case, complaint, "permission", cause, remedies)


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
    remedies = set_variable("HOME", "/tmp")
    if not case.exists("/tmp"):
        options = (remedies[1], Remedy("--tmpfs /tmp:mode=1777"))
        remedies = (joined(options, " "), _owned_directory(case, "/home/app"))
    yield finding(case, complaint, "home", cause, remedies)


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


EXPLAINERS = {
    "user": user,
    "root": root,
    "authentication": authentication,
    "database": database,
    "permission": permission,
    "home": home,
    "temporary": temporary,
}
