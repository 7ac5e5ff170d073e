"""Native libraries of a Java runtime that no class of the remaining modules can load. Pure.

The name of a function for a native method contains the class of the method (JNI Specification, "Resolving
Native Method Names").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

_FUNCTION = re.compile(rb"\0Java_(\w+)")
_ESCAPE = re.compile(r"_0([0-9a-f]{4})|_([123])|_")
_ESCAPED = {"1": "_", "2": ";", "3": "["}


DEPTH = 32
"""The most components of a package's name: a longer one, of a hostile library, takes no more time."""


def method_names(library: bytes) -> set[str]:
    """Return the native methods that a library has functions for, as ``java/io/File/length0``."""
    return {_ESCAPE.sub(_unescaped, name.decode()) for name in _FUNCTION.findall(library)}


def unreachable(
    libraries: Mapping[str, bytes], packages: Mapping[str, str], left_out: AbstractSet[str]
) -> frozenset[str]:
    """Return the paths of libraries that serve only modules that are left out.

    ``packages`` are the modules of packages with slashes. A library without native methods serves the
    libraries that name it; one that none names stays, because the JVM or an option may load it.
    """
    served = {path: _modules(data, packages) for path, data in libraries.items()}
    for path in [path for path, modules in served.items() if not modules]:
        name = path.rpartition("/")[2].encode("utf-8", "surrogateescape")
        users = [other for other, data in libraries.items() if other != path and name in data]
        if users and all(served[user] for user in users):
            served[path] = set().union(*(served[user] for user in users))
    return frozenset(path for path, modules in served.items() if modules and modules <= left_out)


def _modules(library: bytes, packages: Mapping[str, str]) -> set[str]:
    """Return the modules whose native methods a library has."""
    owners = (next((p for p in _above(name) if p in packages), None) for name in method_names(library))
    return {packages[owner] for owner in owners if owner is not None}


def _above(name: str) -> Iterator[str]:
    """Yield the possible packages of a method, the longest first: a signature may follow the name."""
    components = name.split("/", DEPTH)[:-1]
    while components:
        yield "/".join(components)
        components.pop()


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _ESCAPED[match[2]] if match[2] else "/"
