"""The probes, their needs, and the choice of the best that works. Pure.

They are in the order of preference. ``ebpf`` comes after ``seccomp``, although it slows the target less,
because its programs take a second to load and it needs root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tracewhale.errors import ProbeError, UsageError


class Probe(Enum):
    """The ways to watch a command."""

    AUTO = "auto"
    SECCOMP = "seccomp"
    EBPF = "ebpf"
    PTRACE = "ptrace"
    STRACE = "strace"
    FANOTIFY = "fanotify"


REAL = tuple(probe for probe in Probe if probe is not Probe.AUTO)
SEES_ALL = (Probe.SECCOMP, Probe.EBPF, Probe.PTRACE, Probe.STRACE)
"""The probes for ``auto``; fanotify is not among them, because it sees only opens."""

SEES_FAILURES = frozenset({Probe.SECCOMP, Probe.PTRACE})
"""Probes that see how the processes end that the command starts."""

CAP_SYS_PTRACE, CAP_SYS_ADMIN = 1 << 19, 1 << 21
CAP_PERFMON, CAP_BPF = 1 << 38, 1 << 39


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts on which the probes depend. ``architecture``, ``kernel`` and ``filters`` (whether it has
    seccomp) are the engine's; the rest is of this machine.

    ``here`` says whether the engine's processes are processes of this machine, ``capabilities`` is this
    process's effective set, ``strace`` the version of the installed strace, (0, 0) without one,
    ``kernel_types`` whether the kernel describes its types (BTF).
    """

    architecture: str
    kernel: tuple[int, int]
    filters: bool
    here: bool
    capabilities: int
    python_ptrace: bool
    strace: tuple[int, int]
    kernel_types: bool


@dataclass(frozen=True, slots=True)
class ProbeVerdict:
    """Whether a probe should work, the reason, and the remedy if it should not."""

    probe: Probe
    works: bool
    why: str
    remedy: str = ""


def judge(probe: Probe, facts: Facts) -> ProbeVerdict:
    """Return the verdict on a probe without trying it."""
    for needed, why, remedy in _NEEDS[probe](facts):
        if not needed:
            return ProbeVerdict(probe, False, why, remedy)
    return ProbeVerdict(probe, True, _WHY[probe])


def choose(probe: Probe, facts: Facts, fit: Sequence[Probe] = REAL) -> list[ProbeVerdict]:
    """Return the requested probe, or those that should work and see everything, the best first.

    ``fit`` are those that can do the request. Raise UsageError for another one, ProbeError if none works.
    """
    if probe not in (*fit, Probe.AUTO):
        names = " or ".join(candidate.value for candidate in fit)
        raise UsageError(f"The {probe.value} probe cannot do that.", f"Use {names}.")
    wanted = [candidate for candidate in SEES_ALL if candidate in fit] if probe is Probe.AUTO else [probe]
    verdicts = [judge(candidate, facts) for candidate in wanted]
    working = [verdict for verdict in verdicts if verdict.works]
    if not working:
        reasons = "; ".join(f"{verdict.probe.value}: {verdict.why}" for verdict in verdicts)
        raise ProbeError(f"No probe can work here ({reasons}).", verdicts[0].remedy)
    return working


_WHY = {
    Probe.SECCOMP: "the kernel notifies of each call that names a path",
    Probe.EBPF: "programs in the kernel tell of each call that names a path",
    Probe.PTRACE: "traces the container's processes from outside; a target that uses ptrace itself cannot",
    Probe.STRACE: "traces the container's processes from outside; a target that uses ptrace itself cannot",
    Probe.FANOTIFY: "sees what is opened, and neither what is only looked at nor what is not there",
}

_HERE = (
    "the engine's processes are not processes of this machine",
    "run TraceWhale on the engine's own machine, outside of any container",
)
_ROOT = ("it needs CAP_SYS_PTRACE on this machine", "run TraceWhale as root")

Need = tuple[bool, str, str]


def _seccomp(facts: Facts) -> list[Need]:
    version = ".".join(map(str, facts.kernel))
    return [
        (facts.filters, "the engine's kernel has no seccomp filters", "take another probe: ptrace or strace"),
        (
            facts.kernel >= (5, 6),
            f"the engine's kernel is Linux {version}, and the seccomp probe needs 5.6 (pidfd_getfd)",
            "use a newer kernel, or take another probe: ptrace or strace",
        ),
    ]


def _outside(facts: Facts) -> list[Need]:
    return [(facts.here, *_HERE), (bool(facts.capabilities & CAP_SYS_PTRACE), *_ROOT)]


def _ebpf(facts: Facts) -> list[Need]:
    return [
        *_outside(facts),
        (
            facts.capabilities & (CAP_BPF | CAP_PERFMON) == CAP_BPF | CAP_PERFMON,
            "it needs CAP_BPF and CAP_PERFMON on this machine",
            "run TraceWhale as root",
        ),
        (facts.kernel >= (5, 17), "it needs Linux 5.17 (bpf_loop)", "take another probe: seccomp"),
        (
            facts.kernel_types,
            "the kernel does not describe its types (/sys/kernel/btf/vmlinux)",
            "use a kernel with CONFIG_DEBUG_INFO_BTF, or take another probe: seccomp",
        ),
    ]


def _ptrace(facts: Facts) -> list[Need]:
    return [
        (facts.python_ptrace, "python-ptrace is not installed", "pip install tracewhale[ptrace]"),
        *_outside(facts),
        (facts.kernel >= (5, 3), "it needs Linux 5.3 (PTRACE_GET_SYSCALL_INFO)", "take strace"),
    ]


def _strace(facts: Facts) -> list[Need]:
    return [
        (facts.strace > (0, 0), "strace is not installed", "install it, for example: apt-get install strace"),
        (
            facts.strace >= (5, 9),
            f"strace {'.'.join(map(str, facts.strace))} cannot translate a container's process ids",
            "install strace 5.9 or newer",
        ),
        *_outside(facts),
    ]


def _fanotify(facts: Facts) -> list[Need]:
    return [
        (facts.here, *_HERE),
        (
            bool(facts.capabilities & CAP_SYS_ADMIN),
            "it needs CAP_SYS_ADMIN on this machine",
            "run TraceWhale as root",
        ),
        (facts.kernel >= (5, 1), "it needs Linux 5.1 (FAN_OPEN_EXEC on a file system)", "take strace"),
    ]


_NEEDS: dict[Probe, Callable[[Facts], list[Need]]] = {
    Probe.SECCOMP: _seccomp,
    Probe.EBPF: _ebpf,
    Probe.PTRACE: _ptrace,
    Probe.STRACE: _strace,
    Probe.FANOTIFY: _fanotify,
}
