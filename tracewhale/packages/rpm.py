"""Packages of rpm: the headers in its database (rpm, docs/manual/hregions.md), with the names of files in
them.

The new image has a database of its packages in SQLite's form, with their headers unchanged, because they are
signed: Trivy (pkg/fanal/analyzer/pkg/rpm) and Syft (cataloger/redhat) read it.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tracewhale.packages import rpmdb
from tracewhale.packages.contents import LIBC, InstalledPackage
from tracewhale.packages.files import (
    Names,
    PackageFiles,
    decode,
    encode,
    owes_licence,
    words,
)
from tracewhale.packages.model import NOTHING, Document, GeneratedFile, Package, PackageFacts
from tracewhale.packages.records import divide, files_of
from tracewhale.rootfs.tree import Entry

DIRECTORIES = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
DATABASES = ("rpmdb.sqlite", "Packages.db", "Packages")

NAME, VERSION, RELEASE, EPOCH, VENDOR, LICENCE, ARCHITECTURE = 1000, 1001, 1002, 1003, 1011, 1014, 1022
FILE_MODES, FILE_FLAGS, SOURCE = 1030, 1037, 1044
DIRECTORY_INDEXES, BASE_NAMES, DIRECTORY_NAMES = 1116, 1117, 1118
TAGS = frozenset(
    (NAME, VERSION, RELEASE, EPOCH, VENDOR, LICENCE, ARCHITECTURE, FILE_MODES, FILE_FLAGS, SOURCE)
) | {DIRECTORY_INDEXES, BASE_NAMES, DIRECTORY_NAMES}
STRINGS = (6, 8, 9)
NUMBERS = {2: "B", 3: "H", 4: "I", 5: "Q"}
GHOST, LICENCE_FLAG = 1 << 6, 1 << 7
KEYS = "gpg-pubkey"
"""The name under which rpm keeps imported keys, which are not packages."""

SYSTEM = frozenset(
    "basesystem bash coreutils coreutils-common coreutils-single filesystem glibc-common setup rpm rpm-libs "
    "dnf yum microdnf tzdata".split()
)
"""Packages that every system of this kind has, whatever its purpose."""

Value = tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _RpmRecord:
    package: Package
    number: int
    header: bytes
    paths: frozenset[str]
    licences: frozenset[str]


class Rpm:
    """rpm's database, read completely."""

    def __init__(self, files: PackageFiles) -> None:
        self._files = files
        self._place = ""
        self._data = b""
        self._records: tuple[_RpmRecord, ...] = ()
        files.view.prefetch(DIRECTORIES)
        places = [f"{directory}/{name}" for directory in DIRECTORIES for name in DATABASES]
        for place in places:
            self._place = files.physical(place)
            if self._place:
                self._data = files.read([place]).get(place, b"")
                self._names = Names(files.aliases())
                self._records = tuple(self._read())
                break

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the packages of some kept paths, their licences, and a database with only these."""
        if not self._records:
            return NOTHING
        present, owned, missing = divide(self._files.view, self._records, kept)
        files = files_of(kept)
        documents = [
            Document(path, record.package.name, "licence")
            for record in present
            if licences and owes_licence(record.paths & files, kept)
            for path in record.licences
            if self._files.physical(path)
        ]
        return PackageFacts(
            kept_packages=owned,
            left_out=missing,
            documents=tuple(sorted(documents)),
            generated_files=() if self._place in kept or not present else (self._written(present),),
        )

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return all packages. This database does not record which of them the author requested."""
        return tuple(
            InstalledPackage(
                record.package,
                paths=record.paths,
                base=record.package.name in SYSTEM or any(map(LIBC.fullmatch, record.paths)),
            )
            for record in self._records
        )

    def _read(self) -> Iterator[_RpmRecord]:
        for number, header in rpmdb.headers(self._data).items():
            fields = parse(header)
            if _text(fields, NAME) and _text(fields, NAME) != KEYS:
                paths, licences = self._paths(fields)
                yield _RpmRecord(_package(fields), number, header, paths, licences)

    def _paths(self, fields: Mapping[int, Value]) -> tuple[frozenset[str], frozenset[str]]:
        """Return the physical paths of a package's files, without ghosts and directories; and those of its
        licences."""
        directories = fields.get(DIRECTORY_NAMES, ())
        bases = fields.get(BASE_NAMES, ())
        indexes = fields.get(DIRECTORY_INDEXES, ())
        modes = fields.get(FILE_MODES, ())
        flags = fields.get(FILE_FLAGS, ())
        paths, licences = set(), set()
        for at, (base, index) in enumerate(zip(bases, indexes, strict=False)):
            if not isinstance(index, int) or index >= len(directories):
                continue
            flag = int(flags[at]) if at < len(flags) else 0
            if flag & GHOST or (at < len(modes) and stat.S_ISDIR(int(modes[at]))):
                continue
            path = self._names.physical(f"{directories[index]}{base}")
            paths.add(path)
            if flag & LICENCE_FLAG or path.startswith("/usr/share/licenses/"):
                licences.add(path)
        return frozenset(paths), frozenset(licences)

    def _written(self, records: list[_RpmRecord]) -> GeneratedFile:
        chosen = {record.number: (record.package.name, record.header) for record in records}
        content = rpmdb.subset(self._data, chosen)
        place = f"{self._place.rpartition('/')[0]}/{DATABASES[0]}"
        return GeneratedFile(place, content, self._files.modified(self._place), "rpm", "database")


def parse(header: bytes) -> dict[int, Value]:
    """Return the tags of `TAGS` in a header blob: index length, data length, index entries, data; all
    big-endian."""
    fields: dict[int, Value] = {}
    if len(header) < 8:
        return fields
    count, _ = struct.unpack_from(">II", header)
    store = 8 + 16 * count
    if store > len(header):
        return fields
    for tag, kind, offset, number in struct.iter_unpack(">IIII", header[8:store]):
        at = store + offset
        if tag not in TAGS or tag in fields or at > len(header) or number > len(header):
            continue
        if kind in STRINGS:
            fields[tag] = tuple(map(decode, header[at:].split(b"\0", number)[:number] if number else ()))
        elif kind in NUMBERS and at + number * struct.calcsize(NUMBERS[kind]) <= len(header):
            fields[tag] = struct.unpack_from(f">{number}{NUMBERS[kind]}", header, at)
    return fields


def _package(fields: Mapping[int, Value]) -> Package:
    version = f"{_text(fields, VERSION)}-{_text(fields, RELEASE)}"
    epoch = fields.get(EPOCH, ())
    return Package(
        kind="rpm",
        name=_text(fields, NAME),
        version=f"{epoch[0]}:{version}" if epoch else version,
        architecture=_text(fields, ARCHITECTURE),
        source=_text(fields, SOURCE),
        licence=_text(fields, LICENCE),
        supplier=_text(fields, VENDOR),
    )


def _text(fields: Mapping[int, Value], tag: int) -> str:
    value = fields.get(tag, ())
    return words(encode(str(value[0]))) if value else ""
