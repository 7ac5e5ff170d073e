"""Packages of apk (Alpine): one file with a record for each package (apk wiki, "Apk spec", installed database
v2).

A record's ``P:`` and ``V:`` name the package; its files follow as ``F:`` (a directory) and ``R:`` (a name in
it), each with lines of its own (``M:``, ``a:``, ``Z:``). The new image's file has the records of its packages
with the kept files, at the path where Trivy (pkg/fanal/analyzer/pkg/apk) and Syft (syft/pkg/cataloger/alpine)
read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tracewhale.packages.contents import LIBC, InstalledPackage
from tracewhale.packages.files import Names, PackageFiles, encode, normal, words
from tracewhale.packages.model import NOTHING, GeneratedFile, Package, PackageFacts
from tracewhale.packages.records import divide, files_of
from tracewhale.rootfs.tree import Entry

DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
"""The paths before and since apk-tools 3 on merged-/usr Alpine, where the first is an alias of the second."""

WORLD = "/etc/apk/world"
"""The packages that were requested by name, one per line (apk-world(5))."""

SYSTEM = frozenset(
    "alpine-base alpine-baselayout alpine-baselayout-data alpine-keys alpine-release apk-tools busybox "
    "busybox-binsh libc-utils musl-utils scanelf ssl_client".split()
)
"""The packages of an Alpine without choices by its author: alpine-base and its dependencies."""


@dataclass(frozen=True, slots=True)
class _ApkRecord:
    package: Package
    lines: tuple[str, ...]
    paths: frozenset[str]


class Apk:
    """The database of installed packages, read completely."""

    def __init__(self, files: PackageFiles) -> None:
        self._files = files
        self._place = next((place for path in DATABASES if (place := files.physical(path))), "")
        self._records: tuple[_ApkRecord, ...] = ()
        if self._place:
            self._names = Names(files.aliases())
            self._records = tuple(self._read(files.text(self._place)))

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the packages of some kept paths, and a database with only these. Alpine's have no licence
        files."""
        if not self._records:
            return NOTHING
        present, owned, missing = divide(self._files.view, self._records, kept)
        return PackageFacts(
            kept_packages=owned,
            left_out=missing,
            generated_files=()
            if self._place in kept or not present
            else (self._written(present, files_of(kept)),),
        )

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return all packages; those in ``/etc/apk/world`` are the author's choice."""
        world = {re.split("[<>=~@]", word)[0] for word in self._files.text(WORLD).split()}
        return tuple(
            InstalledPackage(
                record.package,
                paths=record.paths,
                base=record.package.name in SYSTEM or any(map(LIBC.fullmatch, record.paths)),
                requested=record.package.name in world - SYSTEM,
                depends=_depends(record.lines),
            )
            for record in self._records
        )

    def _read(self, text: str) -> Iterator[_ApkRecord]:
        for block in text.split("\n\n"):
            lines = tuple(line for line in block.split("\n") if line)
            fields = {line[0]: words(encode(line[2:])) for line in reversed(lines) if line[1:2] == ":"}
            if fields.get("P") and fields.get("V"):
                paths = frozenset(self._names.physical(path) for path, _ in _files(lines))
                yield _ApkRecord(_package(fields), lines, paths)

    def _written(self, records: list[_ApkRecord], files: AbstractSet[str]) -> GeneratedFile:
        blocks = ["".join(f"{line}\n" for line in self._lines(record, files)) for record in records]
        content = encode("".join(f"{block}\n" for block in blocks))
        return GeneratedFile(self._place, content, self._files.modified(self._place), "apk", "database")

    def _lines(self, record: _ApkRecord, files: AbstractSet[str]) -> Iterator[str]:
        """Yield a record's lines, without directories and files that are not kept."""
        of_package = next(
            (at for at, line in enumerate(record.lines) if line.startswith("F:")), len(record.lines)
        )
        yield from record.lines[:of_package]
        shown: list[str] = []
        for path, lines in _files(record.lines):
            if self._names.physical(path) in files:
                directory, own = lines
                if directory != shown:
                    yield from directory
                    shown = directory
                yield from own


def _files(lines: tuple[str, ...]) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    """Yield each file's absolute path with the lines of its directory and its own."""
    directory: list[str] = []
    file: list[str] = []
    path = ""
    for line in lines:
        if line.startswith(("F:", "R:")) and file:
            yield path, (directory, file)
            file = []
        if line.startswith("F:"):
            directory = [line]
        elif line.startswith("R:") and directory:
            file = [line]
            path = normal(f"{directory[0][2:]}/{line[2:]}")
        elif file:
            file.append(line)
        elif directory:
            directory.append(line)
    if file:
        yield path, (directory, file)


def _depends(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of packages in ``D:``; the closures handle libraries (``so:``) and commands (``cmd:``)."""
    words_of_line = (line[2:].split() for line in lines if line.startswith("D:"))
    return tuple(
        re.split("[<>=~]", word)[0]
        for words in words_of_line
        for word in words
        if word[:1] not in "!/" and ":" not in word
    )


def _package(fields: Mapping[str, str]) -> Package:
    return Package(
        kind="apk",
        name=fields["P"],
        version=fields["V"],
        architecture=fields.get("A", ""),
        source=fields.get("o", "") if fields.get("o") != fields["P"] else "",
        licence=fields.get("L", ""),
        supplier=fields.get("m", ""),
    )
