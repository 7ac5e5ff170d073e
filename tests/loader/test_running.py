"""Only a running process shows the libraries that it opens, and what the kernel's AT_SECURE changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.loader import judge, recipes
from tracewhale.closure import Closure, EdgeKind, How, Root, from_cpuinfo, resolve
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import View

CPU = from_cpuinfo(Path("/proc/cpuinfo").read_text())
PROGRAM = "/app/program"
NOBODY = 65534


@dataclass(frozen=True)
class Running:
    """A program that opens libraries: its search path, what there is, and its environment."""

    name: str
    opened: list[str]
    elfs: list[dict[str, Any]]
    flags: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    fails: bool = False
    secure: bool = False


RPATH = ["-Wl,--disable-new-dtags"]
RUNNING = [
    Running(
        "rpath-of-the-program-counts-for-what-it-opens",
        ["/opt/x/plugin.so"],
        [{"path": "/opt/x/plugin.so", "needed": ["libr.so"]}, {"path": "/opt/r/libr.so"}],
        [*RPATH, "-Wl,-rpath,/opt/r"],
    ),
    Running(
        "runpath-of-the-program-does-not",
        ["/opt/x/plugin.so"],
        [{"path": "/opt/x/plugin.so", "needed": ["libr.so"]}, {"path": "/opt/r/libr.so"}],
        ["-Wl,-rpath,/opt/r"],
        fails=True,
    ),
    Running(
        "rpath-of-the-opened-counts-for-what-it-needs-in-turn",
        ["/opt/x/plugin.so"],
        [
            {"path": "/opt/x/plugin.so", "needed": ["liba.so"], "rpath": "$ORIGIN/own"},
            {"path": "/opt/x/own/liba.so", "needed": ["libb.so"]},
            {"path": "/opt/x/own/libb.so"},
            {"path": "/usr/lib/libb.so"},
        ],
    ),
    Running(
        "what-the-program-has-loaded-satisfies",
        ["/opt/x/plugin.so"],
        [
            {"path": "/opt/r/libp.so", "soname": "libx.so.1"},
            {"path": "/opt/x/plugin.so", "needed": ["libx.so.1"], "runpath": "/opt/x"},
            {"path": "/opt/x/libx.so.1"},
        ],
        environment={"LD_PRELOAD": "/opt/r/libp.so"},
    ),
    Running(
        "what-was-opened-before-satisfies",
        ["/opt/x/first.so", "/opt/y/second.so"],
        [
            {"path": "/opt/x/first.so", "needed": ["libx.so.1"], "runpath": "/opt/x"},
            {"path": "/opt/x/libx.so.1"},
            {"path": "/opt/y/second.so", "needed": ["libx.so.1"]},
        ],
    ),
    Running(
        "secure-processes-take-no-library-path",
        [],
        [{"path": "/opt/e/libc.so.6"}, {"path": "/usr/lib/libpre.so"}],
        environment={"LD_LIBRARY_PATH": "/opt/e", "LD_PRELOAD": "/usr/lib/libpre.so libpre.so"},
        secure=True,
    ),
    Running(
        "secure-processes-and-origin",
        ["/opt/x/plugin.so"],
        [{"path": "/opt/x/plugin.so", "needed": ["libr.so"]}, {"path": "/app/r/libr.so"}],
        [*RPATH, "-Wl,-rpath,$ORIGIN/r"],
        fails=True,
        secure=True,
    ),
    Running(
        "secure-processes-and-trusted-origin",
        ["/opt/x/plugin.so"],
        [{"path": "/opt/x/plugin.so", "needed": ["libr.so"]}, {"path": "/usr/lib/r/libr.so"}],
        [*RPATH, "-Wl,-rpath,$ORIGIN/../usr/lib/r:/x$ORIGIN"],
        secure=True,
    ),
]


@pytest.mark.parametrize("case", RUNNING, ids=lambda case: case.name)
def test_running_program(case: Running, tmp_path: Path) -> None:
    root, work = tmp_path / "root", tmp_path / "work"
    (root / "proc").mkdir(parents=True)
    work.mkdir()
    recipes.build(recipes.Case(case.name, "", {}, case.elfs, libc=True), root, work, Path())
    program = recipes.beneath(root, PROGRAM)
    source = Path(__file__).parent / "maps.c"
    recipes.run(["cc", "-o", str(program), str(source), *case.flags])
    if case.secure:
        program.chmod(0o4755)
        for directory in (tmp_path, tmp_path.parent):
            directory.chmod(0o755)
    output = judge.inside(
        root, [PROGRAM, *case.opened], case.environment, user=NOBODY if case.secure else None
    ).stdout
    mapped = {line.split(" ", 1)[1] for line in output.splitlines() if line.startswith("mapped ")}
    closure, ours = _closure(root, case)
    assert ("failed " in output) == case.fails
    assert bool([miss for miss in closure.misses if not miss.optional]) == case.fails
    if not case.fails:
        assert ours == mapped - {PROGRAM}


def _closure(root: Path, case: Running) -> tuple[Closure, set[str]]:
    """The closure, and the physical paths of all that it says is loaded."""
    environment = tuple(case.environment.items())
    start = Root(PROGRAM, environment=environment, secure=case.secure)
    opened = [Root(path, PROGRAM, environment, secure=case.secure) for path in case.opened]
    with DirectoryTree(str(root)) as tree:
        view = View(tree)
        closure = resolve(view, [start, *opened], CPU)
        found = {path for pairs in closure.loaded.values() for _, path in pairs}
        entries = {view.resolve(path).entry for path in found}
        return closure, {entry.path for entry in entries if entry is not None}


def test_opened_library_is_told_apart(tmp_path: Path) -> None:
    case = RUNNING[0]
    root, work = tmp_path / "root", tmp_path / "work"
    work.mkdir()
    recipes.build(recipes.Case(case.name, "", {}, case.elfs, libc=True), root, work, Path())
    source = Path(__file__).parent / "maps.c"
    recipes.run(["cc", "-o", str(recipes.beneath(root, PROGRAM)), str(source), *case.flags])
    closure, _ = _closure(root, case)
    edges = {(edge.needer, edge.path): (edge.kind, edge.how) for edge in closure.edges}
    assert edges[PROGRAM, "/opt/x/plugin.so"] == (EdgeKind.OPENED, How.PATH)
    assert edges["/opt/x/plugin.so", "/opt/r/libr.so"] == (EdgeKind.NEEDED, How.RPATH)
    assert edges[PROGRAM, recipes.LOADER] == (EdgeKind.INTERPRETER, How.PATH)
