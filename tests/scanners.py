"""Find what scanners find in an unpacked image, by their documented rules and with readers that are not ours.

Debian: Trivy takes ``var/lib/dpkg/status`` and each file in ``var/lib/dpkg/status.d`` but ``*.md5sums``, and
wants ``etc/debian_version`` and ``os-release``; Syft reads the same, the copyright at
``usr/share/doc/NAME/copyright``, and the files at ``status.d/NAME.md5sums``. Python: ``METADATA`` in
``*.dist-info`` and ``PKG-INFO`` of ``*.egg-info``. Node: every ``package.json`` with a name and a version.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

from debian.deb822 import Deb822

DPKG = "var/lib/dpkg"


def debian(root: Path) -> dict[str, tuple[str, str, str]]:
    """Name: version, architecture and source of each installed package."""
    status = root / DPKG / "status"
    directory = root / DPKG / "status.d"
    places = [status] if status.exists() else []
    if directory.exists():
        places += [place for place in sorted(directory.iterdir()) if place.suffix != ".md5sums"]
    found = {}
    for place in places:
        with place.open("rb") as file:
            for stanza in Deb822.iter_paragraphs(file):
                if not set(stanza.get("Status", "").split()) & {"deinstall", "purge", "config-files"}:
                    found[stanza["Package"]] = (
                        stanza["Version"],
                        stanza["Architecture"],
                        stanza.get("Source", stanza["Package"]),
                    )
    return found


def files_of_debian(root: Path) -> Iterator[tuple[str, Path]]:
    """Package and path of each file that ``.md5sums`` in ``status.d`` name."""
    for place in sorted((root / DPKG / "status.d").glob("*.md5sums")):
        for line in place.read_text().splitlines():
            yield place.stem, root / line.split("  ", 1)[1]


def release(root: Path) -> tuple[str, str]:
    """The distribution, by both of the files that are asked."""
    fields = dict(line.partition("=")[::2] for line in (root / "usr/lib/os-release").read_text().splitlines())
    assert (root / "etc/os-release").readlink() == Path("../usr/lib/os-release")
    return fields["ID"], (root / "etc/debian_version").read_text().strip()


def python(root: Path) -> dict[str, str]:
    """Name and version of each distribution that Python itself finds."""
    sites = {str(place.parent) for pattern in ("*.dist-info", "*.egg-info") for place in root.rglob(pattern)}
    return {
        each.metadata["Name"]: each.version
        for each in importlib.metadata.distributions(path=sorted(sites))
        if each.metadata["Name"]
    }


def node(root: Path) -> dict[str, str]:
    """Name and version of each package."""
    found = {}
    for place in root.rglob("package.json"):
        value = json.loads(place.read_text())
        if value.get("name") and value.get("version"):
            found[value["name"]] = value["version"]
    return found
