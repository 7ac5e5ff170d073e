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
    """A target or an output: its kind, where it is (``docker-daemon``: the image), and which of several.

    ``privileges`` is of a directory as an output: it gets device nodes, setuid and setgid bits and file
    capabilities also where others can reach them.
    """

    kind: str
    place: str = ""
    reference: str = ""
    privileges: bool = False

    def __str__(self) -> str:
        return ":".join(filter(None, (self.kind, self.place, self.reference)))


def parse(text: str) -> Name:
    """Read a name; one with no prefix is Docker's. Raises UsageError for a prefix with nothing behind it.

    In ``KIND:PATH:REFERENCE`` the path ends at the first colon, as skopeo has it, but where all of it is
    the path of something that exists.
    """
    kind, colon, rest = text.partition(":")
    if text == HOST:
        return Name(HOST)
    if not colon or kind not in (DOCKER, ARCHIVE, OCI, OCI_ARCHIVE, ROOTFS):
        return Name(DOCKER, text)
    if not rest:
        raise UsageError(f"{text} names nothing.", f"Put something behind the colon: {FORMS}.")
    if kind in (DOCKER, ROOTFS) or os.path.exists(rest):
        return Name(kind, rest)
    place, _, reference = rest.partition(":")
    return Name(kind, place, reference)
