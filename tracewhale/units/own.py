"""The author's own files: those without a package, in the trees with used files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from tracewhale.rootfs.tree import Entry, Kind, parent
from tracewhale.rules.engine import DEFAULT_DIRECTORY
from tracewhale.units.ballast import CACHES, TESTS, VENDORED
from tracewhale.units.model import Mechanism, Scene, Unit
from tracewhale.units.walk import below, group

STANDARD = frozenset(
    "/ /bin /boot /dev /etc /etc/opt /home /lib /lib32 /lib64 /libx32 /media /mnt /opt /proc /root /run "
    "/sbin /sys /tmp /usr /usr/bin /usr/games /usr/include /usr/lib /usr/lib32 /usr/lib64 /usr/libexec "
    "/usr/libx32 /usr/sbin /usr/share /usr/src /usr/local /usr/local/bin /usr/local/etc /usr/local/games "
    "/usr/local/include /usr/local/lib /usr/local/lib64 /usr/local/libexec /usr/local/sbin /usr/local/share "
    "/usr/local/src /var /var/cache /var/lib /var/local /var/lock /var/log /var/mail /var/opt /var/run "
    "/var/spool /var/tmp".split()
)
"""Directories of every system (hier(7), FHS 3.0), whose contents do not belong together.

``/srv`` and ``/var/www`` are not among them: a site's own data belong together.
"""

OPEN = frozenset("/ /opt /root /usr/local/bin /usr/local/sbin /usr/local/etc /usr/local/share".split())
"""The standard directories whose files without a package are the author's."""

CLOSED = tuple(
    "/etc/alternatives/ /var/cache/ /var/log/ /var/lib/dpkg/ /var/lib/apt/ /var/tmp/ /tmp/ /run/ /proc/ "
    "/sys/ /dev/".split()
)
"""Trees of the system's own records, and of files that a run makes."""

STORE = re.compile(r".*/(\.git/objects|\.hg/store|\.svn/(pristine|wc\.db)|\.bzr/repository)(/.*)?", re.DOTALL)
"""The contents of repositories (gitrepository-layout(5), Mercurial's "Repository requirements", Subversion's
working copies): a program that reads them uses the repository itself, and not only its name."""

WORTH, COMMAND_WORTH, DECAY = 0.9, 0.5, 0.9
"""The worth of files beside a used one, that of an unused command, and the factor for each directory."""

SMALL = 1 << 20
"""The most bytes of an unused command that counts as the author's own; a larger one is more likely a tool."""


def own_files(scene: Scene) -> Iterator[Unit]:
    """Yield the unpackaged files of each tree with a used unpackaged file, without caches, tests and
    packages; a repository whose contents are used is no cache.

    The tree is the outermost directory above the file that is not a standard one; for some standard
    directories it consists of the unpackaged files in the directory itself.
    """
    for top, because in sorted(_tops(scene).items()):
        entries = below(scene.view, [top], partial(enters, scene, top))
        own = [entry for entry in entries if _is_own(scene, entry)]
        for unit in group(scene, Mechanism.OWN, top, because, own, WORTH, DECAY):
            yield replace(unit, own=True)
    yield from _commands(scene)


def _commands(scene: Scene) -> Iterator[Unit]:
    """Yield each unpackaged command in the directories of PATH: a person or another program may run it."""
    for place in dict.fromkeys(_physical(scene, place) for place in scene.commands):
        if place and (place in OPEN or not is_standard(place)) and not is_closed(place):
            for entry in (scene.view.listing(place) or {}).values():
                if entry.kind is Kind.FILE and entry.mode & 0o111 and scene.owner(entry.path) is None:
                    for unit in group(scene, Mechanism.OWN, place, place, [entry], COMMAND_WORTH, 1):
                        yield replace(unit, own=entry.size <= SMALL, indivisible=True)


def _tops(scene: Scene) -> dict[str, str]:
    """Return the trees, each with a used file in it."""
    tops: dict[str, str] = {}
    for path in sorted(scene.used):
        cached = CACHES.intersection(path.split("/")) and not STORE.fullmatch(path)
        if is_closed(path) or cached or scene.owner(path) is not None:
            continue
        top = tree_of(path)
        if top:
            tops.setdefault(top, path)
    for place in scene.places:
        place = _physical(scene, place)
        if place and place not in STANDARD and not is_closed(place):
            tops.setdefault(place, place)
    return {
        top: path
        for top, path in tops.items()
        if not any(f"{top}/".startswith(f"{o}/") for o in tops if o not in (top, "/"))
    }


def tree_of(path: str) -> str:
    """Return the tree of an unpackaged file, empty for none."""
    top = parent(path)
    if is_standard(top):
        return top if top in OPEN else ""
    while not is_standard(parent(top)):
        top = parent(top)
    return top


def is_standard(directory: str) -> bool:
    """Return whether every system has the directory, whatever its contents."""
    return directory in STANDARD or DEFAULT_DIRECTORY.fullmatch(directory) is not None


def enters(scene: Scene, top: str, path: str) -> bool:
    """Return whether a directory below ``top`` may have files of the author's."""
    if path == top:
        return True
    name = path.rpartition("/")[2]
    if top in STANDARD or name in TESTS or name in VENDORED:
        return False
    if name in CACHES and not any(STORE.fullmatch(used) for used in scene.used_below(path)):
        return False
    return not is_closed(path) and not scene.is_outside(f"{path}/") and path not in scene.tops


def _is_own(scene: Scene, entry: Entry) -> bool:
    if entry.kind is Kind.DIRECTORY:
        return entry.path not in STANDARD and entry.path not in scene.shared
    if entry.kind is Kind.SYMLINK and parent(entry.path) == "/":
        return False
    return scene.owner(entry.path) is None


def _physical(scene: Scene, place: str) -> str:
    entry = scene.view.resolve(place).entry
    return "" if entry is None else entry.path


def is_closed(path: str) -> bool:
    """Return whether a path belongs to the system's own records, or to files that a run makes."""
    return f"{path}/".startswith(CLOSED)
