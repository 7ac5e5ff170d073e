"""The roots of the closure: the kept programs, scripts and libraries, and the processes of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tracewhale.closure import Root
from tracewhale.closure.script import HEAD, interpreter
from tracewhale.rootfs.tree import Entry, Kind, View
from tracewhale.tracing.events import Access, Trace

OPENED = frozenset({Access.READ.value, Access.MAP.value})
ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Script:
    """A kept file that the kernel runs with the program in its first line: ``#!interpreter argument``."""

    path: str
    interpreter: str
    argument: str


class Starts:
    """Finds roots among kept entries, with a cache of the beginnings of files."""

    def __init__(self, view: View, trace: Trace) -> None:
        self._view = view
        self._heads: dict[str, bytes] = {}
        self._environments = _environments(view, trace)
        self._executed, self._opened = _uses(view, trace)

    def find(self, entries: Iterable[Entry]) -> tuple[list[Root], list[Script]]:
        """Return the roots and scripts among the regular files, in the order of their paths.

        An executed file is a program, an opened one is a library in each process that opened it, and one kept
        for any other reason counts as a separate program.
        """
        files = self._read(entries)
        objects = (entry for entry in files if self._heads[entry.path].startswith(ELF))
        return [root for entry in objects for root in self._roots(entry)], list(self._scripts(files))

    def scripts(self, entries: Iterable[Entry]) -> list[Script]:
        """Return the scripts among the regular files, in the order of their paths."""
        return list(self._scripts(self._read(entries)))

    def _scripts(self, files: Iterable[Entry]) -> Iterator[Script]:
        for entry in files:
            head = self._heads[entry.path]
            if head.startswith(b"#!") and (entry.mode & 0o111 or entry.path in self._executed):
                line = interpreter(head)
                if line:
                    yield Script(entry.path, *line)

    def _read(self, entries: Iterable[Entry]) -> list[Entry]:
        """Read the beginnings of the regular files, and return these in the order of their paths."""
        files = sorted((e for e in entries if e.kind is Kind.FILE), key=lambda entry: entry.path)
        new = [entry for entry in files if entry.path not in self._heads]
        heads = self._view.tree.read([(entry.path, 0, HEAD) for entry in new])
        for entry, head in zip(new, heads, strict=True):
            self._heads[entry.path] = head or b""
        return files

    def _roots(self, entry: Entry) -> Iterator[Root]:
        programs = self._opened.get(entry.path, ())
        for program in sorted(programs):
            for environment in self._environments.get(program, ((),)):
                yield Root(entry.path, program, environment)
        if entry.path in self._executed or not programs:
            names = sorted(self._executed.get(entry.path, {entry.path}))
            for environment in self._environments.get(entry.path, ((),)):
                yield from (Root(name, None, environment) for name in names)


def _environments(view: View, trace: Trace) -> Mapping[str, tuple[tuple[tuple[str, str], ...], ...]]:
    """Return, for each program (a physical path), the different environments that affected its loader."""
    by_program: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for run in trace.execs:
        entry = view.resolve(run.path).entry
        if entry is not None:
            by_program.setdefault(entry.path, set()).add(run.loader_environment)
    return {path: tuple(sorted(environments)) for path, environments in by_program.items()}


def _uses(view: View, trace: Trace) -> tuple[Mapping[str, set[str]], Mapping[str, set[str]]]:
    """Return the names with which each physical path was executed, and the programs that opened each path."""
    executed: dict[str, set[str]] = {}
    opened: dict[str, set[str]] = {}
    for event in trace.events:
        if event.access != Access.EXEC.value and event.access not in OPENED:
            continue
        name = event.path if event.root == "/" or not event.real else event.real
        entry = view.resolve(name, follow=event.follow).entry
        if entry is None or entry.kind is not Kind.FILE:
            continue
        if event.access == Access.EXEC.value:
            executed.setdefault(entry.path, set()).add(name)
        elif view.lstat(event.program) is not None:
            opened.setdefault(entry.path, set()).add(event.program)
    return executed, opened
