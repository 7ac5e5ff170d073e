"""The closure: the files that the dynamic loader would load, found without running anything."""

from tracewhale.closure.cpu import BASELINE, Cpu, from_cpuinfo
from tracewhale.closure.model import (
    Attempt,
    Closure,
    Dependency,
    Edge,
    EdgeKind,
    Elf,
    How,
    Miss,
    Note,
    Root,
    Unreadable,
    UnreadableElf,
    Variant,
    VersionNeed,
    VersionProblem,
)
from tracewhale.closure.resolver import Resolver, resolve

__all__ = [
    "BASELINE",
    "Attempt",
    "Closure",
    "Cpu",
    "Dependency",
    "Edge",
    "EdgeKind",
    "Elf",
    "How",
    "Miss",
    "Note",
    "Resolver",
    "Root",
    "Unreadable",
    "UnreadableElf",
    "Variant",
    "VersionNeed",
    "VersionProblem",
    "from_cpuinfo",
    "resolve",
]
