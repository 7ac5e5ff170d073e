"""From a plan to entries with their contents."""

from __future__ import annotations

import os
from pathlib import Path

from tracewhale.image.packing import pack
from tracewhale.plan.model import Options
from tracewhale.plan.passes import make_plan
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Trace


def test_the_root_is_the_originals(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("contents")
    os.utime(tmp_path, ns=(0, 1_500_000_000_123_456_789))
    tmp_path.chmod(0o711)
    trace = Trace("t", "i", "p", {}, frozenset({Event("/file", "read", "/sh", True)}))
    with DirectoryTree(str(tmp_path)) as tree:
        plan = make_plan(View(tree), trace, Options())
        root, *_ = (each.entry for each in pack(tree, plan, plan.paths))
    assert (root.path, root.mode, root.mtime_ns) == ("/", 0o711, 1_500_000_000_123_456_789)
    assert (root.uid, root.gid) == (os.getuid(), os.getgid())
