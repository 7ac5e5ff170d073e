"""Each keep level adds its units to a plan, and the budget leaves some out."""

from __future__ import annotations

from tests.units.scenes import image
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import make_plan
from tracewhale.report.text import render_plan
from tracewhale.tracing.events import Event, Trace
from tracewhale.units import Level, Spare

LARGE = 1_200_000
LINES = ("/app/main: m", "/app/page.html: p", "/app/large.bin: " + "x" * LARGE)
ROOM = Spare()


def plan(level: Level, spare: Spare = ROOM, without: tuple[str, ...] = ()) -> Plan:
    events = frozenset(
        Event(path, access, "/usr/sbin/server", present=True)
        for path, access in (("/usr/sbin/server", "exec"), ("/app/main", "read"))
    )
    options = Options(level=level, spare=spare, without_units=without)
    return make_plan(image(*LINES).view, Trace("t", "i", "p", {}, events), options)


def files(made: Plan) -> set[str]:
    return {path for path in made.paths if not path.startswith("/var/lib/dpkg") and path.count("/") > 1}


def test_each_level_keeps_more() -> None:
    touched, module, package = (files(plan(level)) for level in list(Level)[:3])
    assert touched < module < package
    assert "/app/page.html" in module - touched
    assert {"/usr/lib/server/mod_a.so", "/usr/bin/client", "/usr/bin/editor"} <= package - module


def test_every_addition_names_its_unit() -> None:
    made = plan(Level.PACKAGE)
    assert [(r.why, r.by) for r in made.kept["/usr/lib/server/mod_a.so"].reasons] == [("unit", "packages")]
    assert "deb:server" in render_plan(made)


def test_what_finds_no_room_is_reported_with_its_size() -> None:
    made = plan(Level.PACKAGE, Spare(0, 3000))
    assert "/app/page.html" in made.kept
    assert "/app/large.bin" not in made.kept
    assert [(each.name, each.left_out) for each in made.units.left_out] == [("/app", LARGE)]
    assert made.units.levels[Level.INSTALLED] - made.units.levels[Level.PACKAGE] == LARGE


def test_a_mechanism_can_be_left_out() -> None:
    assert "/app/page.html" not in plan(Level.PACKAGE, without=("own-files",)).kept
