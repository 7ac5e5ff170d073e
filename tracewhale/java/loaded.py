"""The classes that a JVM loads, as it lists them itself (java(1), Unified JVM Logging). Pure."""

from __future__ import annotations

import re

VARIABLE = "JAVA_TOOL_OPTIONS"
OPTION = "-Xlog:class+load:stderr"
"""The variable of more options for a JVM, and the option with which it lists each class that it loads."""

_LOADED = re.compile(rb"\[class,load *\] ([\w.$]+) source:")


def loaded_classes(text: bytes) -> frozenset[str]:
    """Return the classes in what a JVM prints with ``OPTION``, with slashes, without those made in memory."""
    return frozenset(name.decode().replace(".", "/") for name in _LOADED.findall(text))
