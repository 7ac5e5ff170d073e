"""What is the same for the modules of all languages: what is missing, and how to get it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from tracewhale.diagnosis.explain.common import (
    base,
    finding,
    owned,
    searched,
    there_in_full,
)
from tracewhale.diagnosis.libraries import lacking
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Remedy
from tracewhale.diagnosis.remedies import Remedies


@cache
def renamed() -> Mapping[str, Mapping[str, str]]:
    text = files("tracewhale.diagnosis").joinpath("modules.toml").read_text("utf-8")
    loaded: dict[str, Any] = tomllib.loads(text)
    return loaded


def missing_module(
    case: Case,
    complaint: Complaint,
    kind: str,
    what: str,
    paths: Sequence[str],
    fallback: Sequence[Remedy],
    asked: Sequence[str] = (),
) -> Finding:
    """The finding for something of a language that is missing, with the best of what can be done.

    ``paths`` are where it could be: those that the complete image has or a package of the image says
    that it has are what is missing.
    """
    there = there_in_full(case, paths)
    there = tuple(dict.fromkeys((*there, *lacking(case, [p for p in there if ".so" in base(p)]))))
    gone = owned(case, [path for path in paths if not case.exists(path)][:50])
    remedies: list[Remedy] = list(Remedies(case).copies(there))
    if gone:
        remedies += Remedies(case).installs(gone)
        cause = f"{what} is installed ({gone[0]}), and its file is gone."
    elif there:
        remedies += Remedies(case).installs(there)
        cause = f"{what} is not in the image: {case.full_name} has it at {there[0]}."
    else:
        cause = f"{what} is not in the image."
    remedies += [remedy for remedy in fallback if remedy not in remedies]
    return finding(
        case, complaint, kind, cause, remedies, evidence=searched(asked or list(paths)), paths=there or gone
    )
