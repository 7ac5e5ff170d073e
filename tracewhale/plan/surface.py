"""The attack surface: setuid files, shells, package managers and compilers, before and after.

The original is searched only in the directories of programs: the tree is never walked for files that are not
kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tracewhale.rootfs.tree import Entry, Kind, View

PLACES = (
    "/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/libexec /usr/lib/openssh "
    "/usr/lib/dbus-1.0 /usr/lib/policykit-1 /usr/libexec/openssh /opt/bin"
).split()
"""Directories of programs (hier(7)), and those of distributions' setuid helpers."""

SHELLS = re.compile(r"sh|r?bash|d?ash|zsh\d*|[mlp]?ksh(93)?|t?csh|fish|busybox|toybox")
MANAGERS = re.compile(
    r"apt(-get|-cache|-config|-key|-mark|itude)?|dpkg(-.+)?|rpm(db|build|keys|2cpio)?|(micro)?dnf(-\d|5)?|yum"
    r"|zypper|apk|opkg|pacman|tdnf|snap|flatpak|pip(\d[\d.]*)?|pipx|uv|poetry|conda|mamba|npm|npx|pnpm|yarn"
    r"|corepack|gem[\d.]*|bundler?[\d.]*|cargo|composer|cpan[\d.]*"
)
COMPILERS = re.compile(
    r"([\w.]+-)*(gcc|g\+\+|cc|c\+\+|c[89]9|cpp|clang(\+\+)?|gfortran|gnat)(-[\d.]+)?|([\w.]+-linux-\w+-)?(as|ld(\.\w+)?)"
    r"|tcc|nasm|yasm|g?make|cmake|ninja|javac|go|gofmt|rustc|ghc|ocamlopt|dmd|swiftc"
)
SETUID, SETGID, GROUP_EXECUTES = 0o4000, 0o2000, 0o010


@dataclass(frozen=True, slots=True)
class SurfaceChange:
    """The original's paths of one kind, and those of the kind that are kept."""

    before: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surface:
    """The kinds, each sorted. ``setuid`` are files that change the user or group of their process."""

    setuid: SurfaceChange = field(default_factory=SurfaceChange)
    shells: SurfaceChange = field(default_factory=SurfaceChange)
    package_managers: SurfaceChange = field(default_factory=SurfaceChange)
    compilers: SurfaceChange = field(default_factory=SurfaceChange)


def surface(view: View, entries: Mapping[str, Entry]) -> Surface:
    """Return the paths of each kind before and after."""
    view.prefetch(PLACES)
    there = {
        entry.path: entry
        for place in PLACES
        if (directory := view.resolve(place).entry) is not None
        for entry in (view.listing(directory.path) or {}).values()
    }
    before = list((there | dict(entries)).values())
    return Surface(
        _change(before, entries, {entry.path for entry in before if _is_setuid(entry)}),
        _change(before, entries, _with_names(there, SHELLS)),
        _change(before, entries, _with_names(there, MANAGERS)),
        _change(before, entries, _with_names(there, COMPILERS)),
    )


def _change(before: Iterable[Entry], entries: Mapping[str, Entry], chosen: set[str]) -> SurfaceChange:
    paths = sorted(entry.path for entry in before if entry.path in chosen)
    return SurfaceChange(tuple(paths), tuple(path for path in paths if path in entries))


def _with_names(entries: Mapping[str, Entry], names: re.Pattern[str]) -> set[str]:
    return {
        path
        for path, entry in entries.items()
        if names.fullmatch(path.rpartition("/")[2])
        and (entry.kind is Kind.SYMLINK or (entry.kind is Kind.FILE and entry.mode & 0o111))
    }


def _is_setuid(entry: Entry) -> bool:
    if entry.kind is not Kind.FILE:
        return False
    return bool(entry.mode & SETUID) or entry.mode & (SETGID | GROUP_EXECUTES) == SETGID | GROUP_EXECUTES
