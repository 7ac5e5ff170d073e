"""The reason for which a path is kept, as a value and in words. It imports little, so that `why` answers at
once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tracewhale.printable import printable

STARTERS = frozenset({"/.tracewhale/probe", "/memfd:tracewhale-probe"})
"""The path of our own program in a trace, in a container and in the embedded engine: it starts the
command."""


class Why(Enum):
    """The kinds of reason, in the order of their interest to a reader."""

    ACCESS = "access"
    NEEDED = "needed"
    INTERPRETER = "interpreter"
    RULE = "rule"
    IMPORTED = "imported"
    UNIT = "unit"
    CHANGED = "changed"
    INCLUDED = "included"
    CREATES = "creates"
    LISTED = "listed"
    PACKAGE = "package"
    GENERATED = "generated"
    SYMLINK = "symlink"
    PARENT = "parent"


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """The reason for which a path is kept. ``by`` is the program, library, rule or path on whose behalf;
    ``detail`` is the access, the DT_NEEDED name and how it was found, or empty."""

    why: str
    by: str
    detail: str = ""


def explain(reason: Reason) -> str:
    """Return a reason as one clause."""
    by, detail = printable(reason.by), printable(reason.detail)
    match Why(reason.why):
        case Why.ACCESS:
            return f"{detail} by {'tracewhale, which starts the command' if by in STARTERS else by}"
        case Why.NEEDED:
            return f"needed by {by} as {detail}"
        case Why.INTERPRETER:
            return f"interpreter of {by}: {detail}"
        case Why.RULE:
            return f"rule {by}" + (f", because of {detail}" if detail else "")
        case Why.IMPORTED:
            return f"named by {by}: {detail}"
        case Why.UNIT:
            return f"{by}: belongs to {detail}"
        case Why.CHANGED:
            return f"in the change layer of {by}"
        case Why.INCLUDED:
            return f"{by} {detail}"
        case Why.CREATES:
            return f"{by} creates {detail} in it"
        case Why.LISTED:
            return f"{by} lists {detail}"
        case Why.PACKAGE:
            return f"{detail} of {by}"
        case Why.GENERATED:
            return f"generated: {by} {detail}"
        case Why.SYMLINK:
            return f"link on the way to {by}"
        case Why.PARENT:
            return f"directory of {by}"
