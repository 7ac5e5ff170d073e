"""The two tables of trapped calls, of the probe in C and of those that are not, say the same."""

from __future__ import annotations

import re
from pathlib import Path

from tracewhale.tracing.calls import CALLS, ArgumentKind, Flag
from tracewhale.tracing.events import Access
from tracewhale.tracing.records import Feature

SOURCE = Path(__file__).parents[2] / "probes" / "calls.c"
ROW = re.compile(
    r"^    \{\{(?P<numbers>[-0-9, ]+)\}, CALL_(?P<kind>\w+), (?P<roots>[01]), \{(?P<names>.*)\}\},"
    r" /\* (?P<comment>.*) \*/$",
    re.MULTILINE,
)
NAME = re.compile(r"\{ACCESS_(\w+), (-?\d+), (-?\d+), ([01]), (-?\d+), (\w+)\}")
BITS = {
    "0": 0,
    "NOFOLLOW_BIT": 0x100,
    "FOLLOW_BIT": 0x400,
    "UMOUNT_NOFOLLOW": 8,
    "MOVE_MOUNT_F_SYMLINKS": 1,
    "MOVE_MOUNT_T_SYMLINKS": 0x10,
    "FSPICK_SYMLINK_NOFOLLOW": 2,
    "IN_DONT_FOLLOW": 0x2000000,
    "FAN_MARK_DONT_FOLLOW": 4,
}
Row = tuple[str, tuple[int, ...], str, bool, tuple[tuple[object, ...], ...]]


def in_c() -> list[Row]:
    rows: list[Row] = []
    for row in ROW.finditer(SOURCE.read_text()):
        name = re.match(r"\w+", row["comment"])
        assert name
        paths = [
            (Access[access], int(path), int(dirfd), nofollow == "0", int(flags), BITS[toggle])
            for access, dirfd, path, nofollow, flags, toggle in NAME.findall(row["names"])
        ]
        if row["kind"] in ("LISTEN", "NOTHING"):
            paths = []
        numbers = tuple(int(number) for number in row["numbers"].split(","))
        rows.append((name[0], numbers, row["kind"], row["roots"] == "1", tuple(paths)))
    return [row for row in rows if not row[2].startswith(("EXIT", "FILTER"))]


def in_python() -> list[Row]:
    return [
        (
            call.name,
            call.numbers,
            call.kind.name,
            call.roots,
            tuple((n.access, n.path, n.dirfd, n.follow, n.flags, n.toggle.bit) for n in call.names),
        )
        for call in CALLS
    ]


def test_both_tables_are_one() -> None:
    expected = sorted(in_c(), key=repr)
    assert len(expected) > 90
    assert sorted(in_python(), key=repr) == expected


def test_flags_have_names() -> None:
    flags = {name.toggle for call in CALLS for name in call.names}
    assert all(bool(flag.name) == bool(flag.bit) for flag in flags)
    assert Flag("AT_SYMLINK_NOFOLLOW", 0x100) in flags


def test_calls_of_sockets_have_no_directory() -> None:
    kinds = {ArgumentKind.SOCKET, ArgumentKind.SOCKETCALL}
    assert all(name.dirfd == -1 for call in CALLS if call.kind in kinds for name in call.names)


PROTOCOL = SOURCE.with_name("protocol.h").read_text()


def test_accesses_have_the_same_numbers() -> None:
    (members,) = re.findall(r"enum access \{(.*?)\};", PROTOCOL, re.DOTALL)
    assert re.findall(r"ACCESS_(\w+)", members) == [access.name for access in Access]


def test_features_have_the_same_bits() -> None:
    (members,) = re.findall(r"enum feature \{(.*?)\};", PROTOCOL)
    assert dict(re.findall(r"FEATURE_(\w+) = (\d+)", members)) == {
        feature.name: str(feature.value) for feature in Feature
    }
