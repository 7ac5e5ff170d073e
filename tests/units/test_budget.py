"""The order in which units are taken, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Entry, Kind
from tracewhale.units import Candidate, Choice, Mechanism, Spare, Unit, choose, spare
from tracewhale.units.budget import Needs


def file(path: str, size: int) -> Entry:
    return Entry(path, Kind.FILE, 0o644, 0, 0, size, 0)


def unit(name: str, worth: float, *sizes: int, own: bool = False, indivisible: bool = False) -> Unit:
    entries = tuple(file(f"/{name}/{number}", size) for number, size in enumerate(sizes))
    return Unit(Mechanism.PACKAGES, name, "/because", entries, worth, indivisible=indivisible, own=own)


def nothing(entries: Iterable[Entry]) -> Mapping[str, Entry]:
    return {}


def choice(units: list[Unit], limit: float, needs: Needs = nothing, known: Iterable[str] = ()) -> Choice:
    return choose(units, limit, limit, needs, known)


def names(candidates: Iterable[Candidate]) -> list[str]:
    return [each.unit.name for each in candidates]


def test_worth_for_each_byte_decides_and_what_does_not_fit_does_not_end_it() -> None:
    chosen = choice(
        [unit("large", 1, 90_000), unit("likely", 0.9, 9000), unit("unlikely", 0.1, 9000)], 30_000
    )
    assert (names(chosen.kept), names(chosen.left_out)) == (["likely", "unlikely"], ["large"])


def test_what_a_unit_needs_counts_and_is_had_by_the_next() -> None:
    library = {"/lib": file("/lib", 50_000)}
    units = [unit("a", 0.9, 10_000), unit("b", 0.8, 10_000)]
    assert choice(units, 59_000, lambda entries: library).kept == ()
    assert [each.cost for each in choice(units, 70_000, lambda entries: library).kept] == [60_000, 10_000]
    assert len(choice(units, 20_000, lambda entries: library, ["/lib"]).kept) == 2


def test_what_needs_much_comes_after_what_needs_little() -> None:
    graphics = {"/graphics": file("/graphics", 15_000_000)}

    def needs(entries: Iterable[Entry]) -> Mapping[str, Entry]:
        return graphics if any(entry.path == "/cairo/0" for entry in entries) else {}

    assert names(choice([unit("cairo", 0.9, 10), unit("base", 0.5, 2_000_000)], 16e6, needs).kept) == ["base"]


def test_files_of_which_one_needs_much_are_chosen_each_for_itself() -> None:
    def needs(entries: Iterable[Entry]) -> Mapping[str, Entry]:
        return {"/x11": file("/x11", 9_000_000)} if any(e.path == "/modules/0" for e in entries) else {}

    some = unit("modules", 0.5, 10, 20)
    assert [e.path for each in choice([some], 1e6, needs).kept for e in each.missing] == ["/modules/1"]
    assert choice([replace(some, indivisible=True)], 1e6, needs).kept == ()


def test_a_link_is_never_chosen_without_what_it_leads_to() -> None:
    def needs(entries: Iterable[Entry]) -> Mapping[str, Entry]:
        return {"/curl": file("/curl", 9_000_000)} if any(e.path == "/core/http" for e in entries) else {}

    link = Entry("/core/https", Kind.SYMLINK, 0o777, 0, 0, 4, 0, target="http")
    entries = (link, file("/core/http", 20), file("/core/shell", 20))
    some = Unit(Mechanism.PACKAGES, "core", "/because", entries, 0.5)
    assert [e.path for each in choice([some], 1e6, needs).kept for e in each.missing] == ["/core/shell"]
    all_of_it = {e.path for each in choice([some], 1e7, needs).kept for e in each.missing}
    assert all_of_it == {"/core/https", "/core/http", "/core/shell", "/curl"}


def test_the_authors_code_has_more_room_and_leaves_the_rest_to_others() -> None:
    units = [unit("own", 0.9, 25_000, own=True), unit("a", 0.4, 12_000), unit("b", 0.3, 12_000)]
    assert names(choose(units, 20_000, 40_000, nothing, ()).kept) == ["own", "a"]
    assert names(choose(units[1:], 20_000, 40_000, nothing, ()).kept) == ["a"]


def test_what_is_large_and_unlikely_is_left_out_where_there_is_a_budget() -> None:
    units = [unit("tools", 0.1, 9_000_000)]
    assert choice(units, 20e6).kept == ()
    assert names(choice(units, math.inf).kept) == ["tools"]


def test_what_is_kept_already_is_in_no_choice() -> None:
    assert choice([unit("a", 1, 5)], 100, known=["/a/0"]).kept == ()


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


def test_what_several_of_the_authors_units_need_is_taken_first() -> None:
    def needs(entries: Iterable[Entry]) -> Mapping[str, Entry]:
        return {"/lib": file("/lib", 90_000)} if any("shared" in e.path for e in entries) else {}

    some = [unit("alone", 0.9, 80_000, own=True, indivisible=True)]
    some += [unit(f"shared{n}", 0.9, 9000, own=True, indivisible=True) for n in range(3)]
    assert names(choice(some, 120_000, needs).kept) == ["shared0", "shared1", "shared2"]


def test_a_unit_above_the_largest_size_waits() -> None:
    some = [unit("large", 0.9, 90_000, own=True), unit("small", 0.9, 9000, own=True)]
    chosen = choose(some, 200_000, 200_000, nothing, (), 50_000)
    assert (names(chosen.kept), names(chosen.left_out)) == (["small"], ["large"])


def test_a_dependency_is_not_taken_without_what_needs_it() -> None:
    data = replace(unit("data", 0.9, 1000), after="/main/0")
    assert names(choice([data], math.inf).kept) == []
    assert names(choice([data], math.inf, known=["/main/0"]).kept) == ["data"]
    main = replace(unit("main", 0.1, 1000), tier=-1)
    assert names(choice([data, main], math.inf).kept) == ["main", "data"]


def test_a_unit_waits_for_the_path_without_which_it_is_of_no_use() -> None:
    early = replace(unit("early", 0.9, 1000), after="/late/0")
    chosen = choice([early, unit("late", 0.5, 1000)], 10_000)
    assert names(chosen.kept) == ["late", "early"]
    assert names(choice([early], 10_000).left_out) == ["early"]
