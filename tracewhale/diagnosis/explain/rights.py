"""Messages about missing rights: set-user-ID bits, capabilities, refused calls."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tracewhale.diagnosis.absence import EXECUTE, refusal
from tracewhale.diagnosis.explain.common import finding
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.rootfs.tree import Kind

SETUID = 0o4000

ALLOW = "SCMP_ACT_ALLOW"

SHOWN = 6

CALLS = {
    "ptrace": "SYS_PTRACE",
    "mount": "SYS_ADMIN",
    "umount": "SYS_ADMIN",
    "umount2": "SYS_ADMIN",
    "unshare": "SYS_ADMIN",
    "setns": "SYS_ADMIN",
    "clone": "SYS_ADMIN",
    "clone3": "SYS_ADMIN",
    "pivot_root": "SYS_ADMIN",
    "bpf": "BPF",
    "perf_event_open": "PERFMON",
    "chroot": "SYS_CHROOT",
    "reboot": "SYS_BOOT",
    "settimeofday": "SYS_TIME",
    "clock_settime": "SYS_TIME",
    "nice": "SYS_NICE",
    "sched_setscheduler": "SYS_NICE",
    "mbind": "SYS_NICE",
    "set_mempolicy": "SYS_NICE",
    "setrlimit": "SYS_RESOURCE",
    "mlock": "IPC_LOCK",
    "mlockall": "IPC_LOCK",
    "mknod": "MKNOD",
    "chown": "CHOWN",
    "changing ownership": "CHOWN",
    "setuid": "SETUID",
    "setgid": "SETGID",
    "setgroups": "SETGID",
    "initgroups": "SETGID",
    "setresuid": "SETUID",
    "setresgid": "SETGID",
    "init_module": "SYS_MODULE",
    "iopl": "SYS_RAWIO",
    "open_by_handle_at": "DAC_READ_SEARCH",
    "quotactl": "SYS_ADMIN",
    "swapon": "SYS_ADMIN",
}
"""The capability that each call requires (capabilities(7)), without CAP_."""


def port(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a port below 1024, which only root or CAP_NET_BIND_SERVICE may listen on (ip(7))."""
    number = complaint.fact("name", "by", "version", "path")
    who = case.user.name or str(case.user.uid)
    cause = f"user {who} may not listen on port {number}, which is below 1024."
    remedies = (
        Remedy("have it listen on a port such as 8080"),
        Remedy("--user 0"),
        Remedy("--security-opt sysctl=net.ipv4.ip_unprivileged_port_start=0"),
    )
    yield finding(case, complaint, "port", cause, remedies, ground="the message and the user id agree")


def set_user_id(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a program that works only as root and has lost its set-user-ID bit."""
    name = complaint.fact("path", "name") or (case.argv[0] if case.argv else "")
    path = case.find_command(name)
    entry = case.view.resolve(path).entry if path else None
    if entry is None:
        return
    if entry.mode & SETUID and entry.uid == 0:
        cause = f"{entry.path} has its set-user-ID bit, and the run does not honour it (no-new-privileges)."
        yield finding(
            case,
            complaint,
            "set-user-id",
            cause,
            (Remedy("--security-opt no-new-privileges=false"),),
            sure=Sure.LIKELY,
        )
        return
    cause = f"{entry.path} has lost its set-user-ID bit (mode {entry.mode:04o}, owner {entry.uid})."
    remedies = (Remedy("chown root {} && chmod u+s {}", entry.path, entry.path), Remedy("--user 0"))
    yield finding(
        case,
        complaint,
        "set-user-id",
        cause,
        remedies,
        paths=(entry.path,),
        ground="the message and the file's mode agree",
    )


def capability(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a program that opens raw sockets, and has lost its file capability."""
    name = complaint.fact("name")
    path = case.find_command(name)
    entry = case.view.resolve(path).entry if path else None
    if entry is None:
        return
    cause = f"{entry.path} opens a raw socket, and has neither the capability nor the set-user-ID bit for it."
    remedies = (
        Remedy("setcap cap_net_raw+ep {}", entry.path),
        Remedy("--cap-add NET_RAW"),
        Remedy("--user 0"),
    )
    yield finding(case, complaint, "capability", cause, remedies, sure=Sure.LIKELY)


def refused_call(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a call that was refused because a capability is missing, or by the engine's seccomp or AppArmor
    profile."""
    call = complaint.fact("name").lower()
    if not call:
        yield _unnamed_call(case, complaint)
        return
    wanted = CALLS.get(call)
    if wanted:
        cause = f"{call} is refused: it takes CAP_{wanted}, which is not given. No file is missing."
        remedies = [Remedy("--cap-add {}", wanted)]
        if wanted in ("CHOWN", "SETUID", "SETGID") and case.user.uid:
            remedies = [Remedy("--user 0"), *remedies]
    else:
        cause = f"{call} is refused by the engine's seccomp profile. No file is missing."
        remedies = []
    remedies.append(Remedy("--security-opt seccomp=unconfined", note="or a profile that allows the call"))
    yield finding(
        case,
        complaint,
        "refused-call",
        cause,
        remedies,
        sure=Sure.LIKELY,
        ground="EPERM, and the call's name is in the message",
    )


def _unnamed_call(case: Case, complaint: Complaint) -> Finding:
    """Return the finding for EPERM of an unknown call; the run's own seccomp profile may show which."""
    unconfined = Remedy("--security-opt seccomp=unconfined", note="to see whether a seccomp profile does it")
    refused = _refused_calls(case)
    if refused:
        calls = ", ".join(refused[:SHOWN]) + (", ..." if len(refused) > SHOWN else "")
        cause = f"the seccomp profile of the run refuses calls ({calls}), and it makes one of them."
        sure, ground = Sure.LIKELY, "the message is EPERM, and the run has a profile of its own"
    else:
        cause = (
            "the kernel refuses one of its calls (EPERM), by a seccomp profile or for want of a capability."
        )
        sure, ground = Sure.GUESS, "the message does not name the call"
    other = (
        Remedy("--user 0") if case.user.uid else Remedy("--cap-add ALL", note="to see whether one is missing")
    )
    remedies = (unconfined, other) if refused else (other, unconfined)
    return finding(case, complaint, "refused-call", cause, remedies, sure=sure, ground=ground)


def _refused_calls(case: Case) -> list[str]:
    """Return the calls that the run's own seccomp profile refuses although it allows others; "all others" if
    it is a list of allowed ones (Docker's seccomp profiles: defaultAction, syscalls)."""
    for option in case.security:
        try:
            profile = json.loads(option.removeprefix("seccomp="))
            if profile["defaultAction"] != ALLOW:
                return ["all but those that it lists"]
            rows = [row for row in profile.get("syscalls") or () if row["action"] != ALLOW]
            return sorted({str(name) for row in rows for name in row.get("names") or [row["name"]]})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return []


def executable(case: Case, complaint: Complaint, path: str) -> Finding | None:
    """Return other causes of EACCES for a file that the user may read and write, because it is to be
    executed."""
    entry = case.view.resolve(path).entry
    mount = case.mount_of(path)
    if mount and "noexec" in case.mounts[mount]:
        return finding(
            case,
            complaint,
            "noexec",
            f"{mount} is mounted noexec, and {path} is in it.",
            (Remedy("--tmpfs {}:exec", mount),),
        )
    if entry is None or entry.kind is not Kind.FILE:
        return None
    if refusal(case.view, case.user, path, EXECUTE) is not None and not entry.mode & 0o111:
        cause = f"{entry.path} has no execute permission (mode {entry.mode:04o})."
        return finding(
            case,
            complaint,
            "mode",
            cause,
            (Remedy("chmod +x {}", entry.path), *Remedies(case).copies((path,))),
        )
    return None


EXPLAINERS = {
    "port": port,
    "set-user-id": set_user_id,
    "capability": capability,
    "refused-call": refused_call,
}
