"""The choice of a probe, and the message about one that cannot work."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tracewhale.engines.probes import REAL, SEES_ALL, Facts, Probe, choose, judge
from tracewhale.errors import ProbeError, UsageError

ALL = Facts("x86_64", (6, 18), True, True, (1 << 41) - 1, True, (6, 1), True)
REMOTE = replace(ALL, here=False)
USER = replace(ALL, capabilities=0)
OLD = replace(ALL, kernel=(4, 18))


def names(facts: Facts) -> list[str]:
    return [verdict.probe.value for verdict in choose(Probe.AUTO, facts)]


def test_auto_takes_the_best_that_works_and_sees_all() -> None:
    assert names(ALL) == ["seccomp", "ebpf", "ptrace", "strace"]
    assert names(REMOTE) == names(USER) == ["seccomp"]
    assert names(OLD) == ["strace"]
    assert names(replace(ALL, kernel=(5, 6), filters=False)) == ["ptrace", "strace"]
    assert Probe.FANOTIFY not in SEES_ALL


def test_none_works() -> None:
    with pytest.raises(
        ProbeError, match=r"No probe .* \(seccomp: the engine's kernel is Linux 4.18"
    ) as caught:
        choose(Probe.AUTO, replace(OLD, here=False))
    assert "newer kernel" in caught.value.hint


@pytest.mark.parametrize(
    ("probe", "facts", "why", "remedy"),
    [
        (Probe.SECCOMP, replace(ALL, filters=False), "no seccomp filters", "another probe"),
        (Probe.SECCOMP, OLD, "needs 5.6", "newer kernel"),
        (Probe.EBPF, REMOTE, "not processes of this machine", "engine's own machine"),
        (Probe.EBPF, USER, "CAP_SYS_PTRACE", "as root"),
        (Probe.EBPF, replace(ALL, capabilities=1 << 19), "CAP_BPF", "as root"),
        (Probe.EBPF, replace(ALL, kernel=(5, 16)), "Linux 5.17", "seccomp"),
        (Probe.EBPF, replace(ALL, kernel_types=False), "describe its types", "CONFIG_DEBUG_INFO_BTF"),
        (Probe.PTRACE, replace(ALL, python_ptrace=False), "not installed", r"tracewhale\[ptrace\]"),
        (Probe.PTRACE, REMOTE, "not processes of this machine", "engine's own machine"),
        (Probe.PTRACE, USER, "CAP_SYS_PTRACE", "as root"),
        (Probe.PTRACE, OLD, "Linux 5.3", "strace"),
        (Probe.STRACE, replace(ALL, strace=(0, 0)), "not installed", "apt-get install strace"),
        (Probe.STRACE, replace(ALL, strace=(5, 8)), "strace 5.8 cannot translate", "5.9"),
        (Probe.STRACE, USER, "CAP_SYS_PTRACE", "as root"),
        (Probe.FANOTIFY, REMOTE, "not processes of this machine", "engine's own machine"),
        (Probe.FANOTIFY, USER, "CAP_SYS_ADMIN", "as root"),
        (Probe.FANOTIFY, OLD, "Linux 5.1", "strace"),
    ],
)
def test_why_one_cannot_work(probe: Probe, facts: Facts, why: str, remedy: str) -> None:
    verdict = judge(probe, facts)
    assert not verdict.works
    assert re.search(remedy, verdict.remedy)
    with pytest.raises(ProbeError, match=why) as caught:
        choose(probe, facts)
    assert caught.value.hint == verdict.remedy


@pytest.mark.parametrize("probe", REAL)
def test_each_works_where_everything_is_there(probe: Probe) -> None:
    assert judge(probe, ALL).works
    assert [verdict.probe for verdict in choose(probe, ALL)] == [probe]


def test_one_that_cannot_do_what_is_asked() -> None:
    fit = (Probe.PTRACE, Probe.STRACE)
    assert [verdict.probe for verdict in choose(Probe.AUTO, ALL, fit)] == list(fit)
    with pytest.raises(UsageError, match="fanotify") as caught:
        choose(Probe.FANOTIFY, ALL, fit)
    assert caught.value.hint == "Use ptrace or strace."
