"""The names of targets and outputs, after the transports of skopeo(1)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tracewhale.errors import UsageError

DOCKER = "docker-daemon"
ARCHIVE = "docker-archive"
OCI = "oci"
OCI_ARCHIVE = "oci-archive"
ROOTFS = "rootfs"
HOST = "host"

FORMS = "docker-archive:FILE[:NAME], oci:DIR[:TAG], oci-archive:FILE[:TAG], rootfs:DIR or host"

OUTPUTS = "docker-daemon:NAME, docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE and rootfs:DIR"


@dataclass(frozen=True, slots=True)
class Name:
    """A target or an output: its kind, its place (for ``docker-daemon`` the image), and the reference in an
    archive.

    ``privileges`` applies to an output directory: it gets device nodes, setuid and setgid bits and file
    capabilities even if others can reach it.
    """

    kind: str
    place: str = ""
    reference: str = ""
    privileges: bool = False

    def __str__(self) -> str:
        return ":".join(filter(None, (self.kind, self.place, self.reference)))


def parse(text: str) -> Name:
    """Parse a name; one without a prefix is Docker's. Raise UsageError for a prefix without a name.

    In ``KIND:PATH:REFERENCE`` the path ends at the first colon, as with skopeo, unless the whole is an
    existing path.
    """
    kind, colon, rest = text.partition(":")
    if text == HOST:
        return Name(HOST)
    if not colon or kind not in (DOCKER, ARCHIVE, OCI, OCI_ARCHIVE, ROOTFS):
        return Name(DOCKER, text)
    if not rest:
        raise UsageError(f"{text} has no name after the colon.", f"Use one of these forms: {FORMS}.")
    if kind in (DOCKER, ROOTFS) or os.path.exists(rest):
        return Name(kind, rest)
    place, _, reference = rest.partition(":")
    return Name(kind, place, reference)
