"""Listings of dependencies as text for people, as plain lines, and as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracewhale.closure.deps import Listing, Row, paths
from tracewhale.closure.model import Attempt, Edge, EdgeKind, How, Miss
from tracewhale.printable import printable

FORMAT_VERSION = 1
"""The version of the JSON form, which increases when a field changes its meaning or is removed."""

Painter = Callable[[str, str], str]

RED, YELLOW, DIM, BOLD, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


def render_tree(listings: Iterable[Listing], *, colour: bool = False) -> str:
    """Return every file with its dependencies below it, how each was found, and the searched places of a
    miss."""
    return "".join(f"{line}\n" for listing in listings for line in _lines(listing, colour))


def render_flat(listings: Iterable[Listing]) -> str:
    """Return each path once, one per line; a miss as ``NAME => not found``."""
    lines: dict[str, None] = {}
    for listing in listings:
        lines |= dict.fromkeys(filter(None, (listing.path, *paths(listing))))
        lines |= {f"{miss.name} => not found": None for miss in listing.misses}
        lines |= {edge.path: None for edge in listing.possible}
        if listing.trouble:
            lines[f"{listing.request} => {listing.trouble}"] = None
    return "".join(f"{printable(line)}\n" for line in lines)


def to_json(listings: Iterable[Listing]) -> dict[str, Any]:
    """Return the listings as plain values: edges and misses rather than a tree, which may be deep."""
    return {"version": FORMAT_VERSION, "files": [_file(listing) for listing in listings]}


def _lines(listing: Listing, colour: bool) -> Iterator[str]:
    paint = _painter(colour)
    where = (
        listing.request if listing.path in ("", listing.request) else f"{listing.request} => {listing.path}"
    )
    yield paint(BOLD, printable(where)) + (
        f": {paint(RED, printable(listing.trouble))}" if listing.trouble else ""
    )
    rows = listing.rows
    hows = {e.path: _how(e) for e in reversed(listing.closure.edges) if e.how is not How.LOADED}
    for row, guide in zip(rows, _guides(rows), strict=True):
        yield f"{paint(DIM, guide)}{_row(row, hows, paint)}"
        if isinstance(row.outcome, Miss):
            below = f"{guide[:-4]}{'    ' if guide.endswith('└── ') else '│   '}    "
            for attempt in row.outcome.attempts:
                yield f"{paint(DIM, below)}{_attempt(attempt)}"
    for problem in listing.version_problems:
        said = f"version {problem.version} not found in {problem.library}, required by {problem.needer}"
        yield paint(RED, printable(said))
    for variant in listing.closure.variants:
        name = variant.subdirectory or "the plain build"
        yield paint(DIM, printable(f"for other CPUs ({name}): {variant.path}"))
    for edge in listing.possible:
        yield paint(YELLOW, printable(f"possible dlopen by {edge.needer}: {edge.name} => {edge.path}"))


def _how(edge: Edge) -> str:
    return "" if edge.how is How.PATH else f" [{edge.how.value}{f', {edge.variant}' * bool(edge.variant)}]"


def _row(row: Row, hows: Mapping[str, str], paint: Painter) -> str:
    """Return one row; for an object that was loaded before, it shows how it was found then."""
    edge = row.outcome
    name = printable(edge.name)
    kind = "" if edge.kind is EdgeKind.NEEDED else f" ({edge.kind.value})"
    if isinstance(edge, Miss):
        if edge.optional:
            return paint(YELLOW, f"{name} => not found, which is no error{kind}")
        return paint(RED, f"{name} => {'unusable' if edge.fatal else 'not found'}{kind}")
    path = printable(edge.path)
    arrow = path if path == name else f"{name} => {path}"
    how = hows.get(edge.path, "") if edge.how is How.LOADED else _how(edge)
    return f"{arrow}{kind}{paint(DIM, how + (' ...' if row.repeated else ''))}"


def _attempt(attempt: Attempt) -> str:
    return printable(f"{attempt.how.value}: {attempt.place}: {attempt.reason}")


def _guides(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the tree before each row."""
    last_at: list[bool] = []
    lasts: list[bool] = []
    open_depths: set[int] = set()
    for row in reversed(rows):
        open_depths = {depth for depth in open_depths if depth <= row.depth}
        lasts.append(row.depth not in open_depths)
        open_depths.add(row.depth)
    for row, last in zip(rows, reversed(lasts), strict=True):
        last_at = [*last_at[: row.depth - 1], last]
        stems = "".join("    " if done else "│   " for done in last_at[:-1])
        yield f"{stems}{'└── ' if last else '├── '}"


def _painter(colour: bool) -> Painter:
    def paint(code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if colour and text else text

    return paint


def _file(listing: Listing) -> dict[str, Any]:
    outcomes = [row.outcome for row in listing.rows]
    return {
        "asked": listing.request,
        "path": listing.path,
        "trouble": listing.trouble,
        "complete": listing.complete,
        "found": [_edge(outcome) for outcome in outcomes if isinstance(outcome, Edge)],
        "missing": [_miss(outcome) for outcome in outcomes if isinstance(outcome, Miss)],
        "versions": [
            {"needed_by": p.needer, "library": p.library, "version": p.version}
            for p in listing.version_problems
        ],
        "variants": [
            {"path": v.path, "instead_of": v.baseline, "subdirectory": v.subdirectory}
            for v in listing.closure.variants
        ],
        "possible": [_edge(outcome) for outcome in listing.possible],
    }


def _edge(edge: Edge) -> dict[str, str]:
    return {
        "needed_by": edge.needer,
        "name": edge.name,
        "path": edge.path,
        "kind": edge.kind.value,
        "how": edge.how.value,
        "variant": edge.variant,
    }


def _miss(miss: Miss) -> dict[str, Any]:
    return {
        "needed_by": miss.needer,
        "name": miss.name,
        "kind": miss.kind.value,
        "optional": miss.optional,
        "fatal": miss.fatal,
        "searched": [{"place": a.place, "how": a.how.value, "reason": a.reason} for a in miss.attempts],
    }
