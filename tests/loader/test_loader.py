"""Every rule of the loader's search, where a naive search goes wrong, against the real loader."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.loader import judge, recipes
from tests.loader.recipes import Case
from tracewhale.closure import Closure, EdgeKind, How, Miss, Root, from_cpuinfo, resolve
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import View

CASES = [recipes.load(path.parent) for path in sorted(Path(__file__).parent.glob("*/case.toml"))]
CPU = from_cpuinfo(Path("/proc/cpuinfo").read_text())
LISTED = {EdgeKind.NEEDED, EdgeKind.FILTER, EdgeKind.AUXILIARY}


@pytest.mark.parametrize("case", [c for c in CASES if c.musl], ids=lambda case: case.name)
def test_resolves_as_musl_does(case: Case, tmp_path: Path, musl_loader: Path) -> None:
    root, asked, closure = _closure(case, tmp_path, musl_loader)
    judgement = judge.ask_musl(root, recipes.MUSL, case.program, case.environment)
    own = {path for path in judgement.loaded.values() if path == recipes.MUSL}
    other = {name: path for name, path in judgement.loaded.items() if path != recipes.MUSL}
    listed = _listed(closure, asked)
    assert {name: path for name, path in listed.items() if path != recipes.MUSL} == other
    assert {path for path in listed.values() if path == recipes.MUSL} == own
    assert (judgement.status != 0) == any(not miss.optional for miss in closure.misses)
    for name, wrong in case.naive.items():
        assert judgement.loaded.get(name) != wrong


@pytest.mark.parametrize("case", [c for c in CASES if not c.musl], ids=lambda case: case.name)
def test_resolves_as_glibc_does(case: Case, tmp_path: Path) -> None:
    root, asked, closure = _closure(case, tmp_path, Path())
    judgement = judge.ask(root, case.program, case.environment)
    fatal = [miss for miss in closure.misses if miss.fatal and not miss.optional]
    if judgement.status != 0:
        assert fatal, judgement.message
        assert fatal[0].name in judgement.message
        assert fatal[0].attempts[-1].reason.partition(": it is")[0] in judgement.message
    else:
        assert _listed(closure, asked) == judgement.loaded
        assert list(closure.loaded[asked]) == [
            (name, path) for name, path in judgement.loaded.items() if path != judge.NOT_FOUND
        ]
        assert not fatal
    for miss in closure.misses:
        assert _files(miss, root) == judgement.tried.get(miss.name, []), miss
    for problem in closure.version_problems:
        line = f"version `{problem.version}' not found (required by {problem.needer})"
        assert f"{problem.library}: {line}" in judgement.message
    assert judgement.message.count("not found (required") == len(closure.version_problems)
    audited = {e.path for e in closure.edges if e.kind is EdgeKind.AUDIT}
    assert audited == {path for path in judgement.audited if path in audited}
    for name, wrong in case.naive.items():
        assert judgement.loaded.get(name) != wrong


def _closure(case: Case, directory: Path, musl: Path) -> tuple[Path, Root, Closure]:
    root, work = directory / "root", directory / "work"
    (root / "proc").mkdir(parents=True)
    work.mkdir()
    recipes.build(case, root, work, musl)
    asked = Root(case.program, environment=tuple(case.environment.items()))
    with DirectoryTree(str(root)) as tree:
        return root, asked, resolve(View(tree), [asked], CPU)


def _listed(closure: Closure, root: Root) -> dict[str, str]:
    lost = {m.name: judge.NOT_FOUND for m in closure.misses if m.kind in LISTED}
    return lost | dict(closure.loaded[root])


def _files(miss: Miss, root: Path) -> list[str]:
    """The files of a miss's attempts: those in directories that exist."""
    files = [a.place for a in miss.attempts if a.reason != "no such directory" and _is_file(a.place, a.how)]
    return list(dict.fromkeys(f for f in files if judge.inside_exists(root, os.path.dirname(f))))


def _is_file(place: str, how: How) -> bool:
    return how is not How.PATH and not (how is How.CACHE and place.endswith("ld.so.cache"))
