"""Where a new image goes: a Docker engine, an archive, an OCI layout, or a directory."""

from __future__ import annotations

import os
import re

from tracewhale.engines.docker.publish import publish
from tracewhale.engines.docker.reference import check_tag
from tracewhale.engines.names import ARCHIVE, DOCKER, HOST, OCI, OCI_ARCHIVE, ROOTFS, Name
from tracewhale.errors import InvalidTag, UsageError
from tracewhale.image import Image
from tracewhale.image.archive import docker_archive, oci_archive, write_archive, write_oci_layout
from tracewhale.rootfs.blobs import Blob
from tracewhale.rootfs.layers import LayerTree

_WORD = r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*"
_TAG = re.compile(rf"{_WORD}(?:/{_WORD})*")
"""A valid name of an image in an OCI layout (annotations.md, ``org.opencontainers.image.ref.name``)."""


def check(destination: Name) -> Name:
    """Return the destination, made whole. Raises UsageError, InvalidTag for what could not be written in
    the end."""
    if destination.kind == HOST:
        raise UsageError("-o host: an image cannot be written over this machine.", "Name a rootfs:DIRECTORY.")
    place = destination.place
    if destination.kind == ROOTFS and os.path.lexists(place):
        if not os.path.isdir(place) or os.listdir(place):
            raise UsageError(
                f"-o {destination}: that is not an empty directory.", "Name an empty or a new one."
            )
    elif destination.kind == DOCKER:
        return Name(DOCKER, check_tag(place))
    elif destination.kind == ARCHIVE and destination.reference:
        return Name(ARCHIVE, place, check_tag(destination.reference))
    elif destination.reference and not _TAG.fullmatch(destination.reference):
        raise InvalidTag(
            f"{destination.reference!r} is not a valid name for an image in an OCI layout.",
            "A name is of letters and digits, with single . _ - : @ + or / between them.",
        )
    return destination


def write(image: Image, destination: Name) -> None:
    """Write an image to a destination. Raises UsageError, EngineError, NoSpace."""
    place, reference = destination.place, destination.reference
    if destination.kind == ARCHIVE:
        write_archive(docker_archive(image, [reference] if reference else []), place)
    elif destination.kind == OCI:
        write_oci_layout(image, place, reference)
    elif destination.kind == OCI_ARCHIVE:
        write_archive(oci_archive(image, reference), place)
    elif destination.kind == ROOTFS:
        LayerTree([Blob(file, 0, layer.size) for layer, file in image.layers]).unpack_to(place, devices=True)
    else:
        publish(image, place)
