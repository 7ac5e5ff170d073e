"""Differences of two snapshots."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.trees import MemoryTree
from tracewhale.cli import main
from tracewhale.diff import FileFacts, Snapshot, compare, of_report, of_trace, of_view
from tracewhale.diff.compare import render, to_json
from tracewhale.diff.snapshot import digests
from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Outcome, Trace

FIRST = "/app/a: same\n/app/b: gone\n/app/c: 1234\n/app/link -> a\n"
SECOND = "/app/a: same\n/app/c: 5678\n/app/d: new\n/app/link -> c\n"


def test_files_differ_by_name_target_and_contents() -> None:
    first, second = View(MemoryTree(FIRST)), View(MemoryTree(SECOND))
    ours, theirs = of_view("one", first, {}), of_view("two", second, {})
    found = compare(ours, theirs, (lambda paths: digests(first, paths), lambda paths: digests(second, paths)))
    changes = {(c.sign, c.name): c.what for c in found.changes}
    assert changes == {
        ("-", "/app/b"): "", ("+", "/app/d"): "", ("~", "/app/c"): "digest", ("~", "/app/link"): "target"
    }  # fmt: skip
    assert "~ file /app/link (target): symlink 0777 0:0 a -> symlink 0777 0:0 c" in render(found)


def test_images_that_are_alike_have_no_difference() -> None:
    ours, theirs = (of_view("x", View(MemoryTree(FIRST)), {"config": {"Cmd": ["a"]}}) for _ in range(2))
    found = compare(ours, theirs)
    assert found.changes == ()
    assert "No difference." in render(found)
    assert to_json(found)["changes"] == []


def test_configuration_and_rights_are_compared() -> None:
    trees = MemoryTree("/bin/su: x\n"), MemoryTree("/bin/su: x\n")
    entry = trees[1].entries["/bin/su"]
    trees[1].entries["/bin/su"] = dataclasses.replace(entry, mode=0o4755)
    first = of_view("x", View(trees[0]), {"config": {"User": "app"}})
    second = of_view("y", View(trees[1]), {"config": {}})
    kinds = [(c.kind, c.name, c.before, c.after) for c in compare(first, second).changes]
    assert ("config", "User", "app", "") in kinds
    assert ("rights", "/bin/su", "none", "setuid") in kinds


def test_traces_are_compared_by_what_was_asked_and_there() -> None:
    def trace(present: bool, status: int) -> Trace:
        events = frozenset({Event("/etc/a", "read", "/bin/x", present=present)})
        return Trace("t", "i", "p", {}, events, outcome=Outcome(status))

    found = compare(of_trace(trace(True, 0)), of_trace(trace(False, 2)))
    assert [(c.kind, c.name) for c in found.changes] == [("fact", "status"), ("file", "/etc/a")]


def test_plans_are_compared_from_the_command_line(tmp_path: Path) -> None:
    def plan(name: str, size: int, why: str) -> Path:
        file = {"path": "/a", "kind": "file", "mode": 0o644, "uid": 0, "gid": 0, "size": size,
                "reasons": [{"why": why, "by": "/b", "detail": ""}], "packages": []}  # fmt: skip
        place = tmp_path / name
        plan = {"files": [file], "packages": {"kept": [], "left_out": []}, "excluded": []}
        place.write_text(json.dumps({"plan": plan, "image": "i"}) + "\n")
        return place

    same = CliRunner().invoke(main, ["diff", str(plan("a", 1, "access")), str(plan("b", 1, "access"))])
    assert same.exit_code == 0
    other = CliRunner().invoke(
        main, ["diff", "--json", str(plan("a", 1, "access")), str(plan("c", 2, "rule"))]
    )
    assert other.exit_code == 1
    assert [change["kind"] for change in json.loads(other.stdout)["changes"]] == ["file", "reason"]


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(UsageError, match="no readable plan"):
        of_report("x", {"plan": {}})


def test_lock_files_differ_by_their_paths_and_digests(tmp_path: Path) -> None:
    """Lock files are compared as plans are, and the exit status says it to CI."""

    def lock(name: str, *paths: str) -> str:
        target = {"original": "sha256:1", "image": "sha256:2", "size": 3, "paths": list(paths)}
        place = tmp_path / name
        place.write_text(json.dumps({"version": 1, "targets": {"web": target}}, indent=2))
        return str(place)

    first, second = lock("a", "/bin/a"), lock("b", "/bin/a", "/bin/b")
    assert CliRunner().invoke(main, ["diff", first, first]).exit_code == 0
    found = CliRunner().invoke(main, ["diff", first, second])
    assert found.exit_code == 1
    assert "+ file /bin/b" in found.stdout


def test_a_lost_file_capability_is_a_difference() -> None:
    with_it = {"/bin/ping": FileFacts("file", 0o755, "0:0", 4)}
    contents = (lambda paths: dict.fromkeys(paths, "00 0100"), lambda paths: dict.fromkeys(paths, "00"))
    found = compare(Snapshot("a", with_it), Snapshot("b", with_it), contents)
    assert [(c.kind, c.before, c.after) for c in found.changes] == [("rights", "capability 0100", "none")]
