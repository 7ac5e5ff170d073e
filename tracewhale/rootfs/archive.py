"""Images in files: ``docker-archive:FILE`` in the format of ``docker save``, ``oci:DIR`` and a tar of it.

Formats: Docker's image spec v1.2 (manifest.json, with the layers beside it or, since Docker 25, in an OCI
layout), and the OCI image-spec: image-layout.md, image-index.md, manifest.md. Malformed input raises
ImageContentError.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tracewhale import platforms
from tracewhale.errors import EmptyImage, ImageContentError, PlatformMismatch, TargetNotFound
from tracewhale.rootfs.blobs import Blob, algorithm_of, check_digest, digest_of
from tracewhale.rootfs.config_check import check
from tracewhale.rootfs.overlay import HINT
from tracewhale.rootfs.store import (
    Store,
    blob_of,
    mapping,
    mappings,
    open_directory_store,
    open_tar_store,
    parse,
    string,
    strings,
)

SIZE_LIMIT = 64 << 30
"""The most bytes of an archive, or of one image's layers, without their compression."""

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
REFERENCE = "org.opencontainers.image.ref.name"
"""The annotation with which a layout's index names a manifest (image-layout.md, "index.json")."""

_INDEX_TYPES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
_INDEX_DEPTH = 4
_BLOB = re.compile("blobs/(sha256|sha512)/([0-9a-f]+)")
_CONFIG = re.compile(r"([0-9a-f]{64})\.json")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """A layer as stored in a file, possibly compressed.

    ``digest`` is that of the blob itself if the format has it, else empty; ``diff_id`` that of its plain tar.
    """

    blob: Blob
    digest: str
    diff_id: str


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image in a file: its names, its identity (the digest of its configuration), its layers in order."""

    names: tuple[str, ...]
    digest: str
    config: Json
    layers: tuple[StoredLayer, ...]

    @property
    def size(self) -> int:
        """The bytes of its layers as stored."""
        return sum(layer.blob.size for layer in self.layers)


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of the images in a file; ``digest`` identifies it; an empty platform is unknown."""

    value: Json
    names: tuple[str, ...]
    digest: str
    platform: str = ""


@contextmanager
def open_docker_archive(path: str, reference: str = "", limit: int = SIZE_LIMIT) -> Iterator[StoredImage]:
    """Yield the image in an archive of ``docker save``, plain or compressed; ``reference``, a name or the
    image's id, chooses one of several.

    Raise TargetNotFound, ImageContentError, EmptyImage, NoSpace.
    """
    with open_tar_store(path, limit) as store:
        what = f"manifest.json of {path}"
        entries = mappings(parse(_entrance(store, "manifest.json"), what), what)
        choice = _one(path, [_parse_saved(entry, what) for entry in entries], reference)
        config, layers = string(choice.value.get("Config"), what), strings(choice.value.get("Layers"), what)
        yield _image(store, choice.names, config, layers)


@contextmanager
def open_oci(path: str, tag: str = "", platform: str = "", limit: int = SIZE_LIMIT) -> Iterator[StoredImage]:
    """Yield the image in an OCI layout, a directory or a tar of it.

    ``tag`` chooses one of several by its annotation ``org.opencontainers.image.ref.name`` or its digest;
    ``platform`` (see ``platforms.matches``; by default this machine's) chooses one of a multi-platform image.
    Raise TargetNotFound, PlatformMismatch, ImageContentError, EmptyImage, NoSpace.
    """
    with open_directory_store(path) if os.path.isdir(path) else open_tar_store(path, limit) as store:
        index = mapping(parse(_entrance(store, "index.json"), f"index.json of {path}"), "index.json")
        described = [
            _parse_descriptor(descriptor) for descriptor in mappings(index.get("manifests"), "index.json")
        ]
        choice = _one(path, described, tag, platform)
        manifest = _manifest(store, choice.value, platform)
        config = _place(mapping(manifest.get("config"), "the manifest"))
        layers = [_place(layer) for layer in mappings(manifest.get("layers"), "the manifest")]
        yield _image(store, choice.names, config, layers)


def _entrance(store: Store, name: str) -> Blob:
    blob = store.blob(name)
    if blob is None:
        raise ImageContentError(
            f"{store.path} has no {name}, so it is not in the format that its prefix names.",
            "docker-archive: takes a file of docker save (since Docker 1.10), oci: an OCI image layout.",
        )
    return blob


def _one(path: str, choices: Sequence[_Choice], reference: str, platform: str = "") -> _Choice:
    """Return the image of that name or digest, or the only image, even if it has several names and platforms.

    An index lists the images for several platforms in an index of their own, or itself (image-layout.md).
    """
    if not choices:
        raise EmptyImage(f"{path} holds no image.", "Name an archive or a layout that holds one.")
    references = {reference, f"{reference}:latest"}
    matching = [choice for choice in choices if not reference or references & {*choice.names, choice.digest}]
    different = {choice.digest: choice for choice in matching}
    if len(different) > 1:
        different = {choice.digest: choice for choice in _fitting(matching, platform)} or different
    if len(different) == 1:
        return next(iter(different.values()))
    names = ", ".join(sorted({name for choice in choices for name in choice.names or (choice.digest,)}))
    if not matching:
        raise TargetNotFound(f"{path} holds no image called {reference!r}.", f"It has {names}.")
    raise TargetNotFound(
        f"{path} holds {len(different)} images.", f"Name one of them after a colon: {names}."
    )


def _parse_saved(entry: Json, title: str) -> _Choice:
    config = string(entry.get("Config"), title)
    return _Choice(entry, tuple(strings(entry.get("RepoTags"), title)), _told_digest(config) or config)


def _parse_descriptor(descriptor: Json) -> _Choice:
    name = string(mapping(descriptor.get("annotations"), "index.json").get(REFERENCE), "index.json")
    platform = mapping(descriptor.get("platform"), "an index")
    parts = [string(platform.get(part), "an index") for part in ("os", "architecture", "variant")]
    digest = string(descriptor.get("digest"), "a descriptor")
    return _Choice(descriptor, (name,) if name else (), digest, "/".join(filter(None, parts)))


def _fitting(choices: Sequence[_Choice], platform: str) -> list[_Choice]:
    """Return the images for a platform, by default for the best that this machine runs."""
    for wanted in (platform,) if platform else platforms.machine_platforms():
        if fitting := [choice for choice in choices if platforms.matches(wanted, choice.platform)]:
            return fitting
    return []


def _manifest(store: Store, descriptor: Json, platform: str) -> Json:
    """Return the manifest of an image, through indexes of several platforms (image-index.md)."""
    for _ in range(_INDEX_DEPTH):
        blob = blob_of(store, _place(descriptor))
        check_digest(blob, string(descriptor.get("digest"), "a descriptor"), "a manifest")
        value = mapping(parse(blob, "A manifest"), "a manifest")
        if descriptor.get("mediaType") not in _INDEX_TYPES and "manifests" not in value:
            return value
        choices = [_parse_descriptor(choice) for choice in mappings(value.get("manifests"), "an index")]
        fitting = _fitting(choices, platform)
        if not fitting:
            known = ", ".join(sorted({choice.platform for choice in choices} - {""})) or "none"
            raise PlatformMismatch(
                f"The image is not made for {platform or platforms.machine_platforms()[0]}.",
                f"It is for {known}: see --platform.",
            )
        descriptor = fitting[0].value
    raise ImageContentError("The image's indexes contain each other.", HINT)


def _place(descriptor: Json) -> str:
    """Return the place of a descriptor's blob in a layout (image-layout.md, "Blobs")."""
    digest = string(descriptor.get("digest"), "a descriptor")
    algorithm = algorithm_of(digest)
    return f"blobs/{algorithm}/{digest.removeprefix(algorithm + ':')}"


def _image(store: Store, names: Sequence[str], config_name: str, layer_names: Sequence[str]) -> StoredImage:
    blob = blob_of(store, config_name)
    digest = digest_of(blob.chunks())
    if _told_digest(config_name) not in ("", digest):
        check_digest(blob, _told_digest(config_name), "the configuration")
    config = check(mapping(parse(blob, "The configuration"), "the configuration"))
    rootfs = mapping(config.get("rootfs"), "the configuration")
    diff_ids = strings(rootfs.get("diff_ids"), "the configuration")
    if len(diff_ids) != len(layer_names):
        counts = f"{len(layer_names)} layers, but its configuration names {len(diff_ids)}"
        raise ImageContentError(f"The image has {counts}.", HINT)
    if not layer_names:
        raise EmptyImage(
            "The image has no layers, so there are no files in it.", "Name an image that has some."
        )
    layers = tuple(
        StoredLayer(blob_of(store, name), _told_digest(name), diff_id)
        for name, diff_id in zip(layer_names, diff_ids, strict=True)
    )
    return StoredImage(tuple(names), digest, config, layers)


def _told_digest(name: str) -> str:
    """Return the digest in a file's name, or an empty string without one."""
    if match := _BLOB.fullmatch(name):
        return f"{match[1]}:{match[2]}"
    if match := _CONFIG.fullmatch(name):
        return f"sha256:{match[1]}"
    return ""
