"""The use of a path and its presence, from the arguments and the result of a call."""

from __future__ import annotations

from collections.abc import Sequence

from tracewhale.tracing.calls import ArgumentKind, PathArgument, SystemCall, opens
from tracewhale.tracing.events import CREATING, Access
from tracewhale.tracing.strace import lines
from tracewhale.tracing.strace.lines import Malformed, Result

ABSENT = frozenset({"ENOENT", "ENOTDIR", "ENAMETOOLONG"})


def use(call: SystemCall, name: PathArgument, arguments: Sequence[str]) -> tuple[Access, bool]:
    """Return how a call uses one of its paths, and whether it follows a final symbolic link. Raise
    Malformed."""
    flags = arguments[name.flags] if 0 <= name.flags < len(arguments) else ""
    if call.kind in (ArgumentKind.OPEN, ArgumentKind.OPENAT2):
        if not flags:
            raise Malformed("has no flags")
        return opens(lines.flags(lines.field(flags, "flags") if call.kind is ArgumentKind.OPENAT2 else flags))
    toggled = bool(name.toggle.name) and lines.has(flags, name.toggle.name, name.toggle.bit)
    return name.access, name.follow ^ toggled


def was_present(access: Access, result: Result, arguments: Sequence[str]) -> bool:
    """Return whether the path existed before the call, as far as its result shows.

    A name that a call made did not exist. A successful open(2) that may create a file shows nothing.
    """
    if result.value is None or result.errno in ABSENT:
        return False
    if access is Access.CREATE:
        return bool(result.errno) or not any("O_EXCL" in argument for argument in arguments)
    return bool(result.errno) or access not in CREATING


def loader_environment(arguments: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the ``LD_*`` variables of execve(2), which a log has only with ``-v``. Raise Malformed."""
    result = []
    for argument in arguments[2:]:
        for text in lines.structure(argument):
            if text.startswith('"LD_'):
                name, _, value = (lines.string(text) or "").partition("=")
                result.append((name, value))
    return tuple(result)
