"""Images in files: ``docker-archive:FILE`` as ``docker save`` writes it, ``oci:DIR`` and its tar.

Formats: Docker's image spec v1.2 (manifest.json, with the layers beside it or, since Docker 25, in an OCI
layout), and the OCI image-spec: image-layout.md, image-index.md, manifest.md. Whatever is malformed is an
ImageContentError.
"""

from __future__ import annotations

import os
import platform as machine
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tracewhale.errors import EmptyImage, ImageContentError, PlatformMismatch, TargetNotFound
from tracewhale.image.archive import INDEX_TYPE, REFERENCE
from tracewhale.image.blobs import Blob, algorithm_of, check_digest, digest_of
from tracewhale.image.overlay import HINT
from tracewhale.image.store import (
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
from tracewhale.image.valid import checked

SIZE_LIMIT = 64 << 30
"""Bytes that an archive, or the layers of one image, may have without their compression."""

_INDEX_TYPES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
_INDEX_DEPTH = 4
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}
_BLOB = re.compile("blobs/(sha256|sha512)/([0-9a-f]+)")
_CONFIG = re.compile(r"([0-9a-f]{64})\.json")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """A layer as it lies in a file, perhaps compressed.

    ``digest`` is that of the blob itself where the format tells it, else empty; ``diff_id`` that of its
    plain tar.
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
        """Bytes of its layers as they are stored."""
        return sum(layer.blob.size for layer in self.layers)


@contextmanager
def open_docker_archive(path: str, reference: str = "", limit: int = SIZE_LIMIT) -> Iterator[StoredImage]:
    """The image in what ``docker save`` wrote, plain or compressed; ``reference`` picks one of several.

    Raises TargetNotFound, ImageContentError, EmptyImage, NoSpace.
    """
    with open_tar_store(path, limit) as store:
        what = f"manifest.json of {path}"
        entry = _one(
            path, mappings(parse(_entrance(store, "manifest.json"), what), what), _repo_tags, reference
        )
        config = string(entry.get("Config"), what)
        yield _image(store, _repo_tags(entry), config, strings(entry.get("Layers"), what))


@contextmanager
def open_oci(path: str, tag: str = "", platform: str = "", limit: int = SIZE_LIMIT) -> Iterator[StoredImage]:
    """The image in an OCI layout, a directory or a tar of it.

    ``tag`` picks one of several by its annotation ``org.opencontainers.image.ref.name``; ``platform``
    (``OS/ARCHITECTURE[/VARIANT]``, by default Linux on this machine's) one of a multi-platform image.
    Raises TargetNotFound, PlatformMismatch, ImageContentError, EmptyImage, NoSpace.
    """
    with open_directory_store(path) if os.path.isdir(path) else open_tar_store(path, limit) as store:
        index = mapping(parse(_entrance(store, "index.json"), f"index.json of {path}"), "index.json")
        found = _one(path, mappings(index.get("manifests"), "index.json"), _reference, tag)
        manifest = _manifest(store, found, platform or default_platform())
        config = _place(mapping(manifest.get("config"), "the manifest"))
        layers = [_place(layer) for layer in mappings(manifest.get("layers"), "the manifest")]
        yield _image(store, _reference(found), config, layers)


def default_platform() -> str:
    """Linux on this machine's architecture, as image indexes write it (Go's GOOS/GOARCH)."""
    return f"linux/{_ARCHITECTURES.get(machine.machine(), machine.machine())}"


def _entrance(store: Store, name: str) -> Blob:
    blob = store.blob(name)
    if blob is None:
        raise ImageContentError(
            f"{store.path} has no {name}, so it is not what it is said to be.",
            "docker-archive: takes what docker save writes (since Docker 1.10), oci: an OCI image layout.",
        )
    return blob


def _one(path: str, found: Sequence[Json], names_of: Callable[[Json], list[str]], wanted: str) -> Json:
    """The one of that name, or the only one."""
    if not found:
        raise EmptyImage(f"{path} holds no image.", "Name an archive or a layout that holds one.")
    matching = [each for each in found if not wanted or {wanted, f"{wanted}:latest"} & set(names_of(each))]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(sorted({name for each in found for name in names_of(each)})) or "no names"
    if not matching:
        raise TargetNotFound(f"{path} holds no image called {wanted!r}.", f"It has {names}.")
    raise TargetNotFound(
        f"{path} holds {len(matching)} images.", f"Say which one after a colon; it has {names}."
    )


def _repo_tags(entry: Json) -> list[str]:
    return strings(entry.get("RepoTags"), "manifest.json")


def _reference(descriptor: Json) -> list[str]:
    name = string(mapping(descriptor.get("annotations"), "index.json").get(REFERENCE), "index.json")
    return [name] if name else []


def _manifest(store: Store, descriptor: Json, platform: str) -> Json:
    """The manifest of an image, through indexes of several platforms (image-index.md)."""
    for _ in range(_INDEX_DEPTH):
        blob = blob_of(store, _place(descriptor))
        check_digest(blob, string(descriptor.get("digest"), "a descriptor"), "a manifest")
        value = mapping(parse(blob, "A manifest"), "a manifest")
        if descriptor.get("mediaType") not in _INDEX_TYPES and "manifests" not in value:
            return value
        choices = mappings(value.get("manifests"), "an index")
        fitting = [choice for choice in choices if _fits(choice, platform)]
        if not fitting:
            known = ", ".join(sorted({_platform(choice) for choice in choices})) or "none"
            raise PlatformMismatch(
                f"The image is not made for {platform}.", f"It is for {known}: see --platform."
            )
        descriptor = fitting[0]
    raise ImageContentError("The image's indexes contain each other.", HINT)


def _fits(descriptor: Json, platform: str) -> bool:
    return f"{_platform(descriptor)}/".startswith(f"{platform}/")


def _platform(descriptor: Json) -> str:
    platform = mapping(descriptor.get("platform"), "an index")
    parts = [string(platform.get(name), "an index") for name in ("os", "architecture", "variant")]
    return "/".join(filter(None, parts))


def _place(descriptor: Json) -> str:
    """Where a layout has the blob of a descriptor (image-layout.md, "Blobs")."""
    digest = string(descriptor.get("digest"), "a descriptor")
    algorithm = algorithm_of(digest)
    return f"blobs/{algorithm}/{digest.removeprefix(algorithm + ':')}"


def _image(store: Store, names: Sequence[str], config_name: str, layer_names: Sequence[str]) -> StoredImage:
    blob = blob_of(store, config_name)
    digest = digest_of(blob.chunks())
    if _told_digest(config_name) not in ("", digest):
        check_digest(blob, _told_digest(config_name), "the configuration")
    config = checked(mapping(parse(blob, "The configuration"), "the configuration"))
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
    """The digest that a file's name tells, empty when it tells none."""
    if found := _BLOB.fullmatch(name):
        return f"{found[1]}:{found[2]}"
    if found := _CONFIG.fullmatch(name):
        return f"sha256:{found[1]}"
    return ""
