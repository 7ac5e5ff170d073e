"""A closure of languages as text: one line for each edge and miss, without the bytes of Python's caches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tests.trees import MemoryTree
from tracewhale.languages import ClosureLimits, Environment, LanguageClosure, close
from tracewhale.rootfs.tree import View

DEFAULT = ClosureLimits()


class SourceTree(MemoryTree):
    """A tree with ``\\n`` for ends of lines, and executables in directories named ``bin``."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        for path in self.contents:
            self.contents[path] = self.contents[path].replace(b"\\n", b"\n")
            mode = 0o755 if "bin/" in path else 0o644
            self.entries[path] = replace(self.entries[path], size=len(self.contents[path]), mode=mode)


def closed(
    tree: str,
    kept: Iterable[str],
    limits: ClosureLimits = DEFAULT,
    words: tuple[str, ...] = (),
    **variables: str,
) -> LanguageClosure:
    """The closure of kept files in a tree that is written as text."""
    environment = Environment(tuple(variables.items()), "/", words)
    return close(View(SourceTree(tree)), kept, environment, limits)


def edges(closure: LanguageClosure) -> str:
    """``source:line name -> target (how)``, an edge a line."""
    return "\n".join(
        f"{e.source}:{e.line} {e.name} -> {e.target} ({e.how}{', lazy' if e.lazy else ''})"
        for e in closure.edges
    )


def misses(closure: LanguageClosure) -> str:
    """``source:line name: place place``, a miss a line."""
    return "\n".join(f"{m.source}:{m.line} {m.name}: {' '.join(m.searched)}" for m in closure.misses)
