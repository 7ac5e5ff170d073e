"""Remedies for missing files: copy them from the complete image, or install their packages."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tracewhale.diagnosis.absence import first_missing
from tracewhale.diagnosis.model import Case
from tracewhale.diagnosis.remedy import Remedy, copy, joined
from tracewhale.packages import Package
from tracewhale.packages.distribution import distribution
from tracewhale.packages.files import PackageFiles
from tracewhale.rootfs.tree import Kind, View, parent

FULL_IMAGE = "FULL_IMAGE"
"""The name in a remedy that stands for an unnamed complete image."""

INSTALL = {
    "deb": "apt-get update && apt-get install -y --no-install-recommends {names:package}",
    "apk": "apk add --no-cache {names:package}",
    "rpm": "dnf install -y {names:package}",
    "pypi": "pip install {names:package}",
    "npm": "npm install {names:package}",
    "gem": "gem install {names:package}",
    "cpan": "cpan -T {names:package}",
    "cran": "Rscript -e {names:package}",
}
REINSTALL = {
    "deb": "apt-get update && apt-get install -y --reinstall -oDpkg::Options::=--force-confmiss"
    " {names:package}",
    "apk": "apk fix --reinstall {names:package}",
    "rpm": "dnf reinstall -y {names:package}",
}
"""Lines that bring deleted files back; dpkg leaves deleted conffiles deleted without confmiss (dpkg(1))."""

FAMILIES = {
    "debian": "deb",
    "ubuntu": "deb",
    "alpine": "apk",
    "fedora": "rpm",
    "rhel": "rpm",
    "centos": "rpm",
    "rocky": "rpm",
    "almalinux": "rpm",
    "amzn": "rpm",
}
_USUAL = re.compile(
    r"/(?:s?bin|lib(?:32|64|exec)?|[^/]+-linux-(?:gnu|musl)[^/]*|share|local|etc|var|opt|srv)$"
)
"""Directories with files of many programs."""


@cache
def package_names() -> Mapping[str, Mapping[str, str]]:
    """Return packages.toml: the package of each need, by the kind of distribution."""
    text = files("tracewhale.diagnosis").joinpath("packages.toml").read_text("utf-8")
    loaded: dict[str, Any] = tomllib.loads(text)
    return loaded


def family(view: View) -> str:
    """Return the kind of an image's packages: deb, rpm, apk; empty if it is unknown."""
    return FAMILIES.get(distribution(PackageFiles(view)).id, "")


@dataclass(frozen=True, slots=True)
class Remedies:
    """Remedies for one case."""

    case: Case

    def files(self, paths: Sequence[str], need: str = "", *, name: str = "") -> tuple[Remedy, ...]:
        """Return remedies for missing files, the best first.

        ``need`` is the files' key in packages.toml; ``name`` is the name for the index if no path is known (a
        library's soname).
        """
        paths = self.wholes(paths)
        remedies = [*self.copies(paths), *self.installs(paths, need, name)]
        if not remedies and (paths or name):
            place = next((path for path in paths if path.startswith("/")), f"/PATH/TO/{name or need}")
            note = "--against a complete image tells from where, and what else"
            remedies.append(copy(FULL_IMAGE, [place], _directory(place), note=note))
            if place.startswith(("/etc/", "/run/secrets/")):  # a site's own files come by a mount
                remedies.append(Remedy("-v {}:{}:ro", "/PATH/TO/IT", place))
        return tuple(dict.fromkeys(remedies))

    def wholes(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return paths with a directory in place of its files if the whole directory is missing.

        It is the highest directory that the image lacks and the complete one has, unless it is a usual one,
        with files of many programs.
        """
        full = self.case.full
        if full is None:
            return tuple(paths)
        directories: dict[str, None] = {}
        for path in paths:
            top, above = path, parent(path)
            while above.count("/") > 1 and not self.case.exists(above) and not _USUAL.search(above):
                top, above = above, parent(above)
            entry = full.resolve(top).entry
            directories[top if entry is not None and entry.kind is Kind.DIRECTORY else path] = None
        return tuple(directories)

    def copies(self, paths: Sequence[str]) -> list[Remedy]:
        """Return lines that copy those of some paths that the complete image has."""
        full = self.case.full
        if full is None:
            return []
        groups: dict[str, dict[str, None]] = {}
        for requested_path in paths:
            path = first_missing(self.case.view, requested_path)
            path = path if full.resolve(path).exists else requested_path
            entry = full.resolve(path).entry
            if entry is None:
                continue
            if entry.kind is Kind.DIRECTORY:
                groups.setdefault(f"{path}/", {})[f"{path}/"] = None
            else:
                groups.setdefault(_directory(path), {})[path] = None
        directories = tuple(
            source for sources in groups.values() for source in sources if source.endswith("/")
        )
        lines = []
        for place, sources in sorted(groups.items()):
            alone = [s for s in sources if not any(s != top and s.startswith(top) for top in directories)]
            lines += [copy(self.case.full_name, alone, place)] if alone else []
        return [joined(lines)] if lines else []

    def installs(self, paths: Sequence[str], need: str = "", name: str = "") -> list[Remedy]:
        """Return lines that install the packages of some paths, if a database, an index or a list has
        them."""
        remedies = []
        owners = self.case.full_owners
        if broken := self.case.owners.of(paths):
            remedies += _lines(broken, again=True)
        elif owners is not None and (whose := owners.of(paths)):
            remedies += [remedy for remedy in _lines(whose) if self._fits(whose)]
        kind = family(self.case.view)
        if not remedies and kind in ("deb", "") and self.case.contents is not None:
            indexed = self._indexed(paths, name)
            if indexed:
                remedies.append(install("deb", *indexed))
        names = package_names().get(need, {})
        pip = self.case.find_command("pip") or self.case.find_command("pip3")
        if not remedies and pip and (package := names.get("pypi", "")):
            remedies.append(install("pypi", package))
        if not remedies and kind and (package := names.get(kind, "")):
            remedies.append(install(kind, *package.split()))
        return remedies

    def _fits(self, packages: Iterable[Package]) -> bool:
        kinds = {package.kind for package in packages} & set(FAMILIES.values())
        return not kinds or family(self.case.view) in kinds

    def _indexed(self, paths: Sequence[str], name: str) -> tuple[str, ...]:
        assert self.case.contents is not None
        names = [*paths, *_aliases(paths), *([name] if name else [])]
        owners = self.case.contents.owners(names)
        exact = [owners[p][0] for p in (*paths, *_aliases(paths)) if p in owners]
        return tuple(dict.fromkeys(exact or owners.get(name, ())[:1]))


def _aliases(paths: Iterable[str]) -> list[str]:
    """Return the names of a path in an index. On merged-/usr systems an index may have ``lib/...`` for
    ``/usr/lib/...``, or the reverse."""
    return [path.removeprefix("/usr") if path.startswith("/usr/") else f"/usr{path}" for path in paths]


def _lines(packages: Iterable[Package], *, again: bool = False) -> list[Remedy]:
    by_kind: dict[str, list[str]] = {}
    for package in packages:
        by_kind.setdefault(package.kind, []).append(package.title)
    forms = REINSTALL if again else INSTALL
    return [install(kind, *names, again=again) for kind, names in by_kind.items() if kind in forms]


def install(kind: str, *names: str, again: bool = False, note: str = "") -> Remedy:
    """Return a line that installs packages by name, of a distribution or a language."""
    if kind == "cran":
        return Remedy("Rscript -e {}", f"install.packages(c({json.dumps(names)[1:-1]}))", note=note)
    return Remedy((REINSTALL if again else INSTALL)[kind], names=names, note=note)


def _directory(path: str) -> str:
    return f"{parent(path).rstrip('/')}/"
