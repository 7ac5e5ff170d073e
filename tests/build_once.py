"""Builds images of a directory in every form and prints their digests: what another process is to repeat.

``python -m tests.build_once DIRECTORY``, with what is kept in ``DIRECTORY/kept``, a path a line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tracewhale.image import sbom
from tracewhale.image.archive import oci_archive
from tracewhale.image.config import digest, source_date_epoch
from tracewhale.image.recipe import Original, Recipe, describe, reserve, write
from tracewhale.plan.model import Options
from tracewhale.plan.passes import make_plan
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Trace

CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "created": "2026-01-02T03:04:05Z",
    "config": {"Cmd": ["/x"]},
}


def digests(directory: Path) -> Iterator[str]:
    """The digest of an OCI archive and of the SBOM beside it, for each form of SBOM and some layers."""
    kept = (directory / "kept").read_bytes().splitlines()
    events = frozenset(Event(os.fsdecode(path), "read", "/x", present=True) for path in kept)
    original = Original("debian:12", f"sha256:{'0' * 64}", CONFIG)
    with DirectoryTree(str(directory / "root")) as tree:
        for form in sbom.FORMATS:
            for most in (1, 3):
                view = View(tree)
                options = Options(epoch=source_date_epoch(os.environ))
                plan = make_plan(view, Trace("t", "i", "p", {}, events), options)
                recipe = Recipe(layers=most, sbom_file="x", sbom_inside=True, form=form)
                plan = reserve(view, plan, original, recipe)
                with write(view, plan, original, recipe) as made:
                    beside = describe(made.plan, made.digests, original, made.created, name="n", image="i")
                    yield digest(b"".join(oci_archive(made.image, "v1")))
                    yield digest(sbom.dumps(beside, form))


if __name__ == "__main__":
    sys.stdout.write("\n".join(digests(Path(sys.argv[1]))))
