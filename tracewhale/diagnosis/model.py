"""The model of a diagnosis, and of the facts that it is made from. Frozen; the files are read
through views."""

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
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Outcome, Step, Trace

EVIDENCE_LIMIT = 40
"""Paths that evidence shows."""

OUTPUT_TAIL = 256 << 10
"""Bytes of each output that are searched for messages: the last ones."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Sure(IntEnum):
    """How well a finding is founded. More is better."""

    GUESS = 1
    LIKELY = 2
    YES = 3

    @property
    def word(self) -> str:
        return {Sure.GUESS: "no, a guess", Sure.LIKELY: "likely", Sure.YES: "yes"}[self]


@dataclass(frozen=True, slots=True)
class User:
    """The identity that the command runs as; ``name`` is the USER string of the configuration or of
    ``--user``."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = (0,)
    home: str = "/"
    name: str = ""


@dataclass(frozen=True)
class Case:
    """A command that failed (or may have), and everything that can be read about it.

    ``name`` is what the user calls the image, ``view`` shows its files. ``argv``, ``environment``, ``user``
    and ``directory`` are those of the run; ``mounts`` are paths on which something is mounted, with its
    options (``ro``, ``noexec``, empty). ``read_only`` tells that the root file system is. ``trace`` is None
    where nothing ran; ``refusal`` is then what the engine said. ``files_known`` is false where the view
    is only what a trace tells of files, without their contents. ``full`` shows the files of a complete
    image, called ``full_name``, which sets ``full_environment``. ``architecture`` is the image's, in
    Go's names.
    """

    name: str
    view: View
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: User = User()
    directory: str = "/"
    mounts: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    architecture: str = ""
    trace: Trace | None = None
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
        """The exit status; None where nothing ran to its end."""
        return self.outcome.status if self.outcome is not None else None

    @property
    def failed(self) -> bool:
        """Whether something went wrong: the start, the status of the command, or a step that drove it."""
        if self.refusal:
            return True
        if self.outcome is None:
            return False
        return bool(self.outcome.status and not self.outcome.stopped) or any(s.status for s in self.steps)

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.trace.steps if self.trace is not None else ()

    @cached_property
    def output(self) -> str:
        """The last output of the command and the engine's message, without colours: standard error last."""
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
        """The complete image's."""
        return Resolver(self.full) if self.full is not None else None

    @cached_property
    def owners(self) -> Owners:
        """The image's package databases."""
        return Owners(self.view)

    @cached_property
    def full_owners(self) -> Owners | None:
        """The complete image's."""
        return Owners(self.full) if self.full is not None else None

    @property
    def loader_environment(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((k, v) for k, v in self.environment.items() if k.startswith("LD_")))

    def absolute(self, path: str) -> str:
        """Return a path as the command sees it, from its working directory."""
        if path.startswith("/") and not path.startswith("//"):
            return path
        return "/" + os.path.normpath(os.path.join(self.directory, path)).lstrip("/")

    @property
    def search_path(self) -> tuple[str, ...]:
        """The directories of PATH."""
        return tuple(self.absolute(d or ".") for d in self.environment.get("PATH", USUAL_PATH).split(":"))

    def find_command(self, name: str) -> str:
        """Return where execvp(3) finds a command, whether or not it may be executed; empty for nowhere."""
        if "/" in name:
            return self.absolute(name)
        for directory in self.search_path:
            path = os.path.join(directory, name)
            if self.view.resolve(path, follow=False).exists:
                return path
        return ""

    def exists(self, path: str) -> bool:
        """Return whether an asked path leads anywhere in the image."""
        return self.view.resolve(path).exists

    @cached_property
    def _accesses(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for event in self.trace.events if self.trace is not None else ():
            if not event.present:
                found.setdefault(os.path.normpath(event.path), set()).add(event.access)
        return {path: frozenset(accesses) for path, accesses in found.items()}

    def accesses(self, path: str) -> frozenset[str]:
        """Return how a path was asked for in vain; none for one that was not."""
        return self._accesses.get(os.path.normpath(path), frozenset())

    @property
    def paths(self) -> frozenset[str]:
        """Every path that was asked for."""
        return frozenset(event.path for event in self.trace.events) if self.trace is not None else frozenset()

    @cached_property
    def absent(self) -> tuple[str, ...]:
        """Paths that were asked for and were not there, each once, sorted."""
        events = self.trace.events if self.trace is not None else ()
        return tuple(sorted({event.path for event in events if not event.present and event.root == "/"}))


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something to do. ``line`` is what to paste: a line of a Dockerfile, an option, a shell command."""

    line: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause of a failure.

    ``kind`` is a word of ``docs/diagnosis.md``. ``symptom`` says what went wrong, ``cause`` why, in one
    sentence. ``remedies`` come with the best first. ``ground`` completes "Sure: yes, ...". ``paths`` are the
    paths that the image needs (for a repair from a complete image). ``weight`` orders findings that are
    equally sure: what explains the end of the command weighs most.
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
    """The findings, the most probable cause first, and what was checked and found in order.

    ``libraries`` and ``architecture`` are facts of the command's program; ``absent`` counts look-ups of
    paths that were not there and explain nothing.
    """

    name: str
    status: int | None
    failed: bool
    findings: tuple[Finding, ...]
    libraries: str = ""
    architecture: str = ""
    absent: int = 0
    command: tuple[str, ...] = ()


def searched(paths: Sequence[str]) -> tuple[str, ...]:
    """Return as evidence the places where something was looked for in vain."""
    return tuple(f"asked for and not there: {path}" for path in paths[:EVIDENCE_LIMIT])
