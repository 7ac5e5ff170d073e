"""The model of the closure: ELF files as the dynamic loader sees them, and the edges between them. Frozen.

A *found* path is what the loader would open (it may pass through symbolic links); a *physical* path
has none. Terms are those of ld.so(8), elf(5) and the gABI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tracewhale.errors import TraceWhaleError


class UnreadableElf(TraceWhaleError):
    """A file that begins as an ELF file does and is not one that can be read."""

    def __init__(self, reason: str, *, is_elf: bool = True) -> None:
        super().__init__(f"not a readable ELF file: {reason}")
        self.reason = reason
        self.is_elf = is_elf


class EdgeKind(Enum):
    """Why an object was asked for."""

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
    """By which rule of the search an object was found."""

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
    """One version of DT_VERNEED: of which file (its soname), its name, and whether it may be absent."""

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

    ``bits`` is 32 or 64, ``machine`` e_machine, ``type`` e_type. ``dependencies`` are in the order of
    the dynamic section. ``rpath`` and ``runpath`` are unexpanded. ``isa_level`` are the bits of
    GNU_PROPERTY_X86_ISA_1_NEEDED. ``refusal`` is glibc's words for why it could not map this file as
    a library, empty when it could.
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
    """A file to start from.

    ``path`` is as asked for or found. ``program`` is the executable into whose process it was loaded
    (by dlopen(3)); None when it is the executable itself. ``environment`` are the variables that steer
    the loader (``LD_LIBRARY_PATH``, ``LD_PRELOAD``, ``LD_AUDIT``), ``directory`` the process's working
    directory, ``secure`` whether the kernel set AT_SECURE (setuid, setgid, file capabilities).
    """

    path: str
    program: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    directory: str = "/"
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """``needer`` (a physical path) asked for ``name``; ``path`` is what the loader opened for it.

    ``variant`` is the ``glibc-hwcaps`` or platform subdirectory it was found in, empty for the plain one.
    """

    needer: str
    name: str
    path: str
    kind: EdgeKind
    how: How
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One place that was searched, by which rule, and why what was there was refused."""

    place: str
    how: How
    reason: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A name that the loader would not find, and everything it tries, in order.

    ``optional`` misses are passed over in silence or with a warning (DT_AUXILIARY, preloads, audit).
    ``fatal`` tells that something was found at the last place, and that the loader gives up over it.
    """

    needer: str
    name: str
    kind: EdgeKind
    attempts: tuple[Attempt, ...]
    optional: bool = False
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class VersionProblem:
    """``needer`` requires ``version`` of ``library`` (a found path), which does not define it."""

    needer: str
    library: str
    version: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is not a readable ELF, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Variant:
    """Another build of a library, which the loader prefers on some CPUs, of the subdirectory's name."""

    path: str
    baseline: str
    subdirectory: str


@dataclass(frozen=True, slots=True)
class Closure:
    """All that the roots make the loader load. ``loaded`` is what ``ld.so --list`` prints for a root:
    names and found paths in load order; of an opened root only what was not in its program already."""

    objects: Mapping[str, Elf]
    edges: tuple[Edge, ...]
    misses: tuple[Miss, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    version_problems: tuple[VersionProblem, ...] = ()
    variants: tuple[Variant, ...] = ()
    loaded: Mapping[Root, tuple[tuple[str, str], ...]] = field(default_factory=dict)
