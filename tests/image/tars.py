"""Tars for tests, as strangers make them: any header, right or wrong."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from tracewhale.rootfs.blobs import Blob

END = bytes(1024)


@dataclass(frozen=True)
class Item:
    """One member: a file with contents unless ``type`` says otherwise."""

    name: str
    data: bytes = b""
    type: bytes = tarfile.REGTYPE
    link: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    pax: Mapping[str, str] = field(default_factory=dict)
    device: tuple[int, int] = (0, 0)


def directory(name: str, mode: int = 0o755) -> Item:
    return Item(name, type=tarfile.DIRTYPE, mode=mode)


def symlink(name: str, target: str) -> Item:
    return Item(name, type=tarfile.SYMTYPE, link=target, mode=0o777)


def hard_link(name: str, target: str) -> Item:
    return Item(name, type=tarfile.LNKTYPE, link=target)


def header(item: Item) -> bytes:
    """A member's header as tarfile writes it."""
    info = tarfile.TarInfo(item.name)
    info.type, info.linkname, info.mode = item.type, item.link, item.mode
    info.uid, info.gid, info.size = item.uid, item.gid, len(item.data)
    info.devmajor, info.devminor = item.device
    info.pax_headers = dict(item.pax)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def tar(*items: Item) -> bytes:
    """A whole tar."""
    return b"".join(header(item) + padded(item.data) for item in items) + END


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def patched(block: bytes, at: int, field: bytes) -> bytes:
    """A header block with one field replaced, and its checksum made right again."""
    block = block[:at] + field + block[at + len(field) :]
    total = sum(block[:148]) + sum(block[156:]) + 8 * 32
    return block[:148] + b"%06o\0 " % total + block[156:]


@contextmanager
def blob(data: bytes) -> Iterator[Blob]:
    """Some bytes as a blob, for as long as its file is open."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        yield Blob(file, 0, len(data))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config_of(layers: Iterable[bytes], **more: Any) -> bytes:
    """An image configuration with the right diff_ids."""
    diff_ids = [f"sha256:{sha256(layer)}" for layer in layers]
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/x"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            **more,
        }
    ).encode()


def docker_archive(
    *layers: bytes, names: Sequence[str] = ("image:latest",), config: bytes | None = None
) -> bytes:
    """Return what ``docker save`` of Docker 1.10 to 24 writes."""
    config = config_of(layers) if config is None else config
    items = []
    for number, layer in enumerate(layers):
        items += [directory(f"layer{number}/"), Item(f"layer{number}/VERSION", b"1.0")]
        items += [Item(f"layer{number}/json", b"{}"), Item(f"layer{number}/layer.tar", layer)]
    paths = [f"layer{number}/layer.tar" for number in range(len(layers))]
    name = f"{sha256(config)}.json"
    manifest = [{"Config": name, "RepoTags": list(names), "Layers": paths}]
    items += [Item(name, config), Item("manifest.json", json.dumps(manifest).encode())]
    return tar(*items, Item("repositories", b"{}"))


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def write_layout(directory: Path, index: Mapping[str, Any], *blobs: bytes) -> None:
    """An OCI layout with these blobs."""
    (directory / "blobs/sha256").mkdir(parents=True)
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps(index))
    for each in blobs:
        (directory / "blobs/sha256" / sha256(each)).write_bytes(each)


def descriptor(data: bytes, media: str = "application/vnd.oci.image.manifest.v1+json", **more: Any) -> Any:
    return {"mediaType": media, "digest": f"sha256:{sha256(data)}", "size": len(data), **more}


def manifest_of(config: bytes, *layers: bytes) -> bytes:
    """An OCI manifest of a configuration and layers as they are stored."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(layer, "application/vnd.oci.image.layer.v1.tar") for layer in layers],
        }
    ).encode()


class Pipe(io.BytesIO):
    """Bytes that can only be read once and in pieces, as from a socket."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "all of a stream at once is too much"
        return super().read(min(size, 7_001))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise AssertionError("a stream cannot be read again")
