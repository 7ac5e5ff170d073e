"""Packages of dpkg: its database in deb-based systems, and the form of distroless images.

``/var/lib/dpkg/status`` has a stanza for each package (deb-control(5)), ``info/NAME[:ARCH].list`` its paths,
``info/NAME[:ARCH].md5sums`` digests of its files except conffiles. Images built without dpkg have
``status.d/NAME`` and ``status.d/NAME.md5sums`` instead; the new image has these, too, because Trivy
(pkg/fanal/analyzer/pkg/dpkg) and Syft (syft/pkg/cataloger/debian) read both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from tracewhale.packages.contents import LIBC, InstalledPackage, closure
from tracewhale.packages.files import (
    Completeness,
    Names,
    PackageFiles,
    decode,
    encode,
    normal,
    owes_licence,
    substance,
    words,
)
from tracewhale.packages.model import NOTHING, Document, GeneratedFile, OwnedPackage, Package, PackageFacts
from tracewhale.rootfs.tree import Entry, Kind, parent

DATABASE = "/var/lib/dpkg"
NOT_THERE: tuple[list[str], ...] = ([], ["not-installed"], ["config-files"])
"""The last words of ``Status`` for a package whose files are not installed (dpkg(1), "Package states")."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*")
"""Names of packages and architectures (Debian policy, 5.6.1), which are safe as parts of a path."""

DOCUMENTATION = "/usr/share/doc"
APT = "/var/lib/apt"
"""A directory of apt, which installs the packages."""

EXTENDED_STATES = f"{APT}/extended_states"
"""The file in which apt marks the packages that it installed as dependencies (apt-mark(8))."""

UCF = "/var/lib/ucf/registry"
"""The configuration files that maintainer scripts of packages made, a package and a path a line (ucfr(1))."""


@dataclass(frozen=True, slots=True)
class _DpkgRecord:
    """A package with its stanza, the base name of its ``info`` files, and the names of its paths."""

    package: Package
    stanza: str
    base: str
    names: frozenset[str]


class Dpkg:
    """dpkg's database, read completely, because any part of it may name the package of a file."""

    def __init__(self, files: PackageFiles) -> None:
        self._files = files
        self._base = files.physical(DATABASE)
        self._records: tuple[_DpkgRecord, ...] = ()
        self._distroless = False
        if not self._base:
            return
        files.view.prefetch([self._base, f"{self._base}/info", f"{self._base}/status.d", DOCUMENTATION])
        self._names = Names(files.aliases())
        self._diversions = self._read_diversions()
        records = tuple(self._read_installed())
        self._distroless = not records
        self._records = records or tuple(self._read_distroless())
        self._directories = {parent(name) for record in self._records for name in record.names}
        self._leaves: dict[str, frozenset[str]] = {}

    def find(self, kept: Mapping[str, Entry], *, licences: bool) -> PackageFacts:
        """Return the packages of some kept paths, the documents to keep for them, and their ``status.d``."""
        if not self._records:
            return NOTHING
        wanted = {
            name: entry
            for entry in kept.values()
            if entry.kind is not Kind.DIRECTORY
            for name in self._names.of(entry.path)
        }
        paths = {number: self._owned(record, wanted) for number, record in enumerate(self._records)}
        there = [number for number, package_paths in paths.items() if substance(package_paths)]
        complete = Completeness(self._files.view).complete(
            {number: self._lacking(self._records[number], kept) for number in there}
        )
        owned = [OwnedPackage(self._records[n].package, paths[n], n in complete) for n in there]
        records = [self._records[number] for number in there]
        owing = [self._records[n].package.name for n in there if owes_licence(paths[n], kept)]
        return PackageFacts(
            kept_packages=tuple(sorted(owned)),
            left_out=tuple(sorted(r.package for n, r in enumerate(self._records) if n not in there)),
            documents=tuple(sorted(self._documents(records, owing if licences else []))),
            generated_files=tuple(sorted(self._written(records, kept))),
        )

    def contents(self, kept: Mapping[str, Entry]) -> tuple[InstalledPackage, ...]:
        """Return all packages. The base are those that are Essential or required, with apt and the
        dependencies of all these; the packages that apt did not install as dependencies are the author's
        choice."""
        fields = [parse(record.stanza) for record in self._records]
        depends = {
            record.package.name: (*_names(values.get("Pre-Depends", "")), *_names(values.get("Depends", "")))
            for record, values in zip(self._records, fields, strict=True)
        }
        required = [
            record.package.name
            for record, values in zip(self._records, fields, strict=True)
            if values.get("Essential") == "yes" or values.get("Priority") == "required" or APT in record.names
        ]
        first = closure(required, depends)
        automatic = self._automatic()
        registered = self._registered()
        return tuple(
            InstalledPackage(
                record.package,
                paths=self._physical(record) | registered.get(record.package.name, frozenset()),
                base=record.package.name in first or any(map(LIBC.fullmatch, record.names)),
                requested=record.package.name not in first | automatic and bool(required),
                depends=depends[record.package.name],
                suggests=(*_names(values.get("Recommends", "")), *_names(values.get("Suggests", ""))),
            )
            for record, values in zip(self._records, fields, strict=True)
        )

    def _automatic(self) -> set[str]:
        marks = map(parse, stanzas(self._files.text(EXTENDED_STATES)))
        return {mark.get("Package", "") for mark in marks if mark.get("Auto-Installed") == "1"}

    def _registered(self) -> Mapping[str, frozenset[str]]:
        """Return the physical paths of each package's configuration files in ucf's registry."""
        lines = (line.split() for line in self._files.text(UCF).splitlines())
        pairs = [(words[0], words[1]) for words in lines if len(words) == 2 and words[1].startswith("/")]
        registered: dict[str, set[str]] = {}
        for name, path in pairs:
            registered.setdefault(name, set()).add(self._names.physical(normal(path)))
        return {name: frozenset(paths) for name, paths in registered.items()}

    def _physical(self, record: _DpkgRecord) -> frozenset[str]:
        names = set(record.names)
        for name, (place, by) in self._diversions.items():
            if name in names and by != record.package.name:
                names = (names - {name}) | {place}
        return frozenset(self._names.physical(name) for name in names)

    # ---- reading ------------------------------------------------------------------------------------

    def _read_installed(self) -> Iterator[_DpkgRecord]:
        listing = self._files.view.listing(f"{self._base}/info") or {}
        lists = {name.removesuffix(".list"): name for name in listing if name.endswith(".list")}
        status = f"{self._base}/status"
        places = {base: f"{self._base}/info/{name}" for base, name in lists.items()}
        contents = self._files.read([status, *places.values()])
        for stanza in stanzas(decode(contents.get(status, b""))):
            fields = parse(stanza)
            if not _is_package(fields) or fields.get("Status", "").split()[-1:] in NOT_THERE:
                continue
            package = _package(parse(words(encode(stanza))))
            base = next(
                (b for b in (package.name, f"{package.name}:{package.architecture}") if b in places), ""
            )
            listed = decode(contents.get(places[base], b"")) if base else ""
            names = frozenset(name for name in listed.split("\n") if name.startswith("/") and name != "/.")
            yield _DpkgRecord(package, stanza, base, names)

    def _read_distroless(self) -> Iterator[_DpkgRecord]:
        place = f"{self._base}/status.d"
        names = [name for name in self._files.view.listing(place) or {} if not name.endswith(".md5sums")]
        contents = self._files.read(
            f"{place}/{name}{ending}" for name in sorted(names) for ending in ("", ".md5sums")
        )
        for name in sorted(names):
            for stanza in stanzas(decode(contents.get(f"{place}/{name}", b"")))[:1]:
                fields = parse(stanza)
                if _is_package(fields):
                    sums = decode(contents.get(f"{place}/{name}.md5sums", b""))
                    paths = frozenset(path for path, _ in digests(sums))
                    yield _DpkgRecord(_package(parse(words(encode(stanza)))), stanza, name, paths)

    def _read_diversions(self) -> dict[str, tuple[str, str]]:
        """Return the diverted files (dpkg-divert(1)): the package's name for each, its place, and the
        diverting package."""
        lines = self._files.text(f"{self._base}/diversions").split("\n")
        return {lines[at]: (lines[at + 1], lines[at + 2]) for at in range(0, len(lines) - 2, 3)}

    # ---- owners of paths ------------------------------------------------------------------------------

    def _owned(self, record: _DpkgRecord, entries: Mapping[str, Entry]) -> tuple[str, ...]:
        result = set()
        for name in self._diverted(record, entries.keys() & record.names, entries):
            entry = entries[name]
            # A directory of a package may be a link in the image: /lib on merged-/usr systems.
            if entry.kind is not Kind.SYMLINK or name not in self._directories:
                result.add(entry.path)
        return tuple(sorted(result))

    def _diverted(self, record: _DpkgRecord, names: set[str], entries: Mapping[str, Entry]) -> set[str]:
        for name, (place, by) in self._diversions.items():
            if name in record.names and by != record.package.name:
                names = (names - {name}) | ({place} & entries.keys())
        return names

    def _lacking(self, record: _DpkgRecord, kept: Mapping[str, Entry]) -> list[str]:
        physical = self._leaves.get(record.base)
        if physical is None:
            leaves = record.names - {parent(name) for name in record.names}
            physical = self._leaves[record.base] = frozenset(map(self._names.physical, leaves))
        return sorted(physical - kept.keys())

    # ---- the new image's database -----------------------------------------------------------------

    def _documents(self, records: list[_DpkgRecord], owing: list[str]) -> Iterator[Document]:
        self._files.view.prefetch(f"{DOCUMENTATION}/{name}" for name in owing)
        for name in owing:
            if self._files.physical(f"{DOCUMENTATION}/{name}/copyright"):
                yield Document(f"{DOCUMENTATION}/{name}/copyright", name, "licence")
        for record in records:
            name = record.package.name
            if self._distroless:
                for ending in ("", ".md5sums"):
                    place = f"{self._base}/status.d/{record.base}{ending}"
                    if self._files.physical(place):
                        yield Document(place, name, "record")

    def _written(self, records: list[_DpkgRecord], kept: Mapping[str, Entry]) -> Iterator[GeneratedFile]:
        """Yield ``status.d``, unless it exists already or the program itself reads the database."""
        if self._distroless or f"{self._base}/status" in kept:
            return
        sums = self._files.read(f"{self._base}/info/{record.base}.md5sums" for record in records)
        modified = self._files.modified(f"{self._base}/status")
        twice = _repetitions(record.package.name for record in records)

        @cache
        def is_reached(directory: str) -> bool:
            return all(step in kept for step in self._files.view.resolve(directory).steps)

        for record in records:
            package = record.package
            name = f"{package.name}:{package.architecture}" if package.name in twice else package.name
            place = f"{self._base}/status.d/{name}"
            yield GeneratedFile(place, encode(self._stanza(record, kept)), modified, package.name, "record")
            text = decode(sums.get(f"{self._base}/info/{record.base}.md5sums", b""))
            lines = [self._line(path, line, kept, is_reached) for path, line in digests(text)]
            if any(lines):
                content = encode("".join(f"{line}\n" for line in lines if line))
                yield GeneratedFile(f"{place}.md5sums", content, modified, package.name, "record")

    def _line(
        self, path: str, line: str, kept: Mapping[str, Entry], is_reached: Callable[[str], bool]
    ) -> str:
        """Return a line of ``.md5sums``, empty for a file that is not kept; with the file's physical path if
        the link in the package's name (``/bin``) is not kept, so that its directory is not reached."""
        physical = self._names.physical(path)
        if physical not in kept:
            return ""
        return line if is_reached(parent(path)) else f"{line.split()[0]}  {physical[1:]}"

    def _stanza(self, record: _DpkgRecord, kept: Mapping[str, Entry]) -> str:
        """Return a stanza as in the package itself: without its state here, and without conffiles that are
        not kept."""
        lines: list[str] = []
        field = ""
        for line in record.stanza.split("\n"):
            if not line.startswith((" ", "\t")):
                field = line.partition(":")[0]
            elif field == "Conffiles" and self._names.physical(normal(line.split()[0])) not in kept:
                continue
            if field not in ("Status", "Config-Version"):
                lines.append(line)
        text = "\n".join(lines)
        return re.sub(r"^Conffiles:[ \t]*\n(?![ \t])", "", f"{text}\n", flags=re.MULTILINE)


def stanzas(text: str) -> list[str]:
    """Return paragraphs of a control file (deb822(5)), without the empty lines between them."""
    return [stanza.strip("\n") for stanza in re.split(r"\n[ \t]*\n", text) if stanza.strip()]


def parse(stanza: str) -> dict[str, str]:
    """Return the first lines of the fields by name."""
    result: dict[str, str] = {}
    for line in stanza.split("\n"):
        name, colon, value = line.partition(":")
        if colon and name and not name[0].isspace() and name[0] != "#":
            result.setdefault(name, value.strip())
    return result


def digests(text: str) -> Iterator[tuple[str, str]]:
    """Yield the absolute name and the whole line of each file in ``.md5sums`` (deb-md5sums(5))."""
    for line in text.split("\n"):
        _, gap, name = line.partition("  ")
        if gap and name:
            yield normal(name), line


def _names(relations: str) -> list[str]:
    """Return the names in a field such as Depends, all alternatives of each (Debian policy, 7.1)."""
    matches = (re.match(NAME, relation.strip()) for relation in re.split("[,|]", relations))
    return [match[0] for match in matches if match]


def _is_package(fields: Mapping[str, str]) -> bool:
    return all(NAME.fullmatch(fields.get(field, "")) for field in ("Package", "Architecture"))


def _package(fields: Mapping[str, str]) -> Package:
    source = re.fullmatch(r"(\S+)(?:\s+\((.*)\))?", fields.get("Source", ""))
    return Package(
        kind="deb",
        name=fields["Package"],
        version=fields.get("Version", ""),
        architecture=fields.get("Architecture", ""),
        source=source[1] if source else "",
        source_version=(source[2] or "") if source else "",
        supplier=fields.get("Maintainer", ""),
    )


def _repetitions(names: Iterator[str]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for name in names:
        (twice if name in seen else seen).add(name)
    return twice
