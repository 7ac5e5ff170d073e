"""How complete what was seen is: figures that can be worked out by hand."""

from __future__ import annotations

import pytest

from tracewhale.driving.saturation import Curve, coverage_of


@pytest.mark.parametrize(
    ("counts", "quiet"),
    [((), 0), ((5,), 0), ((5, 5), 1), ((5, 6), 0), ((5, 6, 6, 6), 2), ((0, 0, 0), 2)],
)
def test_quiet_slices(counts: tuple[int, ...], quiet: int) -> None:
    assert Curve(counts).quiet == quiet


def test_risk() -> None:
    assert Curve((5, 6)).risk == 1
    assert Curve((5, 5)).risk == pytest.approx(0.95)
    # The rule of three: below 3 / n.
    assert Curve((5,) * 101).risk == pytest.approx(0.03, abs=0.001)


def test_a_curve_is_drawn_and_told() -> None:
    assert Curve((1, 4, 8, 8)).bars() == "▁▄██"
    assert len(Curve(tuple(range(1000))).bars()) <= 40
    assert Curve(()).bars() == Curve((3,)).sentence() == ""
    assert Curve((3, 5)).sentence().startswith("the last of 2 steps still brought 2 new accesses")
    assert "the last 3 of 5 steps" in Curve((1, 2, 2, 2, 2)).sentence()
    assert Curve((1, 2, 2)).sentence() == (
        "the last of 3 steps brought nothing new: one more like that brings something new with "
        "a probability below 95%, which says little"
    )
    assert Curve((1,) * 11).sentence().endswith("below 26%")


def test_coverage() -> None:
    runs = [{"a", "b", "c"}, {"a", "b", "d"}, {"a", "e"}]
    found = coverage_of(runs)
    assert (found.runs, found.seen, found.once, found.twice, found.incidences) == (3, 5, 3, 1, 8)
    assert found.unseen == pytest.approx(2 / 3 * 3 * 2 / (2 * 2))
    assert found.deficit == pytest.approx(3 / 8 * 6 / (6 + 2))
    assert "3 of 5 paths were seen in one of 3 runs only" in found.sentence()


def test_coverage_of_runs_that_agree_and_of_one() -> None:
    found = coverage_of([{"a"}, {"a"}])
    assert (found.unseen, found.deficit) == (0, 0)
    assert "does not tell" in coverage_of([{"a"}]).sentence()
