"""Fonts for programs that can draw text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.units.scenes import found, image, paths, scene
from tracewhale.units import Mechanism

SMALL = "/usr/share/fonts/truetype/small"
FONTS = (
    "/etc/fonts/fonts.conf: c",
    "/usr/share/fonts/truetype/large/ASans.ttf: aaaaaaaaa",
    "/usr/share/fonts/truetype/small/BMono.ttf: b",
    "/usr/share/fonts/truetype/small/BSans-Bold.otf: b",
    "/usr/share/fonts/truetype/small/BSans.ttf: b",
    "/usr/share/fonts/truetype/small/BSansCondensed.ttf: b",
    "/usr/share/fonts/X11/d.pcf: d",
)


@pytest.mark.parametrize(
    ("kept", "family"),
    [
        (["/etc/fonts/fonts.conf"], ["BSans-Bold.otf", "BSans.ttf"]),
        (["/etc/fonts/fonts.conf", "/usr/share/fonts/X11/d.pcf"], []),
        (["/etc/issue"], []),
    ],
    ids=["no font", "a font", "no fontconfig"],
)
def test_one_family_of_fonts_where_none_is_kept(kept: list[str], family: list[str]) -> None:
    expected = [f"{SMALL}/{name}" for name in family]
    assert paths(Mechanism.FONTS, scene(image(*FONTS), *kept)) == expected


def test_the_other_families_follow_the_one_that_no_run_used() -> None:
    made = image(*FONTS)
    where = scene(made, "/etc/fonts/fonts.conf")
    others = replace(
        where, kept={**where.kept, **made.kept([f"{SMALL}/BSans.ttf", f"{SMALL}/BSans-Bold.otf"])}
    )
    (unit,) = found(Mechanism.FONTS, others)
    assert [entry.path for entry in unit.entries] == [f"{SMALL}/BMono.ttf", f"{SMALL}/BSansCondensed.ttf"]
    assert unit.worth < found(Mechanism.FONTS, where)[0].worth


@pytest.mark.parametrize(
    ("library", "drawn"), [("opens libfontconfig.so.1", True), ("has fonts.conf", True), ("no text", False)]
)
def test_fonts_need_a_library_that_uses_fontconfig(library: str, drawn: bool) -> None:
    """The configuration alone may be there because some package depends on it."""
    made = image(*FONTS, f"/opt/lib/libdraw.so: {library}")
    where = scene(made, "/etc/fonts/fonts.conf", dlopened=("/opt/lib/libdraw.so",))
    where = replace(where, used=frozenset({"/opt/lib/libdraw.so"}))
    assert bool(paths(Mechanism.FONTS, where)) is drawn
