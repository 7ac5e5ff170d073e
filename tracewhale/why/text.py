"""Answers as text and as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tracewhale.printable import printable
from tracewhale.why.ledger import Explanation


def render(answers: Sequence[Explanation]) -> str:
    """Return each answer in lines: the path, and below it each step towards the command."""
    return "".join(f"{line}\n" for answer in answers for line in _lines(answer))


def _lines(answer: Explanation) -> Iterator[str]:
    yield printable(answer.question) + ("" if answer.kept else ": not kept")
    for depth, line in enumerate(answer.chain):
        indent = "  " * (depth + 1)
        place = "" if line.path == answer.question.rstrip("/") else f"{printable(line.path)}: "
        yield f"{indent}{place}{printable(line.text)}"
    if answer.files > 1:
        yield f"  in all {answer.files} paths, {answer.size} bytes"
    if answer.packages:
        names = ", ".join(map(printable, answer.packages[:5]))
        more = f" and {len(answer.packages) - 5} more" if len(answer.packages) > 5 else ""
        yield f"  of {names}{more}"
    if answer.note:
        yield f"  {printable(answer.note)}"


def to_json(answers: Sequence[Explanation]) -> list[dict[str, Any]]:
    """Return the output of ``why --json``, one object for each answer."""
    return [
        {
            "asked": answer.question,
            "kept": answer.kept,
            "chain": [
                {
                    "path": line.path,
                    "why": line.reason.why,
                    "by": line.reason.by,
                    "detail": line.reason.detail,
                }
                for line in answer.chain
            ],
            "files": answer.files,
            "bytes": answer.size,
            "packages": list(answer.packages),
            "note": answer.note,
        }
        for answer in answers
    ]
