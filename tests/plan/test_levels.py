"""Each keep level adds its units to a plan, and the budget leaves some out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packages.images import Image
from tests.units.scenes import image
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import make_plan
from tracewhale.report.text import render_plan
from tracewhale.rootfs.tree import View
from tracewhale.rules import Rule
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


def executables(made: Image) -> View:
    """The view of an image in which the files in directories of commands are executable."""
    for path, entry in made.tree.entries.items():
        if "/bin/" in path:
            made.tree.entries[path] = replace(entry, mode=0o755)
    return View(made.tree)


def files(made: Plan) -> set[str]:
    return {path for path in made.paths if not path.startswith("/var/lib/dpkg") and path.count("/") > 1}


def test_each_level_keeps_more() -> None:
    touched, module, package = (files(plan(level)) for level in list(Level)[:3])
    assert touched < module < package
    assert "/app/page.html" in module - touched
    assert {"/usr/lib/server/mod_a.so", "/usr/bin/client", "/usr/bin/editor"} <= package - module


def test_a_program_that_runs_by_a_link_is_used_by_the_links_package() -> None:
    lists = {"/var/lib/dpkg/info/editor.list": "/usr/bin/editor\n/usr/lib/editor/mode.so\n"}
    made = image("/usr/bin/editor -> ../sbin/server", "/usr/lib/editor/mode.so: m", files=lists)
    events = frozenset({Event("/usr/bin/editor", "exec", "/usr/sbin/server", present=True)})
    kept = make_plan(made.view, Trace("t", "i", "p", {}, events), Options(level=Level.PACKAGE)).kept
    reasons = {(reason.why, reason.by, reason.detail) for reason in kept["/usr/lib/editor/mode.so"].reasons}
    assert ("unit", "packages", "deb:editor, because of /usr/bin/editor") in reasons


def test_a_sample_names_nothing() -> None:
    scripts = {
        "/app/hook": "#!/bin/sh\n",
        "/app/a.sample": "#!/bin/sh\nclient\n",
        "/app/b.sh": "#!/bin/sh\neditor\n",
    }
    made = image(*(f"{path}: s" for path in scripts), files=scripts)
    events = frozenset({Event("/app/hook", "exec", "/app/hook", present=True)})
    options = Options(level=Level.MODULE)
    kept = make_plan(executables(made), Trace("t", "i", "p", {}, events), options).kept
    assert "/app/a.sample" in kept
    assert ("/usr/bin/editor" in kept, "/usr/bin/client" in kept) == (True, False)


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


@pytest.mark.parametrize("when", [("**/bin/tool",), ("/app/main", "**/bin/tool")])
def test_what_a_rule_keeps_with_a_unit_counts_as_its_size(when: tuple[str, ...]) -> None:
    """Also if another file of the rule's condition is kept already."""
    rule = Rule("magic", "magic(5)", when[:1], keep=("/usr/share/tool/magic",), also=when[1:])
    lines = ("/app/main: m", "/usr/bin/tool: t", "/usr/share/tool/magic: " + "x" * LARGE)
    made = image(*lines, files={"/app/main": "#!/bin/sh\ntool\n"})
    events = frozenset({Event("/app/main", "exec", "/app/main", present=True)})
    for size, kept in ((LARGE // 2, False), (LARGE * 3, True)):
        options = Options(level=Level.MODULE, spare=Spare(0, size), rules=(rule,))
        found = make_plan(executables(made), Trace("t", "i", "p", {}, events), options).kept
        assert ("/usr/bin/tool" in found, "/usr/share/tool/magic" in found) == (kept, kept)


def test_an_import_that_fits_only_in_the_last_round_is_kept() -> None:
    top = "/usr/lib/python3/dist-packages/lib"
    made = image(f"{top}/heavy.py: {'x' * LARGE}", files={f"{top}/__init__.py": 'NAME = "lib.heavy.Main"\n'})
    events = frozenset({Event(f"{top}/__init__.py", "read", "/usr/sbin/server", present=True)})
    options = Options(level=Level.MODULE, spare=Spare(0, LARGE * 3 // 2))
    assert f"{top}/heavy.py" in make_plan(made.view, Trace("t", "i", "p", {}, events), options).kept


def test_of_a_unit_the_compiled_file_stays_out() -> None:
    lines = ("/app/main.py: m", "/app/late.py: l", "/app/main.pyc: m")
    caches = [f"/app/__pycache__/{name}.cpython-311.pyc: c" for name in ("main", "late")]
    paths = ("/app/main.py", "/app/__pycache__/main.cpython-311.pyc")
    events = frozenset(Event(path, "read", "/usr/sbin/server", present=True) for path in paths)
    options = Options(level=Level.MODULE, spare=ROOM)
    kept = make_plan(image(*lines, *caches).view, Trace("t", "i", "p", {}, events), options).kept
    assert {"/app/late.py", paths[1]} < kept.keys()
    assert "/app/__pycache__/late.cpython-311.pyc" not in kept


def test_the_scripts_in_an_installed_package_of_r_load_nothing() -> None:
    other = "/usr/lib/R/library/other/DESCRIPTION"
    for script, loads in (("/usr/lib/R/library/m/scripts/a.R", False), ("/usr/lib/editor/a.R", True)):
        lists = {"/var/lib/dpkg/info/editor.list": f"/usr/bin/editor\n{script}\n"}
        made = image(f"{script}: s", f"{other}: o", files=lists | {script: "library(other)\n"})
        events = frozenset({Event("/usr/bin/editor", "exec", "/usr/bin/editor", present=True)})
        kept = make_plan(made.view, Trace("t", "i", "p", {}, events), Options(level=Level.PACKAGE)).kept
        assert (script in kept, other in kept) == (True, loads)


STATUS = """Package: base
Status: install ok installed
Priority: required
Architecture: amd64
Version: 1

Package: chosen
Status: install ok installed
Architecture: amd64
Version: 1
Depends: helper

Package: helper
Status: install ok installed
Architecture: amd64
Version: 1

Package: tool
Status: install ok installed
Architecture: amd64
Version: 1
"""


@pytest.mark.parametrize(
    ("script", "size", "kept"),
    [
        ("/usr/bin/update", 100_000, True),
        ("/usr/bin/update", 4_000_000, False),
        ("/usr/bin/work", 4_000_000, True),
    ],
    ids=["small", "large", "of the command"],
)
def test_a_command_is_no_likelier_than_the_script_that_names_it(script: str, size: int, kept: bool) -> None:
    """``update`` is of a package that nothing used, and that one depends on which the author installed."""
    info = "/var/lib/dpkg/info"
    files = {
        "/var/lib/dpkg/status": STATUS,
        "/var/lib/apt/extended_states": "\n\n".join(
            f"Package: {name}\nAuto-Installed: 1" for name in ("helper", "tool")
        ),
        f"{info}/chosen.list": "/usr/share/chosen/data\n",
        f"{info}/helper.list": "/usr/bin/update\n/usr/bin/work\n",
        f"{info}/tool.list": "/usr/bin/tool\n",
        script: "#!/usr/bin/sh\ntool\n",
    }
    lines = (f"/usr/bin/tool: {'x' * size}", "/usr/share/chosen/data: d", "/usr/bin/sh: s")
    made = image(*lines, *(f"{path}: w" for path in ("/usr/bin/update", "/usr/bin/work")), files=files)
    used = script if script == "/usr/bin/work" else "/usr/sbin/server"
    events = frozenset({Event(used, "exec", "/usr/bin/sh", present=True)})
    plan = make_plan(executables(made), Trace("t", "i", "p", {}, events), Options(level=Level.PACKAGE))
    assert script in plan.kept
    assert ("/usr/bin/tool" in plan.kept) is kept


def test_an_import_without_room_in_its_round_competes_with_packages() -> None:
    top, rest = "/usr/lib/python3/dist-packages/lib", "/usr/lib/server/rest.bin"
    files = {
        f"{top}/__init__.py": "def f():\n import lib.large\n",
        "/var/lib/dpkg/info/server.list": f"/usr/sbin/server\n{rest}\n",
    }
    made = image(f"{top}/large.py: {'x' * 600_000}", f"{rest}: {'x' * 600_000}", files=files)
    events = frozenset(
        Event(path, access, "/usr/sbin/server", present=True)
        for path, access in (("/usr/sbin/server", "exec"), (f"{top}/__init__.py", "read"))
    )
    options = Options(level=Level.PACKAGE, spare=Spare(0, 1_000_000))
    kept = make_plan(made.view, Trace("t", "i", "p", {}, events), options).kept
    assert f"{top}/large.py" in kept
    assert rest not in kept
