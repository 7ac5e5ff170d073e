"""Messages about the circumstances of a run: variables, shared memory, devices, logs without a path."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from tracewhale.diagnosis.absence import WRITE, refusal
from tracewhale.diagnosis.explain.common import SAID, finding, there_in_full
from tracewhale.diagnosis.lookups import symptom_of
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure, searched
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.diagnosis.search import find_below
from tracewhale.rootfs.tree import Kind

SHARED_MEMORY = "/dev/shm"

OWN_FINDING = frozenset({"HOME", "TMPDIR", "PWD", "OLDPWD"})
"""Variables whose directories have findings of their own."""

SEARCHED, SCRIPTS, SCRIPT_LIMIT = 200, 2_000, 16 << 10
"""Directories, scripts of each depth, and bytes of a script that are searched for a variable."""


def variable(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a missing variable of the environment."""
    name = complaint.fact("name", "by")
    if not name or case.environment.get(name):
        return
    value = case.full_environment.get(name, "")
    cause = f"the variable {name} is not set: neither the image's ENV nor the run has it."
    if value:
        cause = (
            f"the variable {name} is not set, and {case.full_name} sets it: COPY --from takes no ENV along."
        )
    elif script := _setting(case, name):
        cause = f"the variable {name} is not set: {script} sets it, and nothing reads that."
        line = f". {shlex.quote(script)} && exec {shlex.join(case.argv)}"
        remedies = [Remedy("CMD {}", ("/bin/sh", "-c", line)), Remedy("-e {}=VALUE", name)]
        yield finding(case, complaint, "variable", cause, remedies)
        return
    image, run = set_variable(name, value or "VALUE")
    yield finding(
        case,
        complaint,
        "variable",
        cause,
        (image, run) if value else (run, image),
        ground="the message and the configuration agree",
    )


def lost_paths(case: Case) -> Iterator[Finding]:
    """Yield each variable that names a missing path below which the command searched, if the output has the
    variable or the path."""
    for name, value in sorted(case.environment.items()):
        if name in OWN_FINDING or not value.startswith("/") or ":" in value or case.exists(value):
            continue
        absent = [path for path in case.absent if f"{path}/".startswith(f"{value.rstrip('/')}/")]
        if not absent or (name not in case.output and value not in case.output):
            continue
        there = there_in_full(case, (value,))
        rest = absent[-1].removeprefix(value).strip("/")
        other = next((place for place, _ in find_below(case.view, (rest,))), "") if rest else ""
        remedies = [*Remedies(case).copies(there), *(set_variable(name, other) if other else ())]
        cause = f"{name} is {value}, which is not in the image" + (f": see {other}." if other else ".")
        yield Finding(
            "variable",
            symptom_of(case),
            cause,
            tuple(remedies or Remedies(case).files((value,))),
            Sure.YES,
            "the environment, the output and the look-ups agree",
            searched(absent),
            there,
            SAID - 10,
        )


def _setting(case: Case, name: str) -> str:
    """Return a script for shells, below /etc, that sets a variable; empty for none."""
    sets = re.compile(rf"^\s*export {re.escape(name)}=".encode(), re.MULTILINE)
    level, looked = ["/etc"], 0
    while level and looked < SEARCHED:
        entries = [e for place in level for e in (case.view.listing(place) or {}).values()]
        looked += len(level)
        small = sorted(e.path for e in entries if e.kind is Kind.FILE and e.size <= SCRIPT_LIMIT)[:SCRIPTS]
        texts = case.view.tree.read([(path, 0, SCRIPT_LIMIT) for path in small])
        for path, text in zip(small, texts, strict=True):
            if text and sets.search(text):
                return path
        level = [e.path for e in entries if e.kind is Kind.DIRECTORY]
    return ""


def shared_memory(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a lack of shared memory: /dev/shm is a tmpfs of 64 MB unless the run sets another size
    (shm_overview(7))."""
    why = refusal(case.view, case.user, f"{SHARED_MEMORY}/x", WRITE)
    given = case.mounts.get(SHARED_MEMORY)
    if why is None and given is None and "space" not in complaint.line and "SIGBUS" not in complaint.line:
        return
    cause = f"{SHARED_MEMORY} cannot be used: it is full, too small, or not the user's to write."
    remedies = (Remedy("--shm-size 1g"), Remedy("--tmpfs {}:mode=1777", SHARED_MEMORY))
    yield finding(
        case,
        complaint,
        "shared-memory",
        cause,
        remedies,
        sure=Sure.LIKELY,
        ground="the call is for shared memory",
    )


def device(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a device that a container has only on request."""
    path = complaint.fact("path")
    yield finding(
        case,
        complaint,
        "device",
        f"the container has no {path}: an engine gives a container no devices but the usual ones.",
        (Remedy("--device {}", path),),
    )


EXPLAINERS = {"variable": variable, "shared-memory": shared_memory, "device": device}
