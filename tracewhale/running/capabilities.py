"""Capability sets as the engine computes them (moby, oci/caps), and seccomp profiles that depend on them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tracewhale.errors import UsageError

# capability.h: the position of each name is the capability's number.
NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
    "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
    "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
    "PERFMON BPF CHECKPOINT_RESTORE"
).split()

DEFAULT = frozenset(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE".split()
)
"""The capabilities of a container without options."""

PROBE = frozenset("SYS_ADMIN SETUID SETGID SETPCAP CHOWN DAC_OVERRIDE".split())
"""The capabilities of the process that becomes the command, for installing a filter without no_new_privs and
changing the user."""

ALL = "ALL"


def bare(name: str) -> str:
    """Return a capability's name in upper case without CAP_. Raise UsageError if it is unknown."""
    short = name.upper().removeprefix("CAP_")
    if short != ALL and short not in NAMES:
        raise UsageError(f"{name!r} is not a capability.", "See capabilities(7) for their names.")
    return short


def effective(add: Iterable[str], drop: Iterable[str], *, privileged: bool = False) -> frozenset[str]:
    """Return the bounding set of a container (moby's TweakCapabilities), which is also root's permitted set.

    With ``ALL`` it is every named capability; the engine uses those that it has itself.
    """
    added, dropped = {bare(name) for name in add}, {bare(name) for name in drop}
    if privileged:
        return frozenset(NAMES)
    if ALL in added:
        return frozenset(NAMES) - dropped
    if ALL in dropped:
        return frozenset(added)
    return (DEFAULT - dropped) | added


def mask(names: Iterable[str]) -> int:
    """Return the set as the bits of /proc/PID/status."""
    return sum(1 << NAMES.index(name) for name in set(names))


def widen(add: Iterable[str], drop: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return ``CapAdd`` and ``CapDrop`` that give the same capabilities and those that the probe needs."""
    added, dropped = {bare(name) for name in add}, {bare(name) for name in drop}
    if ALL in added:
        return [ALL], sorted(dropped - PROBE)
    return sorted(effective(added, dropped) | PROBE), [ALL]


def resolved_profile(profile: str, capabilities: Iterable[str]) -> str:
    """Return a seccomp profile (moby's JSON) in which no rule depends on capabilities.

    They are evaluated as in a container with exactly ``capabilities``, so that the profile has the same
    effect in a container with more. Raise UsageError if it is not JSON.
    """
    names = {f"CAP_{name}" for name in capabilities}
    try:
        parsed: dict[str, Any] = json.loads(profile)
        rules: list[dict[str, Any]] = parsed.get("syscalls") or []
        kept = [rule for rule in rules if _applies(rule, names)]
        parsed["syscalls"] = [
            {
                key: {k: v for k, v in value.items() if k != "caps"}
                if key in ("includes", "excludes")
                else value
                for key, value in rule.items()
                if value is not None
            }
            for rule in kept
        ]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UsageError(
            "The seccomp profile is not valid: it must be a JSON object of Docker's format."
        ) from error
    return json.dumps(parsed, separators=(",", ":"))


def _applies(rule: Mapping[str, Any], result: set[str]) -> bool:
    includes = set((rule.get("includes") or {}).get("caps") or ())
    excludes = set((rule.get("excludes") or {}).get("caps") or ())
    return includes <= result and not excludes & result
