"""Where a new image goes: a Docker engine, an archive, an OCI layout, or a directory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from tracewhale.engines.docker.publish import publish
from tracewhale.engines.docker.reference import check_tag
from tracewhale.engines.names import ARCHIVE, DOCKER, OCI, OCI_ARCHIVE, ROOTFS, Name
from tracewhale.errors import InvalidTag, UsageError
from tracewhale.image import Image
from tracewhale.image.archive import docker_archive, oci_archive, write_archive, write_oci_layout
from tracewhale.rootfs.blobs import Blob
from tracewhale.rootfs.layers import LayerTree

_WORD = r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*"
_TAG = re.compile(rf"{_WORD}(?:/{_WORD})*")
"""A valid name of an image in an OCI layout (annotations.md, ``org.opencontainers.image.ref.name``)."""


def check(destination: Name) -> Name:
    """Return the destination with its defaults.

    Raises UsageError, InvalidTag for one that could not be written in the end.
    """
    return _format(destination).check(destination)


def write(image: Image, destination: Name) -> None:
    """Write an image to a destination. Raises UsageError, EngineError, NoSpace."""
    _format(destination).write(image, destination)


@dataclass(frozen=True, slots=True)
class Format:
    """One form in which an image leaves: how its destination is checked, and how it is written."""

    check: Callable[[Name], Name]
    write: Callable[[Image, Name], None]


def _format(destination: Name) -> Format:
    if destination.kind not in FORMATS:
        raise UsageError(
            f"-o {destination}: an image cannot be written over this machine.", "Name a rootfs:DIRECTORY."
        )
    return FORMATS[destination.kind]


def _check_engine(destination: Name) -> Name:
    return Name(DOCKER, check_tag(destination.place))


def _check_archive(destination: Name) -> Name:
    reference = destination.reference and check_tag(destination.reference)
    return Name(ARCHIVE, destination.place, reference)


def _check_layout(destination: Name) -> Name:
    if destination.reference and not _TAG.fullmatch(destination.reference):
        raise InvalidTag(
            f"{destination.reference!r} is not a valid name for an image in an OCI layout.",
            "A name is of letters and digits, with single . _ - : @ + or / between them.",
        )
    return destination


def _check_directory(destination: Name) -> Name:
    place = destination.place
    if os.path.lexists(place) and (not os.path.isdir(place) or os.listdir(place)):
        raise UsageError(f"-o {destination}: that is not an empty directory.", "Name an empty or a new one.")
    return destination


def _publish(image: Image, destination: Name) -> None:
    publish(image, destination.place)


def _write_docker_archive(image: Image, destination: Name) -> None:
    names = [destination.reference] if destination.reference else []
    write_archive(docker_archive(image, names), destination.place)


def _write_layout(image: Image, destination: Name) -> None:
    write_oci_layout(image, destination.place, destination.reference)


def _write_oci_archive(image: Image, destination: Name) -> None:
    write_archive(oci_archive(image, destination.reference), destination.place)


def _write_directory(image: Image, destination: Name) -> None:
    tree = LayerTree([Blob(file, 0, layer.size) for layer, file in image.layers])
    tree.unpack_to(destination.place, devices=True)


FORMATS = {
    DOCKER: Format(_check_engine, _publish),
    ARCHIVE: Format(_check_archive, _write_docker_archive),
    OCI: Format(_check_layout, _write_layout),
    OCI_ARCHIVE: Format(_check_layout, _write_oci_archive),
    ROOTFS: Format(_check_directory, _write_directory),
}
"""Every output format by the kind of its name."""
