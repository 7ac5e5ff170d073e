"""Artifacts in kept Java archives. A jar is kept whole, with everything that scanners read.

As in Trivy (language/java/jar) and Syft (cataloger/java): ``META-INF/maven/**/pom.properties``, else the
manifest's Implementation or Bundle names, else the file's name; also for archives in archives, if they are
stored without compression (as by Spring Boot) or are small.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from tracewhale.packages.contents import InstalledPackage
from tracewhale.packages.files import PackageFiles, encode, words
from tracewhale.packages.model import NOTHING, OwnedPackage, Package, PackageFacts
from tracewhale.rootfs.tree import Entry, Kind, Tree

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

ARCHIVES = (".jar", ".war", ".ear", ".par")
NAMED = re.compile(r"(?P<name>.+?)-(?P<version>\d[\w.+-]*)")
DEPTH = 3
ARCHIVE_LIMIT = 50_000
"""The most archives in archives: their depth, and their number in an image."""

MEMBER_LIMIT = 1 << 20
NESTED_LIMIT = 256 << 20
"""The most bytes of a manifest, and of all archives of an image that are decompressed."""

TAIL, BUFFER, READ_LIMIT = 64 << 10, 16 << 10, 16 << 20

MALFORMED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError,
    ValueError, OSError, EOFError, IndexError, KeyError, OverflowError,
)  # fmt: skip
"""Exceptions of zipfile for a file that is not an archive, is encrypted, or has a rare compression."""


class JavaPackages:
    """Archives among kept files, of which only the directory and the names are read."""

    def __init__(self, files: PackageFiles) -> None:
        self._tree = files.view.tree
        self._budget, self._archives = NESTED_LIMIT, 0
        self._known: dict[str, tuple[Package, ...]] = {}

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return nothing: an artifact is one file, which is kept whole."""
        return ()

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the artifacts in the kept archives."""
        archives = [
            path for path, entry in kept.items() if entry.kind is Kind.FILE and path.endswith(ARCHIVES)
        ]
        if not archives:
            return NOTHING
        unknown = [kept[path] for path in archives if path not in self._known]
        tails = self._tree.read([(e.path, max(0, e.size - TAIL), TAIL) for e in unknown]) if unknown else []
        for entry, tail in zip(unknown, tails, strict=True):
            file = _Range(self._tree, entry, tail or b"")
            self._known[entry.path] = tuple(sorted(set(self._artifacts(entry.path, file, DEPTH))))
        owners: dict[Package, list[str]] = {}
        for path in sorted(archives):
            for package in self._known.get(path, ()):
                owners.setdefault(package, []).append(path)
        return PackageFacts(
            tuple(sorted(OwnedPackage(package, tuple(paths), True) for package, paths in owners.items()))
        )

    def _artifacts(self, path: str, file: _Range | io.BytesIO, depth: int) -> Iterator[Package]:
        self._archives += 1
        try:
            with zipfile.ZipFile(io.BufferedReader(cast(io.RawIOBase, file), BUFFER)) as archive:
                members = {member.filename: member for member in archive.infolist()}
                yield from _own(path, archive, members)
                for name, member in members.items():
                    if depth and name.endswith(ARCHIVES) and self._archives < ARCHIVE_LIMIT:
                        nested = self._nested(archive, file, member)
                        if nested is not None:
                            yield from self._artifacts(name, nested, depth - 1)
        except MALFORMED:
            return

    def _nested(
        self, archive: zipfile.ZipFile, file: _Range | io.BytesIO, member: zipfile.ZipInfo
    ) -> _Range | io.BytesIO | None:
        """Return an archive in an archive: a range of it if it is stored without compression, else its
        decompressed bytes."""
        if member.compress_type == zipfile.ZIP_STORED and isinstance(file, _Range):
            head = file.part(member.header_offset, 30).read() or b""
            name, extra = struct.unpack_from("<HH", head, 26)
            return file.part(member.header_offset + 30 + name + extra, member.file_size)
        if member.file_size > self._budget:
            return None
        self._budget -= member.file_size
        return io.BytesIO(_contents(archive, member))


class _Range(io.RawIOBase):
    """A range of a file in a tree, read on request; its end is held in memory."""

    def __init__(self, tree: Tree, entry: Entry, tail: bytes, begin: int = 0, size: int = -1) -> None:
        self._tree, self._entry, self._tail = tree, entry, tail
        self._begin = begin
        self._size = entry.size if size < 0 else size
        self._at = 0

    def part(self, begin: int, size: int) -> _Range:
        """Return a part of this range."""
        begin = min(begin, self._size)
        return _Range(self._tree, self._entry, self._tail, self._begin + begin, min(size, self._size - begin))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer).cast("B")
        size = max(0, min(len(target), self._size - self._at))
        if size > READ_LIMIT:
            raise ValueError("a central directory of this size is no archive's of Java")
        data = self._read(self._begin + self._at, size) if size else b""
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, offset: int, size: int) -> bytes:
        tail = self._entry.size - len(self._tail)
        if offset >= tail:
            return self._tail[offset - tail : offset - tail + size]
        return self._tree.read([(self._entry.path, offset, size)])[0] or b""


def _own(path: str, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> Iterator[Package]:
    manifest = _fields(_member(archive, members, "META-INF/MANIFEST.MF"), ":")
    licence = manifest.get("Bundle-License", "")
    supplier = manifest.get("Implementation-Vendor", "") or manifest.get("Bundle-Vendor", "")
    is_own = False
    for name in sorted(members):
        if re.fullmatch(r"META-INF/maven/[^/]+/[^/]+/pom\.properties", name):
            pom = _fields(_member(archive, members, name), "=")
            if pom.get("artifactId") and pom.get("version"):
                is_own = True
                yield Package(
                    "maven", pom["artifactId"], pom["version"], namespace=pom.get("groupId", ""),
                    licence=licence, supplier=supplier,
                )  # fmt: skip
    if not is_own:
        match = NAMED.fullmatch(words(encode(PurePosixPath(path).stem)))
        title = manifest.get("Implementation-Title") or manifest.get("Bundle-SymbolicName", "").split(";")[0]
        name = match["name"] if match else title
        version = manifest.get("Implementation-Version") or manifest.get("Bundle-Version")
        version = version or (match["version"] if match else "")
        if name and version:
            group = manifest.get("Implementation-Vendor-Id", "")
            yield Package("maven", name, version, namespace=group, licence=licence, supplier=supplier)


def _member(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], name: str) -> str:
    member = members.get(name)
    if member is None or member.file_size > MEMBER_LIMIT:
        return ""
    return words(_contents(archive, member))


def _contents(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return a member's bytes, no more than its directory says: ``archive.read`` would decompress
    everything."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def _fields(text: str, between: str) -> dict[str, str]:
    """Return the name and value of each line (JAR file specification, "Name-Value pairs";
    java.util.Properties)."""
    result = {}
    for line in text.replace("\r\n", "\n").replace("\n ", "").split("\n\n")[0].split("\n"):
        name, separator, value = line.partition(between)
        if separator and not name.startswith("#"):
            result[name.strip()] = value.strip()
    return result
