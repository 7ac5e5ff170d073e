"""Files of which the new image has a part only (--shrink): the class library of a JVM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracewhale.java.shrink import Shrunk, shrink
from tracewhale.plan.model import Kept, Reason, Why
from tracewhale.rootfs.tree import View

JAVA = "java"
SHRINKABLE = (JAVA,)
"""The values of --shrink."""


def shrink_files(
    view: View, kept: Mapping[str, Kept], request: Mapping[str, Any]
) -> tuple[dict[str, Kept], tuple[Shrunk, ...]]:
    """Return the kept paths with shrunk class libraries, and what was done to each library.

    Archives of loaded classes (CDS) fit the old library only, and a JVM passes over them, so they go.
    """
    entries = {path: each.entry for path, each in kept.items()}
    libraries = shrink(view, entries, json.dumps(request, default=str))
    result = dict(kept)
    for library in libraries:
        if not library.content:
            continue
        old = kept[library.path]
        reason = Reason(Why.GENERATED.value, "class library", "with the modules that the program can reach")
        result[library.path] = Kept(
            replace(old.entry, size=library.after), (*old.reasons, reason), library.content
        )
        for archive in library.archives:
            del result[archive]
    return result, tuple(replace(library, content=b"") for library in libraries)
