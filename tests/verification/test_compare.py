"""Two runs are the same if their ends and outputs are, and nothing is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.trees import MemoryTree
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, FailedProcess, Outcome, Trace, WrittenFile
from tracewhale.verification import Output, Verification, compare, compare_output, difference, verdict

TREE = """
    /usr/bin/program: ELF
    /etc/ssl -> /usr/lib/ssl
    /usr/lib/ssl/openssl.cnf: conf
    /data/mounted: x
"""


def outcome(out: str = "", err: str = "", status: int = 0, stopped: bool = False, name: str = "") -> Outcome:
    return Outcome(status, stopped, out.encode(), err.encode(), name)


def trace(result: Outcome, *events: Event) -> Trace:
    return Trace("t", "sha256:1", "seccomp", {}, frozenset(events), outcome=result, mounts=("/data",))


@pytest.mark.parametrize(
    ("first", "again", "second", "expected"),
    [
        (outcome("a\n"), outcome("a\n"), None, Output.SAME),
        (outcome("a\n"), outcome("b\n"), None, Output.DIFFERENT),
        (outcome("a\n"), outcome("", "a\n"), None, Output.DIFFERENT),
        (outcome("2026-01-01 10:00:00 x\n"), outcome("2026-01-02 11:22:33 x\n"), None, Output.SAME_BUT_TIMES),
        (outcome("Mon Jan  5 2026\n"), outcome("Tue Jan  6 2026\n"), None, Output.SAME_BUT_TIMES),
        (outcome("took 12.5 ms\n"), outcome("took 9 ms\n"), None, Output.SAME_BUT_TIMES),
        (outcome("at 1790000000\n"), outcome("at 1790000123\n"), None, Output.SAME_BUT_TIMES),
        (outcome("on abc\n", name="abc"), outcome("on def\n", name="def"), None, Output.SAME_BUT_TIMES),
        (outcome("version 12\n"), outcome("version 13\n"), None, Output.DIFFERENT),
        (outcome("a\nrandom 12\n"), outcome("a\nrandom 99\n"), outcome("a\nrandom 40\n"), Output.VARIES),
        (outcome("a\nrandom 12\n"), outcome("b\nrandom 99\n"), outcome("a\nrandom 40\n"), Output.DIFFERENT),
        (outcome("a\n"), outcome("b\n"), outcome("a\n"), Output.DIFFERENT),
        (outcome("a\n"), outcome("b\n"), outcome("a\nc\n"), Output.UNSTABLE),
        (outcome("a\n", stopped=True), outcome("b\n", stopped=True), None, Output.NOT_COMPARED),
    ],
)
def test_outputs(first: Outcome, again: Outcome, second: Outcome | None, expected: Output) -> None:
    assert compare_output(first, again, second)[0] is expected


@pytest.mark.parametrize(("any_order", "expected"), [(True, Output.REORDERED), (False, Output.DIFFERENT)])
def test_order_counts_unless_directories_were_listed(any_order: bool, expected: Output) -> None:
    found, _ = compare_output(outcome("a\nb\n"), outcome("b\na\n"), any_order=any_order)
    assert found is expected


def test_the_first_difference_is_shown() -> None:
    _, difference = compare_output(outcome("a\nb\n"), outcome("a\nc\n"))
    assert difference == "the original prints 'b', the new image 'c'"
    _, difference = compare_output(outcome("a\n", "lost\n"), outcome("a\n"))
    assert difference == "the original prints 'lost', the new image nothing"


@pytest.mark.parametrize(
    ("statuses", "stopped", "same"),
    [
        ((0, 0), False, True),
        ((3, 3), False, True),
        ((0, 1), False, False),
        ((137, 143), True, True),
        ((0, 139), True, False),
        ((1, 137), True, True),
        ((137, 1), True, True),
        ((1, 137), False, False),
        ((0, 1), True, False),
    ],
)
def test_ends(statuses: tuple[int, int], stopped: bool, same: bool) -> None:
    first, again = (trace(outcome(status=status, stopped=stopped)) for status in statuses)
    assert compare(View(MemoryTree(TREE)), lambda path: True, (), first, again).same is same


def missing(*events: Event, has: str, excluded: tuple[str, ...] = ()) -> list[str]:
    first, again = trace(outcome()), trace(outcome(), *events)
    found = compare(View(MemoryTree(TREE)), has.split().__contains__, excluded, first, again).missing
    return [absent.path for absent in found]


def test_what_the_original_had_must_be_there_with_its_links() -> None:
    event = Event("/etc/ssl/openssl.cnf", "read", "/usr/bin/program", False)
    assert missing(event, has="/ /etc /usr /usr/lib") == [
        "/etc/ssl",
        "/usr/lib/ssl",
        "/usr/lib/ssl/openssl.cnf",
    ]
    assert missing(event, has="/ /etc /usr /usr/lib /etc/ssl /usr/lib/ssl /usr/lib/ssl/openssl.cnf") == []


def test_what_the_original_lacked_is_mounted_or_excluded_is_not_missing() -> None:
    nowhere = Event("/etc/none", "read", "/usr/bin/program", False)
    mounted = Event("/data/mounted", "read", "/usr/bin/program", True)
    assert missing(nowhere, mounted, has="/ /data") == []
    taken = Event("/usr/bin/program", "exec", "/x", False)
    assert missing(taken, has="/ /usr /usr/bin", excluded=("/usr/bin/program",)) == []
    assert missing(taken, has="/ /usr /usr/bin") == ["/usr/bin/program"]


WORKER, HELPER = FailedProcess("/usr/bin/gunicorn", 3), FailedProcess("/usr/bin/test", 1)
CRASH = FailedProcess("/usr/bin/gunicorn", 0, killed=True)


def failing(*processes: FailedProcess) -> Trace:
    return trace(replace(outcome(stopped=True, err="cannot boot\n"), failed=processes))


@pytest.mark.parametrize(
    ("first", "again", "second", "found"),
    [
        ([HELPER], [HELPER], [], ()),
        ([HELPER], [HELPER, WORKER], None, (WORKER,)),
        ([HELPER, WORKER], [HELPER, CRASH], [], (CRASH,)),
        ([HELPER], [HELPER, WORKER], [WORKER], ()),
        ([WORKER], [], None, ()),
    ],
)
def test_a_process_that_fails_in_the_new_image_alone_is_a_difference(
    first: list[FailedProcess],
    again: list[FailedProcess],
    second: list[FailedProcess] | None,
    found: tuple[FailedProcess, ...],
) -> None:
    other = None if second is None else failing(*second)
    view = View(MemoryTree(TREE))
    result = compare(view, lambda path: True, (), failing(*first), failing(*again), other)
    assert (result.failed, result.same, result.differs) == (found, not found, bool(found))
    if found:
        assert "/usr/bin/gunicorn" in difference(result)
        assert result.tail == "cannot boot"


def test_the_verdict_says_that_nobody_saw_how_processes_ended() -> None:
    unseen = trace(outcome(stopped=True))
    comparison = compare(View(MemoryTree(TREE)), lambda path: True, (), unseen, unseen)
    assert comparison.same
    words = verdict(unseen, Verification(1, (), comparison))
    assert words == "started, 0 requests, ends of other processes not seen"


def test_names_of_files_alone_are_no_claim_about_a_server() -> None:
    server = trace(replace(outcome(stopped=True), failed=(), written=(WrittenFile("/var/log/x", "file", 1),)))
    comparison = compare(View(MemoryTree(TREE)), lambda path: True, (), server, server)
    assert verdict(server, Verification(1, (), comparison)) == "started, 0 requests"
