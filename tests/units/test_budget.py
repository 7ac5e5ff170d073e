"""The order in which units are taken, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Entry, Kind
from tracewhale.units import Mechanism, Spare, Unit, choose, spare


def file(path: str, size: int) -> Entry:
    return Entry(path, Kind.FILE, 0o644, 0, 0, size, 0)


def unit(name: str, worth: float, *sizes: int) -> Unit:
    entries = tuple(file(f"/{name}/{number}", size) for number, size in enumerate(sizes))
    return Unit(Mechanism.PACKAGES, name, "/because", entries, worth)


def nothing(unit: Unit) -> Mapping[str, Entry]:
    return {}


def test_worth_for_each_byte_decides_and_what_does_not_fit_does_not_end_it() -> None:
    units = [unit("large", 1.0, 90_000), unit("likely", 0.9, 10_000), unit("unlikely", 0.1, 10_000)]
    choice = choose(units, 30_000, nothing, [])
    assert [each.name for each in choice.kept] == ["likely", "unlikely"]
    assert [each.name for each in choice.left_out] == ["large"]


def test_what_a_unit_needs_counts_and_is_had_by_the_next() -> None:
    library = {"/lib": file("/lib", 50_000)}
    units = [unit("a", 0.9, 10_000), unit("b", 0.8, 10_000)]
    assert choose(units, 59_000, lambda unit: library, []).kept == ()
    assert len(choose(units, 70_000, lambda unit: library, []).kept) == 2
    assert len(choose(units, 20_000, lambda unit: library, ["/lib"]).kept) == 2


def test_what_is_kept_already_is_in_no_choice() -> None:
    assert choose([unit("a", 1, 5)], 100, nothing, ["/a/0"]).kept == ()


@pytest.mark.parametrize(
    ("text", "size", "limit"),
    [
        ("40%", 100_000_000, 40_000_000),
        ("40%", 1_000_000, 20_000_000),
        ("50MB", 1_000_000_000, 50_000_000),
        ("1.5k", 10, 1500),
        ("0", 1_000_000_000, 0),
        ("0%", 1_000_000_000, 0),
    ],
)
def test_a_budget_is_a_share_or_a_size(text: str, size: int, limit: int) -> None:
    assert spare(text).limit(size) == limit


@pytest.mark.parametrize("text", ["", "much", "-1", "10 apples", "%"])
def test_another_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--spare"):
        spare(text)


def test_without_a_limit_all_fits() -> None:
    assert math.isinf(Spare(math.inf).limit(1))
