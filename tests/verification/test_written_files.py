"""When two runs write the same files: names, types, contents, and what the original repeats."""

from __future__ import annotations

import pytest

from tracewhale.tracing.events import Outcome, WrittenFile
from tracewhale.verification.written_files import WrittenComparison, compare_written_files


def wrote(*words: str, stopped: bool = False) -> Outcome:
    """A run that wrote PATH=CONTENTS, PATH=CONTENTS~NORMAL, or PATH/, a directory."""
    files = []
    for word in words:
        path, _, contents = word.partition("=")
        contents, _, normal = contents.partition("~")
        directory = path.endswith("/")
        kind = "directory" if directory else "file"
        files.append(WrittenFile(path.rstrip("/"), kind, len(contents), contents, normal or contents))
    return Outcome(0, stopped=stopped, written=tuple(files))


@pytest.mark.parametrize(
    ("first", "again", "second", "expected"),
    [
        ("/o/a=1 /o/", "/o/a=1 /o/", None, WrittenComparison(2)),
        ("/o/a=noon~T", "/o/a=night~T", None, WrittenComparison(1)),
        ("/o/a=1", "", None, WrittenComparison(1, 0, "the original writes /o/a, a file of 1 bytes (1), and")),
        (
            "/o/a=1",
            "/o/a=",
            "/o/a=2",
            WrittenComparison(1, 0, "/o/a is a file of 1 bytes (1) of the original, and an"),
        ),
        (
            "/o/a=1",
            "/o/a/",
            "/o/a=2",
            WrittenComparison(1, 0, "/o/a is a file of 1 bytes (1) of the original, and a"),
        ),
        ("/o/a=1", "/o/a=2", None, WrittenComparison(1, 0, "/o/a is a file of 1 bytes (1) of the original")),
        (
            "/o/a=1",
            "/o/a=2",
            "/o/a=1",
            WrittenComparison(1, 0, "/o/a is a file of 1 bytes (1) of the original"),
        ),
        ("/o/a=1", "/o/a=2", "/o/a=3", WrittenComparison(1, 1)),
        ("/t/x=1 /o/a=1", "/t/y=1 /o/a=1", "/t/z=1 /o/a=1", WrittenComparison(2, 1)),
        ("", "/o/a=1", "", WrittenComparison(0, 0, "the new image writes /o/a, which the original does not")),
        ("/t/x=1", "/t/x=1 /o/a=1", "/t/y=1", WrittenComparison(1, 0, "the new image writes /o/a, which")),
        ("/o/a=1", "/o/a=1", "/o/a=2", WrittenComparison(1)),
    ],
)
def test_files(first: str, again: str, second: str | None, expected: WrittenComparison) -> None:
    other = None if second is None else wrote(*second.split())
    found = compare_written_files(wrote(*first.split()), wrote(*again.split()), other)
    assert (found.total, found.unstable, found.seen) == (expected.total, expected.unstable, True)
    assert bool(found.difference) is bool(expected.difference)
    assert found.difference.startswith(expected.difference)


def test_only_the_names_count_of_what_a_stopped_command_wrote() -> None:
    first = wrote("/log=1", "/pid=7", stopped=True)
    assert compare_written_files(first, wrote("/log=22", "/pid=9", stopped=True)) == WrittenComparison(2)
    assert compare_written_files(first, wrote("/log=22", stopped=True)).difference.startswith(
        "the original writes /pid"
    )


def test_what_nobody_saw_is_not_compared() -> None:
    assert compare_written_files(Outcome(0), wrote("/o/a=1")) == WrittenComparison(seen=False)
