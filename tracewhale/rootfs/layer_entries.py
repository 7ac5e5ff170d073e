"""The entries of a layer: their order, the names that delete, and the attributes that stay on the host."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tracewhale.rootfs.tree import parent

WHITEOUT_PREFIX = ".wh."
"""The prefix of names that mean deletions in a layer (OCI image spec, layer.md, "Whiteouts")."""

HOST_XATTRS = (
    b"security.selinux",
    b"security.SMACK64",
    b"security.nfs4_acl",
    b"system.nfs4_acl",
    b"trusted.overlay.",
    b"user.overlay.",
)
"""Prefixes of attributes that belong to the file's machine, not to the file."""


def layer_order(paths: Iterable[str]) -> list[str]:
    """Return physical paths in a layer's order: each once, sorted by the bytes of their names, parents
    first."""
    # The order of lists of names, in a fraction of their memory: NUL is below every byte of a name.
    return sorted(set(paths), key=lambda path: os.fsencode(path).replace(b"/", b"\0"))


def with_parents(paths: Iterable[str]) -> set[str]:
    """Return physical paths with all their parent directories, including the root."""
    result = {"/"}
    for path in paths:
        above = path
        while above not in result:
            result.add(above)
            above = parent(above)
    return result
