"""The class library of a JVM as one file, ``lib/modules``: read, and written again with fewer resources.

Format: OpenJDK, src/java.base/share/native/libjimage/imageFile.hpp. An index (a perfect hash of names to
locations, and their strings) is followed by the contents. The index is kept, except for the offsets of
contents, so that references into it stay valid; a resource that is left out loses its entry in the hash.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

MAGIC = 0xCAFEDADA
COMPRESSED_MAGIC = 0xCAFEFAFA
VERSION = 1
HEADER = struct.Struct("<7I")
COMPRESSION_HEADER = struct.Struct("<IQQIIB")
END, MODULE, PARENT, BASE, EXTENSION, OFFSET, COMPRESSED, UNCOMPRESSED = range(8)
"""The kinds of attributes of a location."""

DIRECTORIES, PACKAGES = "modules", "packages"
"""The pseudo modules of directories, whose contents are the locations of their children, and of packages,
whose contents name their modules."""

RESOURCE_LIMIT = 64 << 20
"""The most bytes of one resource without its compression."""


class UnknownImage(ValueError):
    """Raised for a file of another format or version, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: ``name`` is ``/MODULE/PATH``, ``place`` and ``stored`` are the offset and size of its
    bytes in the contents.

    ``location`` is the offset of its attributes in the index, ``slot`` its position in the table of
    locations; ``size`` is without the compression, if ``compressed``.
    """

    name: str
    slot: int
    location: int
    place: int
    stored: int
    size: int
    compressed: bool
    module: str
    """The first component of the name; of the root directories the name itself."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file of a module, not a part of the index."""
        return self.module not in (DIRECTORIES, PACKAGES)


class JImage:
    """A parsed image file. Raise UnknownImage if the file does not have the format."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._texts: dict[int, str] = {}
        try:
            self._parse()
        except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
            raise UnknownImage(f"the file is damaged: {error}") from error

    def _parse(self) -> None:
        magic, version, _, count, slots, locations, strings = HEADER.unpack_from(self._data)
        if magic != MAGIC:
            raise UnknownImage("the file does not begin as an image file does")
        if version >> 16 != VERSION:
            raise UnknownImage(f"the format is of version {version >> 16}, and {VERSION} is known")
        self._slots = HEADER.size + 4 * slots
        self._locations = self._slots + 4 * slots
        self._strings = self._locations + locations
        self._contents = self._strings + strings
        if self._contents > len(self._data) or count > slots:
            raise UnknownImage("the index is longer than the file")
        if self._data[self._locations] >> 3 != END:
            raise UnknownImage("the first location is not empty")
        offsets = struct.unpack_from(f"<{slots}I", self._data, self._slots)
        self.resources = tuple(self._resource(slot, offset) for slot, offset in enumerate(offsets) if offset)

    def _resource(self, slot: int, location: int) -> Resource:
        values = {kind: value for kind, value, _, _ in self._attributes(location)}
        size, packed = values.get(UNCOMPRESSED, 0), values.get(COMPRESSED, 0)
        place, stored = values.get(OFFSET, 0), packed or size
        if self._contents + place + stored > len(self._data):
            raise UnknownImage("a resource lies behind the end of the file")
        name = self._name(values)
        module = name.lstrip("/").partition("/")[0]
        return Resource(name, slot, location, place, stored, size, bool(packed), module)

    def _attributes(self, location: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield the kind, the value, and the offset and number of its bytes in the file."""
        at = self._locations + location
        while (kind := self._data[at] >> 3) != END:
            if at >= self._strings or kind > UNCOMPRESSED:
                raise UnknownImage("a location has no end")
            length = (self._data[at] & 7) + 1
            yield kind, int.from_bytes(self._data[at + 1 : at + 1 + length], "big"), at + 1, length
            at += 1 + length

    def left_out(self) -> tuple[str, ...]:
        """Return the resources that are in the index but not in the table of locations: those that
        ``without`` has removed. Raise UnknownImage."""
        kept = {resource.location for resource in self.resources}
        names = []
        at = self._locations + 1
        try:
            while at < self._strings:
                begin, values = at, {}
                while self._data[at] >> 3 != END:
                    kind, length = self._data[at] >> 3, (self._data[at] & 7) + 1
                    values[kind] = int.from_bytes(self._data[at + 1 : at + 1 + length], "big")
                    at += 1 + length
                at += 1
                if values and begin - self._locations not in kept:
                    names.append(self._name(values))
        except (IndexError, ValueError) as error:
            raise UnknownImage(f"the index is damaged: {error}") from error
        return tuple(names)

    def _name(self, values: Mapping[int, int]) -> str:
        """Return the name of a resource with these attributes."""
        module, parent, base, extension = (
            self._string(values.get(kind, 0)) for kind in (MODULE, PARENT, BASE, EXTENSION)
        )
        name = (f"/{module}/" if module else "") + (f"{parent}/" if parent else "") + base
        return f"{name}.{extension}" if extension else name

    def _string(self, offset: int) -> str:
        if offset not in self._texts:
            begin = self._strings + offset
            end = self._data.index(b"\0", begin, self._contents)
            self._texts[offset] = self._data[begin:end].decode()
        return self._texts[offset]

    def content(self, resource: Resource) -> bytes:
        """Return a resource's bytes without their compression.

        Raise UnknownImage for a compression other than ``zip``, such as ``compact-cp``.
        """
        begin = self._contents + resource.place
        data = self._data[begin : begin + resource.stored]
        while resource.compressed and data[:4] == COMPRESSED_MAGIC.to_bytes(4, "little"):
            _, stored, size, name, _, _ = COMPRESSION_HEADER.unpack_from(data)
            if self._string(name) != "zip" or size > RESOURCE_LIMIT:
                raise UnknownImage(f"resources are compressed with {self._string(name)}")
            body = data[COMPRESSION_HEADER.size : COMPRESSION_HEADER.size + stored]
            try:
                data = zlib.decompressobj().decompress(body, size)
            except zlib.error as error:
                raise UnknownImage(f"a resource is damaged: {error}") from error
        return data

    def without(self, is_dropped: Callable[[Resource], bool]) -> bytes:
        """Return the file without some resources: the same bytes for the same resources.

        Directories keep their place and lose the dropped children. Raise UnknownImage if resources overlap.
        """
        index = bytearray(self._data[: self._contents])
        contents = bytearray()
        dropped = {r.location for r in self.resources if r.is_file and is_dropped(r)}
        places: dict[tuple[int, int], int] = {}
        for resource in sorted(self.resources, key=lambda r: (r.place, r.stored, r.slot)):
            if resource.location in dropped:
                struct.pack_into("<I", index, self._slots + 4 * resource.slot, 0)
                continue
            begin = self._contents + resource.place
            data = self._data[begin : begin + resource.stored]
            if resource.module == DIRECTORIES and not resource.compressed:
                data = _children_without(data, dropped)
            shared = (resource.place, resource.stored)
            if shared not in places or len(data) != resource.stored:
                places[shared] = len(contents)
                contents += data
            self._move(index, resource, places[shared], len(data))
        return bytes(index + contents)

    def _move(self, index: bytearray, resource: Resource, place: int, stored: int) -> None:
        """Write a resource's new offset, and its new size if it is a directory, into the index.

        Contents only move towards the beginning, so each number fits into the bytes of the old one.
        """
        for kind, old, begin, length in self._attributes(resource.location):
            new = {OFFSET: place, UNCOMPRESSED: stored if not resource.compressed else old}.get(kind, old)
            if new >> 8 * length:
                raise UnknownImage("resources overlap")
            index[begin : begin + length] = new.to_bytes(length, "big")


def _children_without(data: bytes, dropped: set[int]) -> bytes:
    """Return the little-endian locations of the children that are kept."""
    children = struct.unpack(f"<{len(data) // 4}I", data)
    return struct.pack(f"<{len(kept := [c for c in children if c not in dropped])}I", *kept)
