"""Missing directories in which a command wants to write, which it lists, or which it enters."""

from __future__ import annotations

import os
import re

from tracewhale.diagnosis.model import Case
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, joined
from tracewhale.rootfs.tree import Kind

WRITES = frozenset({"create", "mkdir", "mknod", "bind", "symlink", "rename-to", "link-to"})
ENTERS = frozenset({"chdir", "list", "watch"})

_WORDS = re.compile(r"mkdir|creat|chdir|directory ['\"`]|for writing|bind\(")


def wanted_directory(case: Case, path: str, line: str = "") -> str:
    """Return the directory that a missing path requires, or an empty string if it requires a file.

    The accesses decide; without a trace of them, the text of the message does.
    """
    full = case.full.resolve(path).entry if case.full is not None else None
    accesses = case.accesses(path)
    if accesses & WRITES or (not accesses and _WORDS.search(line)):
        above = os.path.dirname(path.rstrip("/")) or "/"
        if full is not None and full.kind is Kind.DIRECTORY and "mkdir" not in accesses:
            return path.rstrip("/")
        return "" if case.has_directory(above) else above
    if accesses & ENTERS or path.endswith("/") or (full is not None and full.kind is Kind.DIRECTORY):
        return path.rstrip("/") or "/"
    return ""


def directory_remedies(case: Case, directory: str) -> tuple[Remedy, ...]:
    """Return remedies that make a directory, with its owner in the complete image or one that suits the
    user."""
    full = case.full.resolve(directory).entry if case.full is not None else None
    entry = full if full is not None and full.kind is Kind.DIRECTORY else None
    owner = f"{case.user.uid}:{case.user.gid}" if case.user.uid else ""
    mode = 0o755
    if entry is not None:
        owner = f"{entry.uid}:{entry.gid}" if entry.uid or entry.gid else owner
        mode = entry.mode & 0o7777
    make = Remedy("mkdir -p {}", directory)
    if mode != 0o755:
        make = Remedy("mkdir -p -m {} {}", f"{mode:o}", directory)
    if owner:
        make = joined((make, Remedy("chown {} {}", owner, directory)), " && ")
    lasting = Remedy("--tmpfs {}:mode=1777" if owner else "--tmpfs {}", directory)
    remedies = [make, lasting]
    if not case.find_command("mkdir"):
        remedies = [lasting, Remedy("WORKDIR {}", directory, note="makes it, where the image has no shell")]
    copies: list[Remedy] = []
    if entry is not None and case.full is not None and case.full.listing(entry.path):
        copies = Remedies(case).copies((directory,))
    return tuple((*copies, *remedies) if not case.accesses(directory) & WRITES else (*remedies, *copies))
