"""The output formats of an image: Docker archive and OCI layout, deterministic and streamed.

Formats: Docker's image spec v1.2, "Combined Image JSON + Filesystem Changeset Format" (the input of ``docker
load``), and the OCI image-spec: image-layout.md, manifest.md, image-index.md.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tracewhale.errors import UsageError
from tracewhale.image import Image
from tracewhale.image.config import canonical, digest
from tracewhale.rootfs.archive import INDEX_TYPE, REFERENCE
from tracewhale.rootfs.store import JSON_LIMIT, mapping, mappings, parse_text, string
from tracewhale.rootfs.tar_header import BLOCK, header, padding
from tracewhale.rootfs.tempfiles import contents, full_disk
from tracewhale.rootfs.tree import Entry, Kind

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"

_LAYOUT = canonical({"imageLayoutVersion": "1.0.0"})


@dataclass(frozen=True, slots=True)
class _File:
    """One file of an archive or layout; ``chunks`` are its ``size`` bytes."""

    path: str
    size: int
    chunks: Iterator[bytes]


def docker_archive(image: Image, names: Sequence[str] = ()) -> Iterator[bytes]:
    """Yield the input of ``docker load`` in chunks. ``names`` are whole references (``repository:tag``)."""
    layers = [(f"{_hex(layer.diff_id)}.tar", layer, file) for layer, file in image.layers]
    config = f"{_hex(image.digest)}.json"
    manifest = canonical(
        [{"Config": config, "RepoTags": list(names) or None, "Layers": [path for path, _, _ in layers]}]
    )
    yield from _tar(
        [
            _write_whole("manifest.json", manifest),
            _write_whole(config, image.config),
            *(_File(path, layer.size, contents(file, 0, layer.size)) for path, layer, file in layers),
        ]
    )


def oci_archive(image: Image, tag: str = "", annotations: Mapping[str, str] = {}) -> Iterator[bytes]:
    """Yield an OCI layout as a tar, in chunks."""
    descriptor, blobs = _oci(image, tag, annotations)
    yield from _tar(
        [_write_whole("oci-layout", _LAYOUT), *blobs, _write_whole("index.json", _index([descriptor]))]
    )


def write_oci_layout(
    image: Image, directory: str, tag: str = "", annotations: Mapping[str, str] = {}
) -> None:
    """Write an OCI layout, or add the image to an existing one, in which its tag then means the new image.

    The index is replaced last and atomically. Raise UsageError if the directory has other contents,
    ImageContentError if its index is malformed, NoSpace.
    """
    descriptor, blobs = _oci(image, tag, annotations)
    with full_disk(directory):
        others = _prepare(directory)
        for blob in blobs:
            _replace(directory, blob)
        kept = [other for other in others if other != descriptor and not (tag and _reference(other) == tag)]
        _replace(directory, _write_whole("oci-layout", _LAYOUT))
        _replace(directory, _write_whole("index.json", _index([*kept, descriptor])))


def write_archive(chunks: Iterator[bytes], path: str) -> None:
    """Write an archive's chunks to a file, which appears only when it is complete, or into a pipe, device or
    link.

    /dev/stdout is a link, which must not be replaced. Raise NoSpace, UsageError.
    """
    directory, name = os.path.split(path)
    special = os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path))
    if special and not os.path.isdir(path):
        with _writable(path), full_disk(path), open(path, "wb") as out:
            out.writelines(chunks)
    else:
        _replace(directory or ".", _File(name, 0, chunks))


def _oci(image: Image, tag: str, annotations: Mapping[str, str]) -> tuple[dict[str, Any], list[_File]]:
    """Return the descriptor of an image's manifest, and its blobs."""
    layers = [
        {"mediaType": LAYER_TYPE, "digest": layer.diff_id, "size": layer.size} for layer, _ in image.layers
    ]
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": image.digest, "size": len(image.config)},
        "layers": layers,
    }
    if image.annotations or annotations:
        manifest["annotations"] = {**image.annotations, **annotations}
    written = canonical(manifest)
    descriptor: dict[str, Any] = {"mediaType": MANIFEST_TYPE, "digest": digest(written), "size": len(written)}
    config = json.loads(image.config)
    platform = {name: config[name] for name in ("architecture", "os", "variant") if config.get(name)}
    if {"architecture", "os"} <= platform.keys():
        descriptor["platform"] = platform
    if tag:
        descriptor["annotations"] = {REFERENCE: tag}
    blobs = [
        _write_whole(_blob(image.digest), image.config),
        _write_whole(_blob(descriptor["digest"]), written),
        *(
            _File(_blob(layer.diff_id), layer.size, contents(file, 0, layer.size))
            for layer, file in image.layers
        ),
    ]
    return descriptor, blobs


def _index(manifests: Sequence[Mapping[str, Any]]) -> bytes:
    return canonical({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests})


def _reference(descriptor: Mapping[str, Any]) -> str:
    return string(mapping(descriptor.get("annotations"), "index.json").get(REFERENCE), "index.json")


def _prepare(directory: str) -> list[dict[str, Any]]:
    """Make the directory a layout if it is not one, and return the manifests in its index."""
    with _writable(directory):
        os.makedirs(directory, exist_ok=True)
        names = os.listdir(directory)
    if names and "index.json" not in names and not set(names) <= {"blobs", "oci-layout"}:
        raise UsageError(
            f"{directory} holds files that are not of an OCI layout.", "Name an empty or a new directory."
        )
    others: list[dict[str, Any]] = []
    if "index.json" in names:
        with open(os.path.join(directory, "index.json"), "rb") as file:
            index = mapping(parse_text(file.read(JSON_LIMIT), "index.json"), "index.json")
        others = mappings(index.get("manifests"), "index.json")
    with _writable(directory):
        os.makedirs(os.path.join(directory, "blobs", "sha256"), exist_ok=True)
    return others


@contextmanager
def _writable(place: str) -> Iterator[None]:
    """Turn errors of writing, except for a full disk, into UsageError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UsageError(f"{place} cannot be written: {error.strerror}.", "Name another place.") from error


def _replace(directory: str, file: _File) -> None:
    """Write a file beside its place and move it there."""
    place = os.path.join(directory, file.path)
    with full_disk(directory), _writable(place):
        # With the mode that the umask leaves, as any new file: tempfile's own are this user's alone.
        temporary = os.path.join(os.path.dirname(place), f".tracewhale-{secrets.token_hex(8)}")
        out = open(temporary, "xb")  # noqa: SIM115 - closed below; if it cannot be opened there is nothing to remove
        try:
            with out:
                out.writelines(file.chunks)
            os.replace(temporary, place)
        except BaseException:
            os.unlink(temporary)
            raise


def _tar(files: Sequence[_File]) -> Iterator[bytes]:
    for file in files:
        yield header(Entry(f"/{file.path}", Kind.FILE, 0o644, 0, 0, file.size, 0), {})
        yield from file.chunks
        yield bytes(padding(file.size))
    yield bytes(2 * BLOCK)


def _write_whole(path: str, data: bytes) -> _File:
    return _File(path, len(data), iter((data,)))


def _blob(digest: str) -> str:
    return f"blobs/sha256/{_hex(digest)}"


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
