"""The model of a diagnosis and of its facts. Frozen; the files are read through views."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from tracewhale.closure import Resolver
from tracewhale.closure.deps import USUAL_PATH
from tracewhale.diagnosis.contents import Contents
from tracewhale.diagnosis.owners import Owners
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Outcome, Step, Trace

EVIDENCE_LIMIT = 40
"""The most paths in evidence."""

OUTPUT_TAIL = 256 << 10
"""The bytes of each output, from the end, that are searched for messages."""

SERVER_ERROR = 500
"""The lowest status of an answer that says that the server failed (RFC 9110, 15.6)."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Sure(IntEnum):
    """The certainty of a finding; a larger value is more certain."""

    GUESS = 1
    LIKELY = 2
    YES = 3

    @property
    def word(self) -> str:
        return {Sure.GUESS: "no, a guess", Sure.LIKELY: "likely", Sure.YES: "yes"}[self]


@dataclass(frozen=True, slots=True)
class User:
    """The user of the command; ``name`` is the USER string of the configuration or of ``--user``."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = (0,)
    home: str = "/"
    name: str = ""


@dataclass(frozen=True)
class Case:
    """A command that failed (or may have), and everything that is known about it.

    ``name`` is the user's name for the image, ``view`` shows its files. ``argv``, ``environment``, ``user``
    and ``directory`` are those of the run; ``mounts`` are paths on which something is mounted, with the
    options (``ro``, ``noexec``, empty); ``volumes`` are those that the image declares. ``read_only`` says
    that the root file system is; ``security`` are the run's security options, with a seccomp profile as its
    text. ``trace`` is None if nothing ran; ``refusal`` is then the engine's message. ``files_known`` is false
    if the view only has the files in a trace, without their contents. ``writable`` is the trace of the same
    command with a root file system that it may write to, where its own is read-only. ``full`` shows the files
    of a complete image, called ``full_name``, which sets ``full_environment``. ``architecture`` is the
    image's, by Go's names.
    """

    name: str
    view: View
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: User = User()
    directory: str = "/"
    mounts: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    read_only: bool = False
    security: tuple[str, ...] = ()
    architecture: str = ""
    trace: Trace | None = None
    writable: Trace | None = None
    refusal: str = ""
    files_known: bool = True
    full: View | None = None
    full_name: str = ""
    full_environment: Mapping[str, str] = field(default_factory=dict)
    contents: Contents | None = None

    @property
    def outcome(self) -> Outcome | None:
        return self.trace.outcome if self.trace is not None else None

    @property
    def status(self) -> int | None:
        """The exit status, or None if nothing ran to its end."""
        return self.outcome.status if self.outcome is not None else None

    @property
    def failed(self) -> bool:
        """Whether something failed: the start, the command by its status, or a step that drove it."""
        if self.refusal:
            return True
        if self.outcome is None:
            return False
        if any(step.status for step in self.steps) or self.step_failure:
            return True
        return bool(self.outcome.status and not self.outcome.stopped)

    @property
    def step_failure(self) -> str:
        """The failure of a step while the command ran: the first request that was answered with a status of
        500 to 599, or another step; empty for none."""
        for step in self.steps:
            for exchange in step.exchanges:
                status = exchange.answer.status if exchange.answer is not None else 0
                if status >= SERVER_ERROR and status != exchange.request.expected:
                    return f"{exchange.request} was answered with {status}"
        stopped = self.outcome is not None and self.outcome.stopped
        return self.refusal.partition("\n")[0].removesuffix(".") if stopped else ""

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.trace.steps if self.trace is not None else ()

    @cached_property
    def output(self) -> str:
        """The last output of the command and the engine's message, without colours; standard error comes
        last."""
        parts = [self.refusal]
        if self.outcome is not None:
            both = (self.outcome.stdout, self.outcome.stderr)
            parts = [out[-OUTPUT_TAIL:].decode("utf-8", "surrogateescape") for out in both] + parts
        return _ESCAPES.sub("", "\n".join(part for part in parts if part)).replace("\r\n", "\n")

    @cached_property
    def resolver(self) -> Resolver:
        """The image's dynamic loader."""
        return Resolver(self.view)

    @cached_property
    def full_resolver(self) -> Resolver | None:
        """The complete image's dynamic loader."""
        return Resolver(self.full) if self.full is not None else None

    @cached_property
    def owners(self) -> Owners:
        """The image's package databases."""
        return Owners(self.view)

    @cached_property
    def full_owners(self) -> Owners | None:
        """The complete image's package databases."""
        return Owners(self.full) if self.full is not None else None

    @property
    def loader_environment(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((k, v) for k, v in self.environment.items() if k.startswith("LD_")))

    def absolute(self, path: str) -> str:
        """Return a path as the command sees it, from its working directory."""
        if path.startswith("/") and not path.startswith("//"):
            return path
        return "/" + os.path.normpath(os.path.join(self.directory, path)).lstrip("/")

    def mount_of(self, path: str) -> str:
        """Return the innermost mount that has a path, or an empty string if the root file system has it."""
        inside = [mount for mount in self.mounts if f"{path}/".startswith(f"{mount.rstrip('/')}/")]
        return max(inside, key=len, default="")

    @property
    def search_path(self) -> tuple[str, ...]:
        """The directories of PATH."""
        return tuple(self.absolute(d or ".") for d in self.environment.get("PATH", USUAL_PATH).split(":"))

    def find_command(self, name: str) -> str:
        """Return the path at which execvp(3) finds a command, even if it may not be executed; empty if there
        is none."""
        if "/" in name:
            return self.absolute(name)
        for directory in self.search_path:
            path = os.path.join(directory, name)
            if self.view.resolve(path, follow=False).exists:
                return path
        return ""

    def exists(self, path: str) -> bool:
        """Return whether a requested path exists in the image."""
        return self.view.resolve(path).exists

    def has_directory(self, path: str) -> bool:
        """Return whether a directory exists in the image, or the engine makes it for a mount or a volume."""
        return self.exists(path) or path in self.mounts or path.rstrip("/") in self.volumes

    @cached_property
    def _accesses(self) -> Mapping[str, frozenset[str]]:
        by_path: dict[str, set[str]] = {}
        for event in self.trace.events if self.trace is not None else ():
            if not event.present:
                by_path.setdefault(os.path.normpath(event.path), set()).add(event.access)
        return {path: frozenset(accesses) for path, accesses in by_path.items()}

    def accesses(self, path: str) -> frozenset[str]:
        """Return the ways in which a missing path was requested; none if it was not."""
        return self._accesses.get(os.path.normpath(path), frozenset())

    @property
    def paths(self) -> frozenset[str]:
        """Every requested path."""
        return frozenset(event.path for event in self.trace.events) if self.trace is not None else frozenset()

    @cached_property
    def absent(self) -> tuple[str, ...]:
        """The requested paths that did not exist, each once, sorted."""
        events = self.trace.events if self.trace is not None else ()
        return tuple(sorted({event.path for event in events if not event.present and event.root == "/"}))


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause of a failure.

    ``kind`` is a word of ``docs/diagnosis.md``. ``symptom`` says what went wrong, ``cause`` why, in one
    sentence. ``remedies`` have the best one first. ``ground`` completes "Sure: yes, ...". ``paths`` are the
    paths that the image needs (for a repair from a complete image). ``weight`` orders findings of the same
    certainty: the explanation of the command's end weighs most.
    """

    kind: str
    symptom: str
    cause: str
    remedies: tuple[Remedy, ...]
    sure: Sure
    ground: str
    evidence: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings, the most probable cause first, and the facts that were checked without a finding.

    ``libraries`` and ``architecture`` are facts of the command's program; ``absent`` counts look-ups of
    missing paths that explain nothing. ``step_failure`` is the failure of a step although the command ran.
    """

    name: str
    status: int | None
    failed: bool
    findings: tuple[Finding, ...]
    libraries: str = ""
    architecture: str = ""
    absent: int = 0
    command: tuple[str, ...] = ()
    step_failure: str = ""


def searched(paths: Sequence[str]) -> tuple[str, ...]:
    """Return as evidence the places of a search without success."""
    return tuple(f"asked for and not there: {path}" for path in paths[:EVIDENCE_LIMIT])
