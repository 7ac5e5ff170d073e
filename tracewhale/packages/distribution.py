"""The distribution of an image, which scanners read before any package."""

from __future__ import annotations

import shlex

from tracewhale.packages.files import PackageFiles
from tracewhale.packages.model import Distribution, Document

PLACES = (
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/lsb-release",
    "/etc/debian_version",
    "/etc/alpine-release",
    "/etc/apk/repositories",
    "/etc/redhat-release",
    "/etc/centos-release",
    "/etc/fedora-release",
    "/etc/system-release",
    "/etc/system-release-cpe",
)
"""The paths that Trivy (pkg/fanal/analyzer/os and repo) or Syft (syft/linux/identify_release.go) reads."""


def distribution(files: PackageFiles) -> Distribution:
    """Return the facts in os-release (os-release(5))."""
    files.read(PLACES[:2])
    text = files.text(PLACES[0]) or files.text(PLACES[1])
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            try:
                fields[name.strip()] = " ".join(shlex.split(value))
            except ValueError:
                continue
    return Distribution(
        fields.get("ID", ""),
        fields.get("VERSION_ID", "") or fields.get("VERSION_CODENAME", ""),
        fields.get("PRETTY_NAME", ""),
    )


def documents(files: PackageFiles) -> list[Document]:
    """Return the files that name the distribution and its release."""
    return [Document(path, "distribution", "name and release") for path in PLACES if files.physical(path)]
