"""Scenes for the tests of units: a small Debian as text, and what of it is used."""

from __future__ import annotations

from collections.abc import Mapping

from tests.packages.images import Image
from tracewhale.packages import Databases
from tracewhale.units import FINDERS, Mechanism, Scene, Unit

STATUS = """\
Package: base-files
Status: install ok installed
Architecture: amd64
Version: 1
Essential: yes
Depends: libbase

Package: libbase
Status: install ok installed
Architecture: amd64
Version: 1

Package: server
Status: install ok installed
Architecture: amd64
Version: 1
Source: suite
Depends: server-data (>= 1), libserver | libother

Package: server-data
Status: install ok installed
Architecture: all
Version: 1
Source: suite

Package: client
Status: install ok installed
Architecture: amd64
Version: 1
Source: suite

Package: editor
Status: install ok installed
Architecture: amd64
Version: 1
"""

LISTS = {
    "base-files": "/etc/issue\n/usr/bin/true",
    "libbase": "/usr/lib/libbase.so.1",
    "server": "/usr/sbin/server\n/usr/lib/server/mod_a.so\n/usr/lib/server/mod_b.so\n/usr/lib/server/mod_c.so"
    "\n/usr/share/man/man8/server.8\n/usr/include/server/server.h\n/usr/lib/server/tests/test_a.py\n/etc/server.d",
    "server-data": "/usr/share/server/error.html",
    "client": "/usr/bin/client\n/usr/share/client/data",
    "editor": "/usr/bin/editor",
}

EXTENDED_STATES = """\
Package: server-data
Architecture: all
Auto-Installed: 1

Package: client
Architecture: amd64
Auto-Installed: 1
"""


def image(*lines: str, files: Mapping[str, str] | None = None) -> Image:
    """A Debian with the packages above and further entries."""
    paths = {path for text in LISTS.values() for path in text.split("\n")}
    contents = {
        "/var/lib/dpkg/status": STATUS,
        "/var/lib/apt/extended_states": EXTENDED_STATES,
        **{
            f"/var/lib/dpkg/info/{name}.list": text.replace("\n", "\n") + "\n" for name, text in LISTS.items()
        },
        **(files or {}),
    }
    tree = [f"{path}: {path}" for path in sorted(paths) if path != "/etc/server.d"]
    return Image("\n".join([*tree, "/etc/server.d/", *lines]), contents)


def scene(made: Image, *used: str, executed: tuple[str, ...] = (), dlopened: tuple[str, ...] = ()) -> Scene:
    """A scene in which some files are used, and all that is kept are they."""
    kept = made.kept([*used, *executed, *dlopened])
    files = frozenset((*used, *executed, *dlopened))
    return Scene(
        made.view,
        kept,
        used=files,
        executed=frozenset(executed),
        dlopened=frozenset(dlopened),
        objects=frozenset(dlopened),
        mounts=("/proc", "/data"),
        ownership=Databases(made.view).ownership(kept),
    )


def found(mechanism: Mechanism, where: Scene) -> list[Unit]:
    """The units of one mechanism."""
    return list(FINDERS[mechanism](where))


def paths(mechanism: Mechanism, where: Scene) -> list[str]:
    """The paths that one mechanism would add, sorted."""
    return sorted(entry.path for unit in found(mechanism, where) for entry in unit.entries)
