"""An image's files, seen through a container, without the files that the engine put there.

An engine prepares a container's root before it starts (moby, daemon/initlayer and its volumes' mount points):
it makes files in ``/etc`` and ``/dev`` and directories to mount on, and so changes the times of those above
them. The originals are in the image's layers, which lie in directories of the engine's (overlay2).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from typing import Any

from tracewhale.engines.docker.container_spec import PROBE_DIRECTORY
from tracewhale.rootfs.openat import Beneath
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, Tree

SECOND = 1_000_000_000
SAME_MOMENT = SECOND
"""Nanoseconds within which the engine makes all files in a container's root."""

STARTED = 600 * SECOND
"""Nanoseconds after which a container has started, with all its mounts."""


def directories(inspected: Mapping[str, Any]) -> list[str]:
    """Return the directories of an inspected image's layers on the engine's machine, the uppermost first; or
    nothing."""
    driver = inspected.get("GraphDriver") or {}
    data = driver.get("Data") or {}
    if driver.get("Name") != "overlay2":
        return []
    return [path for key in ("UpperDir", "LowerDir") for path in (data.get(key) or "").split(":") if path]


def creation_time(inspected: Mapping[str, Any]) -> int:
    """Return an inspected image's time of creation in nanoseconds, 0 if it is unknown or before 1970."""
    try:
        moment = datetime.fromisoformat(str(inspected.get("Created") or ""))
        return max(0, int(moment.timestamp())) * SECOND
    except (ValueError, OverflowError):
        return 0


class Layers:
    """The directories of layers, if they can be read: by root, on the engine's machine."""

    def __init__(self, places: Iterable[str]) -> None:
        self._layers: list[Beneath] = []
        with ExitStack() as opened:
            for place in places:
                try:
                    self._layers.append(opened.enter_context(closing(Beneath(place))))
                except OSError:
                    self._layers = []
                    return
            self._held = opened.pop_all()

    @property
    def known(self) -> bool:
        """Whether the layers can be read."""
        return bool(self._layers)

    def mtime_ns(self, path: str) -> int | None:
        """Return the time of the directory at a physical path, None if no layer has one.

        The uppermost layer that has a name decides its type (overlayfs.rst, "Upper and Lower").
        """
        for layer in self._layers:
            try:
                return os.stat(layer.directory(path)).st_mtime_ns
            except FileNotFoundError:
                continue
            except OSError:
                return None
        return None

    def close(self) -> None:
        """Close the directories. May be called again."""
        if self._layers:
            self._held.close()
            self._layers = []


class PristineTree:
    """A served container's tree without the files that the engine and we put into it.

    A directory that the engine changed gets the time that ``layers`` give; if they cannot be read, that of
    the image (``creation_time``, in nanoseconds), so that one image always gives the same result. The root's
    own time is always 1970: for a layer that does not name the root, the engine sets the time of unpacking.
    """

    ADDED = frozenset({PROBE_DIRECTORY.lstrip("/"), ".dockerenv"})
    MADE = frozenset({"hosts", "hostname", "resolv.conf", "mtab"})
    """The names that the engine makes in /etc if the image lacks them: empty files, or a link."""

    def __init__(self, served: Tree, layers: Layers, creation_time: int) -> None:
        self._served = served
        self._layers = layers
        self._created = creation_time
        root = served.scan(["/"])["/"] or {}
        # It makes that one at the same moment.
        self._begun = root[".dockerenv"].mtime_ns if ".dockerenv" in root else sys.maxsize

    def scan(self, directories: Iterable[str]) -> dict[str, dict[str, Entry] | None]:
        """See Tree.scan."""
        listings = self._served.scan(directories)
        return {
            path: None if entries is None else dict(self._originals(path, entries))
            for path, entries in listings.items()
        }

    def _originals(self, directory: str, entries: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
        for name, entry in entries.items():
            if directory == "/" and name in self.ADDED:
                continue
            if directory == "/etc" and self._is_by_engine(name, entry):
                continue
            original = self._original(entry)
            if original is not None:
                yield name, original

    def _is_by_engine(self, name: str, entry: Entry) -> bool:
        bare = (entry.kind is Kind.FILE and not entry.size) or entry.target == "/proc/mounts"
        return name in self.MADE and bare and entry.mtime_ns >= self._begun - SAME_MOMENT

    def _original(self, entry: Entry) -> Entry | None:
        """Return an entry as the image has it, or None for a directory that the engine made to mount on."""
        since = entry.mtime_ns - self._begun
        if entry.kind is not Kind.DIRECTORY or not -SAME_MOMENT <= since <= STARTED:
            return entry
        if not self._layers.known:
            return replace(entry, mtime_ns=self._created)
        mtime_ns = self._layers.mtime_ns(entry.path)
        return None if mtime_ns is None else replace(entry, mtime_ns=mtime_ns)

    def read(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes | None]:
        """See Tree.read."""
        return self._served.read(ranges)

    def pack(self, paths: Sequence[str]) -> Iterator[PackedEntry]:
        """See Tree.pack."""
        for packed in self._served.pack(paths):
            entry = packed.entry
            if entry.path == "/":
                yield replace(packed, entry=replace(entry, mtime_ns=0))
            else:
                yield replace(packed, entry=self._original(entry) or entry)
