"""The contents of an image, for either form of an SBOM. Frozen, and the same each time."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tracewhale.packages import Distribution, OwnedPackage
from tracewhale.plan.model import Plan
from tracewhale.plan.reasons import Reason, explain
from tracewhale.rootfs.tree import Kind, PackedEntry

_NAMESPACE = uuid.UUID("5b1f3b0e-6f0f-5d3c-9d2a-3c1f0f7a2e61")


@dataclass(frozen=True, slots=True)
class Digest:
    """A file's digests in hexadecimal: SPDX requires the first, everybody else uses the second."""

    sha1: str
    sha256: str


@dataclass(frozen=True, slots=True, order=True)
class SbomFile:
    """A regular file of the image. ``path`` is absolute and text: bytes that are not text are escaped
    (``\xff``)."""

    path: str
    digest: Digest
    reasons: tuple[str, ...]
    owned: bool


@dataclass(frozen=True, slots=True)
class SbomPackage:
    """A package that is kept completely or in part, with its files."""

    owned: OwnedPackage
    files: tuple[SbomFile, ...]

    @property
    def kept(self) -> str:
        """Whether all of it or only a part is kept."""
        return "whole" if self.owned.complete else "partial"


@dataclass(frozen=True)
class Sbom:
    """An image with its packages and files. ``version`` is its digest, if that is known already."""

    name: str
    version: str
    base: str
    created: datetime
    distribution: Distribution
    parts: tuple[SbomPackage, ...]
    files: tuple[SbomFile, ...]

    @property
    def identity(self) -> uuid.UUID:
        """A name of this SBOM: the same for the same contents."""
        state = hashlib.sha256(f"{self.name}\n{self.version}\n{self.base}\n".encode())
        for file in self.files:
            state.update(f"{file.path}\0{file.digest.sha256}\n".encode())
        for part in self.parts:
            state.update(f"{part.owned.package}{part.kept}\n".encode("utf-8", "backslashreplace"))
        return uuid.uuid5(_NAMESPACE, state.hexdigest())


class Digests:
    """Computes digests of files on their way into an image."""

    def __init__(self) -> None:
        self._digests: dict[str, Digest] = {}
        self._linked: dict[tuple[int, int], Digest] = {}

    def watch(self, items: Iterable[PackedEntry]) -> Iterator[PackedEntry]:
        """Yield the same items; each file's bytes are hashed when they are consumed."""
        for item in items:
            entry = item.entry
            yield replace(item, chunks=self._chunks(item)) if entry.kind is Kind.FILE else item
            # The second name of a file is written as a link, and its contents not asked for.
            if entry.kind is Kind.FILE and entry.path not in self._digests and entry.nlink > 1:
                self._digests[entry.path] = self._linked[entry.device, entry.inode]

    def _chunks(self, item: PackedEntry) -> Iterator[bytes]:
        sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        for chunk in item.chunks:
            sha1.update(chunk)
            sha256.update(chunk)
            yield chunk
        digest = Digest(sha1.hexdigest(), sha256.hexdigest())
        self._digests[item.entry.path] = self._linked[item.entry.device, item.entry.inode] = digest

    @property
    def digests(self) -> Mapping[str, Digest]:
        """The digests by physical path."""
        return self._digests


def describe(
    plan: Plan,
    digests: Mapping[str, Digest],
    *,
    name: str,
    version: str = "",
    base: str = "",
    created: str | None = None,
) -> Sbom:
    """Return the SBOM of a plan whose files have these digests. ``created`` is an RFC 3339 time; by default
    it is the beginning of 1970."""
    files = {
        path: SbomFile(
            text(path),
            digests[path],
            tuple(explain(Reason(r.why, text(r.by), text(r.detail))) for r in kept.reasons),
            path in plan.packages.owners,
        )
        for path, kept in plan.kept.items()
        if path in digests
    }
    parts = [
        SbomPackage(owned, tuple(sorted(files[path] for path in owned.paths if path in files)))
        for owned in plan.packages.kept_packages
    ]
    return Sbom(
        name or "image",
        version,
        base,
        moment(created),
        plan.packages.distribution,
        tuple(parts),
        tuple(sorted(files.values())),
    )


def moment(created: str | None) -> datetime:
    """Return an RFC 3339 time in whole seconds, as in SPDX; the beginning of 1970 if there is none."""
    try:
        return datetime.fromisoformat((created or "").split(".")[0].removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def text(path: str) -> str:
    """Return a path as text that every reader of JSON accepts."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
