"""Libraries in a plan, with a real program and this machine's own loader."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tracewhale.plan.model import Options
from tracewhale.plan.passes import make_plan
from tracewhale.report.json import plan_json
from tracewhale.report.text import render_plan
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Trace

SOURCE = """
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **words) { return count > 1 && !dlopen("libm.so.6", RTLD_NOW) && puts(words[1]); }
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a program that may open libm, and the libraries of this machine that it needs."""
    (tmp_path / "program.c").write_text(SOURCE)
    program = tmp_path / "root/usr/bin/program"
    program.parent.mkdir(parents=True)
    subprocess.run(["cc", "-o", program, tmp_path / "program.c"], check=True, timeout=60)
    listed = subprocess.run(["ldd", program], check=True, timeout=60, capture_output=True, text=True).stdout
    libc = re.search(r"libc\.so\.6 => (\S+)", listed)
    loader = re.search(r"(/\S*ld-linux\S*)", listed)
    assert libc
    assert loader
    for path in (libc[1], str(Path(libc[1]).with_name("libm.so.6")), loader[1]):
        place = tmp_path / "root" / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return tmp_path / "root"


@pytest.mark.parametrize("guess", [False, True])
def test_a_library_that_a_literal_names_is_kept_when_asked_for(root: Path, guess: bool) -> None:
    events = frozenset({Event("/usr/bin/program", "exec", "/sh", True)})
    trace = Trace("t", "i", "p", {}, events)
    with DirectoryTree(str(root)) as tree:
        plan = make_plan(View(tree), trace, Options(guess_dlopen=guess))
    names = {path.rpartition("/")[2]: kept.reasons for path, kept in plan.kept.items()}
    assert "libc.so.6" in names
    assert ("libm.so.6" in names) is guess
    if guess:
        assert "possible dlopen" in names["libm.so.6"][0].detail
    told = [(edge.needer, edge.name) for edge in plan.possible]
    assert told == ([] if guess else [("/usr/bin/program", "libm.so.6")])
    assert ("named by /usr/bin/program as libm.so.6" in render_plan(plan)) is not guess
    assert plan_json(plan)["libraries"]["possible"] == [
        {"library": name, "path": edge.path, "named_by": needer}
        for edge, (needer, name) in zip(plan.possible, told, strict=True)
    ]
