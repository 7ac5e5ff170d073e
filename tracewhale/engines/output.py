"""Destinations of a new image: a Docker engine, an archive, an OCI layout, or a directory."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass

from tracewhale.engines.docker.publish import publish
from tracewhale.engines.docker.reference import check_tag, normalize
from tracewhale.engines.names import ARCHIVE, DOCKER, OCI, OCI_ARCHIVE, ROOTFS, Name, parse
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

    Raise UsageError or InvalidTag if it could not be written in the end.
    """
    return _format(destination).check(destination)


def check_replaces(destination: Name | None, target: str) -> None:
    """Raise UsageError if the new image would take the name of its original."""
    original = parse(target)
    if destination is None or {destination.kind, original.kind} != {DOCKER}:
        return
    if normalize(destination.place) == normalize(original.place):
        raise UsageError(
            f"-t {destination.place}: the new image would take the name of its original.",
            "Choose another name, or use --force.",
        )


def write(image: Image, destination: Name) -> LeftOut:
    """Write an image to a destination. Raise UsageError, EngineError, NoSpace."""
    return _format(destination).write(image, destination)


LeftOut = tuple[tuple[str, str], ...]
"""Pairs of a path that a destination cannot hold completely, and the reason."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """One output format: how its destination is checked, and how it is written."""

    check: Callable[[Name], Name]
    write: Callable[[Image, Name], LeftOut]


def _format(destination: Name) -> OutputFormat:
    if destination.kind not in FORMATS:
        raise UsageError(
            f"-o {destination}: an image cannot be written over this machine.", "Use rootfs:DIRECTORY."
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


def _publish(image: Image, destination: Name) -> LeftOut:
    publish(image, destination.place)
    return ()


def _write_docker_archive(image: Image, destination: Name) -> LeftOut:
    names = [destination.reference] if destination.reference else []
    write_archive(docker_archive(image, names), destination.place)
    return ()


def _write_layout(image: Image, destination: Name) -> LeftOut:
    write_oci_layout(image, destination.place, destination.reference)
    return ()


def _write_oci_archive(image: Image, destination: Name) -> LeftOut:
    write_archive(oci_archive(image, destination.reference), destination.place)
    return ()


def _write_directory(image: Image, destination: Name) -> LeftOut:
    """Write files below a directory; write those that lend privileges only if nobody else can reach it."""
    tree = LayerTree([Blob(file, 0, layer.size) for layer, file in image.layers])
    above = os.path.dirname(os.path.abspath(destination.place))
    kept = destination.privileges or is_private(above)
    unpacked = tree.unpack_to(destination.place, devices=None if kept else False, privileges=kept)
    return unpacked.left_out


def is_private(directory: str) -> bool:
    """Return whether only this user may search a directory, by its own mode or that of one above it."""
    directory = os.path.realpath(directory)
    while directory != "/":
        if os.path.isdir(directory):  # else it will be made, with the umask
            status = os.stat(directory)
            if status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IXGRP | stat.S_IXOTH):
                return True
        directory = os.path.dirname(directory)
    return False


FORMATS = {
    DOCKER: OutputFormat(_check_engine, _publish),
    ARCHIVE: OutputFormat(_check_archive, _write_docker_archive),
    OCI: OutputFormat(_check_layout, _write_layout),
    OCI_ARCHIVE: OutputFormat(_check_layout, _write_oci_archive),
    ROOTFS: OutputFormat(_check_directory, _write_directory),
}
"""Every output format by the kind of its name."""
