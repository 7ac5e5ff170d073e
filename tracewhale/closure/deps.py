"""The dependencies of one file as a listing in the order of a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tracewhale.closure.model import (
    Attempt,
    Closure,
    Edge,
    EdgeKind,
    How,
    Miss,
    Root,
    UnreadableElf,
    VersionProblem,
)
from tracewhale.closure.resolver import Resolver
from tracewhale.closure.script import HEAD, interpreter
from tracewhale.rootfs.tree import Kind as EntryKind
from tracewhale.rootfs.tree import View

MAX_SCRIPTS = 5
"""The most interpreters that are scripts themselves: Linux refuses the fifth (fs/exec.c)."""

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree: an edge or a miss, ``depth`` below the requested file (1 for its own
    dependencies).

    ``repeated`` says that another line shows the object's dependencies.
    """

    depth: int
    outcome: Edge | Miss
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The dependencies of a requested file. ``path`` is its place (empty: none), ``trouble`` the reason for
    which they are not known. ``closure`` is that of the file alone; ``possible`` are guessed dlopens, if
    requested."""

    request: str
    path: str
    rows: tuple[Row, ...]
    closure: Closure
    trouble: str = ""
    possible: tuple[Edge, ...] = ()

    @property
    def misses(self) -> tuple[Miss, ...]:
        """Every miss of the loader, except for those that it ignores."""
        return tuple(
            row.outcome for row in self.rows if isinstance(row.outcome, Miss) and not row.outcome.optional
        )

    @property
    def version_problems(self) -> tuple[VersionProblem, ...]:
        return self.closure.version_problems

    @property
    def complete(self) -> bool:
        """Whether the loader would load everything."""
        return not (self.trouble or self.misses or self.version_problems)


def dependencies(
    resolver: Resolver,
    request: str,
    environment: Mapping[str, str] | None = None,
    *,
    guess: bool = False,
) -> Listing:
    """Return everything that is loaded when a file runs or, for a library, when it is loaded.

    A name without a slash is searched in the ``PATH`` of ``environment``, whose loader variables are used,
    too. A script's interpreter is followed. ``guess`` adds possible dlopens.
    """
    variables = dict(environment or {})
    steering = tuple(sorted((k, v) for k, v in variables.items() if k.startswith("LD_")))
    view = resolver.disk.view
    path = request if "/" in request else _in_path(view, request, variables.get("PATH", USUAL_PATH))
    empty = Closure({}, ())
    if not path or (entry := view.resolve(path).entry) is None:
        return Listing(request, "", (), empty, "no such file")
    edges, program, miss = _follow_scripts(view, path)
    closure = resolver.resolve([Root(program, environment=steering)]) if program else empty
    rows = [Row(depth, edge) for depth, edge in enumerate(edges, 1)]
    if miss is not None:
        rows.append(Row(len(edges) + 1, miss))
    elif program:
        physical = view.resolve(program).entry
        start = physical.path if physical is not None else program
        rows += _tree(view, closure, start, len(edges) + 1)
    trouble = "" if edges or miss else _trouble(resolver, path)
    possible = resolver.possible() if guess and program else ()
    return Listing(request, entry.path, tuple(rows), closure, trouble, possible)


def _in_path(view: View, name: str, path: str) -> str:
    """Return the path of a command, found as by execvp(3); empty if there is none."""
    for directory in path.split(":"):
        candidate = f"{directory.rstrip('/')}/{name}"
        entry = view.resolve(candidate).entry if candidate.startswith("/") else None
        if entry is not None and entry.kind is EntryKind.FILE and entry.mode & 0o111:
            return candidate
    return ""


def _follow_scripts(view: View, path: str) -> tuple[list[Edge], str, Miss | None]:
    """Follow a script to the program that runs it. Return the edges on the way, and that program or the
    miss."""
    edges: list[Edge] = []
    while len(edges) < MAX_SCRIPTS:
        entry = view.resolve(path).entry
        if not edges and entry is not None and entry.kind is not EntryKind.FILE:
            return edges, "", None
        if entry is None or entry.kind is not EntryKind.FILE:
            edge = edges.pop()
            attempt = Attempt(path, How.PATH, "no such file")
            return edges, "", Miss(edge.needer, edge.name, EdgeKind.SCRIPT, (attempt,))
        (head,) = view.tree.read([(entry.path, 0, HEAD)])
        line = interpreter(head or b"")
        if line is None:
            return edges, path, None
        path = line[0] if line[0].startswith("/") else f"/{line[0]}"
        edges.append(Edge(entry.path, line[0], path, EdgeKind.SCRIPT, How.PATH))
    attempt = Attempt(path, How.PATH, "too many interpreters are scripts themselves")
    return edges, "", Miss(edges[-1].needer, edges[-1].name, EdgeKind.SCRIPT, (attempt,))


def _trouble(resolver: Resolver, path: str) -> str:
    entry = resolver.disk.view.resolve(path).entry
    if entry is None:
        return "no such file"
    if entry.kind is not EntryKind.FILE:
        return f"it is a {entry.kind.value}"
    elf = resolver.disk.files.get(entry)
    if elf is None:
        return "neither an ELF file nor a script"
    return elf.what if isinstance(elf, UnreadableElf) else ""


def _tree(view: View, closure: Closure, start: str, depth: int) -> Iterator[Row]:
    """Walk depth first. An object's dependencies are shown at its first occurrence."""
    below = _below(closure)
    shown = {start}
    stack: list[tuple[int, Iterator[Edge | Miss]]] = [(depth, iter(below.get(start, ())))]
    while stack:
        depth, rest = stack[-1]
        edge = next(rest, None)
        if edge is None:
            stack.pop()
            continue
        if isinstance(edge, Miss):
            yield Row(depth, edge)
            continue
        entry = view.resolve(edge.path).entry
        physical = entry.path if entry is not None else edge.path
        children = below.get(physical, ())
        yield Row(depth, edge, bool(children) and physical in shown)
        if physical not in shown:
            shown.add(physical)
            stack.append((depth + 1, iter(children)))


def _below(closure: Closure) -> dict[str, list[Edge | Miss]]:
    """Return the dependencies of each object: first those that no header names, then those of its headers in
    order."""
    below: dict[str, list[Edge | Miss]] = {}
    everything: list[Edge | Miss] = [*closure.edges, *closure.misses]
    for edge in everything:
        below.setdefault(edge.needer, []).append(edge)
    for needer, edges in below.items():
        elf = closure.objects.get(needer)
        order = {d.name: i for i, d in enumerate(elf.dependencies)} if elf else {}
        edges.sort(key=lambda edge: order.get(edge.name, -1))
    return below


def paths(listing: Listing) -> tuple[str, ...]:
    """Return the paths of a listing, each once, in the order of its rows."""
    existing: Iterable[str] = (row.outcome.path for row in listing.rows if isinstance(row.outcome, Edge))
    return tuple(dict.fromkeys(existing))
