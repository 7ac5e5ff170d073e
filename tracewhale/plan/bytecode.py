"""Python's compiled files beside the sources that are kept (PEP 3147)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tracewhale.rootfs.tree import View, parent

CACHED = re.compile(r"(?P<directory>.*)/__pycache__/(?P<module>[^/.]+)\.(?P<tag>[^/.]+)\.pyc")


def missing_bytecode(view: View, kept: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return the compiled files that the image has of kept sources, each with its source.

    Only those for an interpreter whose compiled files are kept already: without them each container compiles
    the sources anew when they are first imported.
    """
    known = set(kept)
    tags = {match["tag"] for path in known if (match := CACHED.fullmatch(path))}
    for source in sorted(path for path in known if path.endswith(".py")):
        for tag in sorted(tags):
            compiled = f"{parent(source).rstrip('/')}/__pycache__/{source.rpartition('/')[2][:-3]}.{tag}.pyc"
            if compiled not in known and view.lstat(compiled) is not None:
                yield compiled, source
