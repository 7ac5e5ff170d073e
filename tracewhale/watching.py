"""Paths that a container requests and lacks, and that its original image has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import CREATING, Event

_CREATING = frozenset(access.value for access in CREATING)


@dataclass(frozen=True, slots=True)
class MissingPath:
    """A path at its first request: ``access`` is the kind, ``program`` the real path of the program."""

    path: str
    access: str
    program: str


class Watcher:
    """Reports each missing path once, at its first request."""

    def __init__(self, original: View, tell: Callable[[MissingPath], None]) -> None:
        self._original, self._tell = original, tell
        self._known: set[tuple[str, str]] = set()
        self.missing: list[MissingPath] = []

    def observe(self, event: Event) -> None:
        """Examine an event. Calls that make a name do not count: normally they find nothing."""
        key = (event.root, event.path)
        if event.present or event.access in _CREATING or key in self._known:
            return
        self._known.add(key)
        if self._original.resolve(event.path, follow=event.follow, root=event.root).entry is None:
            return
        self.missing.append(MissingPath(event.path, event.access, event.program))
        self._tell(self.missing[-1])
