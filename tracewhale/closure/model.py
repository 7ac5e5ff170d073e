"""The model of the closure: ELF files as the dynamic loader sees them, and the edges between them. Frozen.

A *found* path is one that the loader would open (it may pass through symbolic links); a *physical* path has
none. Terms are those of ld.so(8), elf(5) and the gABI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tracewhale.errors import TraceWhaleError


class UnreadableElf(TraceWhaleError):
    """A file begins as an ELF file does and cannot be read as one."""

    def __init__(self, reason: str, *, is_elf: bool = True) -> None:
        super().__init__(f"not a readable ELF file: {reason}")
        self.reason = reason
        self.is_elf = is_elf


class EdgeKind(Enum):
    """The kind of a request for an object."""

    NEEDED = "needed"
    FILTER = "filter"
    AUXILIARY = "auxiliary"
    INTERPRETER = "interpreter"
    PRELOAD = "LD_PRELOAD"
    PRELOAD_FILE = "ld.so.preload"
    AUDIT = "audit"
    OPENED = "opened"
    SCRIPT = "script"
    POSSIBLE = "possible dlopen"


class How(Enum):
    """The rule of the search by which an object was found."""

    RPATH = "RPATH"
    LIBRARY_PATH = "LD_LIBRARY_PATH"
    RUNPATH = "RUNPATH"
    CACHE = "cache"
    CONF = "ld-musl.path"
    DEFAULT = "default"
    PATH = "path"
    LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Dependency:
    """An entry of the dynamic section that makes the loader load: DT_NEEDED, DT_FILTER, DT_AUXILIARY."""

    kind: EdgeKind
    name: str


@dataclass(frozen=True, slots=True)
class VersionNeed:
    """One version in DT_VERNEED: its file (a soname), its name, and whether it may be absent."""

    file: str
    version: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """One note of a PT_NOTE segment (elf(5)): ``.note.dlopen`` has owner ``FDO``, type 0x407c0c0a."""

    owner: str
    type: int
    description: bytes


@dataclass(frozen=True, slots=True)
class Elf:
    """The facts in one ELF file that the loader reads.

    ``bits`` is 32 or 64, ``machine`` e_machine, ``type`` e_type. ``dependencies`` are in the order of the
    dynamic section. ``rpath`` and ``runpath`` are unexpanded. ``isa_level`` are the bits of
    GNU_PROPERTY_X86_ISA_1_NEEDED. ``refusal`` is glibc's message if it could not map this file as a library,
    else empty.
    """

    bits: int
    little: bool
    machine: int
    type: int
    osabi: int = 0
    abi_version: int = 0
    e_flags: int = 0
    interpreter: str | None = None
    soname: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    flags: int = 0
    flags_1: int = 0
    audit: str | None = None
    depaudit: str | None = None
    version_needs: tuple[VersionNeed, ...] = ()
    version_definitions: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    isa_level: int = 0
    dynamic: bool = False
    refusal: str = ""

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of DT_NEEDED, in order."""
        return tuple(d.name for d in self.dependencies if d.kind is EdgeKind.NEEDED)


@dataclass(frozen=True, slots=True)
class Root:
    """A file from which the closure starts.

    ``path`` is the requested or found path. ``program`` is the executable into whose process it was loaded
    (by dlopen(3)); None if it is the executable itself. ``environment`` are the variables that affect the
    loader (``LD_LIBRARY_PATH``, ``LD_PRELOAD``, ``LD_AUDIT``), ``directory`` the process's working directory,
    ``secure`` whether the kernel set AT_SECURE (setuid, setgid, file capabilities).
    """

    path: str
    program: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    directory: str = "/"
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A request of ``needer`` (a physical path) for ``name``; ``path`` is the file that the loader opened.

    ``variant`` is the ``glibc-hwcaps`` or platform subdirectory of that file, empty for the plain one.
    """

    needer: str
    name: str
    path: str
    kind: EdgeKind
    how: How
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One place that was searched, the rule for it, and the reason why a file there was refused."""

    place: str
    how: How
    reason: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A name that the loader would not find, with all its attempts in order.

    An ``optional`` miss is ignored, or causes a warning (DT_AUXILIARY, preloads, audit). ``fatal`` says that
    there was a file at the last place, and that the loader stops because of it.
    """

    needer: str
    name: str
    kind: EdgeKind
    attempts: tuple[Attempt, ...]
    optional: bool = False
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class VersionProblem:
    """A ``version`` of ``library`` (a found path) that ``needer`` requires and the library does not
    define."""

    needer: str
    library: str
    version: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is not a readable ELF file, with the reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Variant:
    """Another build of a library that the loader prefers on some CPUs, and its subdirectory's name."""

    path: str
    baseline: str
    subdirectory: str


@dataclass(frozen=True, slots=True)
class Closure:
    """Everything that the loader loads for the roots. ``loaded`` is the output of ``ld.so --list`` for a
    root: names and found paths in load order; for an opened root only objects that its program had not loaded
    already."""

    objects: Mapping[str, Elf]
    edges: tuple[Edge, ...]
    misses: tuple[Miss, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    version_problems: tuple[VersionProblem, ...] = ()
    variants: tuple[Variant, ...] = ()
    loaded: Mapping[Root, tuple[tuple[str, str], ...]] = field(default_factory=dict)
