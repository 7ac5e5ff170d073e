"""The end of a run tells people where to look."""

from __future__ import annotations

from dataclasses import replace

from tests.sample_images import plan_sample
from tracewhale.java.model import LeftOut, LibraryUnit, ShrunkLibrary
from tracewhale.report.attention import sentences
from tracewhale.report.formats import FORMATS
from tracewhale.report.model import Report
from tracewhale.report.names import TEXT
from tracewhale.units.model import Level, Mechanism
from tracewhale.units.summary import Summary, Total

TOTALS = (
    Total(Mechanism.NAMED, "deb:curl", "deb:curl, which the author installed", 0, 2_000_000),
    Total(Mechanism.NAMED, "deb:curl (deb:libssh2)", "deb:curl, which the author installed", 0, 1_000_000),
    Total(Mechanism.NAMED, "deb:bind9 (deb:libuv1)", "deb:bind9, which the author installed", 0, 4_000_000),
    Total(Mechanism.NAMED, "deb:jq", "deb:jq, which the author installed", 500_000, 0),
    Total(Mechanism.NAMED, "deb:git", "deb:git, which the author installed", 0, 9_000_000),
    Total(Mechanism.PACKAGES, "deb:python3", "/usr/bin/python3", 1_000_000, 7_000_000),
    Total(Mechanism.PLUGINS, "/usr/lib/gconv", "/usr/lib/gconv/UTF-16.so", 0, 500_000),
)
LEVELS = {Level.TOUCHED: 1_000_000, Level.PACKAGE: 2_000_000}
REPORT = Report(
    "run",
    "t",
    "i",
    plan=replace(plan_sample()[1], units=Summary(Level.PACKAGE, 20_000_000, TOTALS, LEVELS)),
    left_out=(("/run/socket", "a socket"),),
)


def test_packages_of_the_author_and_what_a_later_run_may_need() -> None:
    packages, later, left_out = sentences(REPORT)
    assert packages == (
        "Nothing was kept of what the author of the image installed by name: "
        "deb:git 9.0 MB, deb:curl 3.0 MB; --keep installed keeps it."
    )
    assert later == (
        "A later run may need more of deb:python3 7.0 MB, /usr/lib/gconv 0.5 MB, "
        "for which there was no room: --spare 28MB makes room, or --include."
    )
    assert left_out == "Left out, because an image cannot have it: /run/socket: a socket."


def test_the_section_is_last_and_has_80_columns_and_figures_for_insiders_are_not_in_it() -> None:
    lines = FORMATS[TEXT](REPORT).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("look at      - Nothing"))
    assert all(line.startswith(" ") for line in lines[at + 1 :])
    assert max(map(len, lines)) <= 80
    assert not any(line.startswith("packages") for line in lines)
    assert "levels       --keep package; about: touched 1.0 MB" in FORMATS[TEXT](REPORT)


def test_nothing_to_look_at_is_no_section() -> None:
    assert "look at" not in FORMATS[TEXT](Report("plan", "t", "i", plan=plan_sample()[1]))


def test_modules_that_a_class_library_lacks_are_named_with_their_sizes() -> None:
    left_out = (LeftOut("jdk.localedata", 23_600_000), LeftOut("jdk.jlink", 500_000))
    library = ShrunkLibrary(
        "/jvm/lib/modules",
        129_000_000,
        105_000_000,
        left_out,
        unit=LibraryUnit.CLASSES,
        unreached=(20, 1_500_000),
    )
    sentence, inside = sentences(Report("run", "t", "i", plan=replace(plan_sample()[1], shrunk=(library,))))
    assert sentence == (
        "No kept file names a class of these modules of /jvm/lib/modules, which are left out: "
        "jdk.localedata (locales other than English) 23.6 MB, jdk.jlink 0.5 MB; --no-shrink java keeps them."
    )
    assert inside == (
        "Nothing that is kept names 20 classes (1.5 MB) of the other modules of /jvm/lib/modules, "
        "which are left out; --shrink java=modules keeps them."
    )
