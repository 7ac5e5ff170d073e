"""Where a new image goes: a Docker engine, an archive, an OCI layout, or a directory."""

from __future__ import annotations

import os

from tracewhale.errors import UsageError
from tracewhale.image import Image
from tracewhale.image.archive import docker_archive, oci_archive, write_archive, write_oci_layout
from tracewhale.image.blobs import Blob
from tracewhale.targets.layers import LayerTree
from tracewhale.targets.names import ARCHIVE, DOCKER, HOST, OCI, OCI_ARCHIVE, ROOTFS, Name


def check(destination: Name) -> Name:
    """The destination, made whole. Raises UsageError, InvalidTag for what could not be written in the end."""
    if destination.kind == HOST:
        raise UsageError("-o host: an image cannot be written over this machine.", "Name a rootfs:DIRECTORY.")
    if destination.kind == ROOTFS and os.path.isdir(destination.place) and os.listdir(destination.place):
        raise UsageError(
            f"-o {destination}: the directory is not empty.", "Name an empty or a new directory."
        )
    if destination.kind in (DOCKER, ARCHIVE):
        from tracewhale.targets.docker.reference import check_tag

        if destination.kind == DOCKER:
            return Name(DOCKER, check_tag(destination.place))
        if destination.reference:
            return Name(ARCHIVE, destination.place, check_tag(destination.reference))
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
        from tracewhale.targets.docker.publish import publish

        publish(image, place)
