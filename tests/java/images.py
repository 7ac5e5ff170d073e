"""Image files and class files that tests write down, and a look-up as the JVM makes it."""

from __future__ import annotations

import struct
from collections.abc import Mapping

SEED = 0x01000193


def hash_of(name: str, seed: int = SEED) -> int:
    """Hash a name as OpenJDK does (imageFile.cpp, ImageStrings::hash_code)."""
    for byte in name.encode():
        seed = (seed * SEED) & 0xFFFFFFFF ^ byte
    return seed & 0x7FFFFFFF


def parts_of(name: str) -> tuple[str, str, str, str]:
    """Return module, parent, base and extension of ``/MODULE/PARENT/BASE.EXTENSION``."""
    module, _, rest = name[1:].partition("/")
    if module in ("modules", "packages"):
        return module, "", rest, ""
    parent, _, last = rest.rpartition("/")
    base, dot, extension = last.rpartition(".")
    return module, parent, base if dot else last, extension if dot else ""


class Writer:
    """Collects strings and attributes, and writes an image file (imageFile.hpp)."""

    def __init__(self) -> None:
        self.strings = bytearray(b"\0")
        self.offsets = {"": 0}
        self.locations = bytearray(b"\0")

    def string(self, text: str) -> int:
        if text not in self.offsets:
            self.offsets[text] = len(self.strings)
            self.strings += text.encode() + b"\0"
        return self.offsets[text]

    def location(self, name: str, place: int, size: int, compressed: int) -> int:
        begin = len(self.locations)
        values = [*map(self.string, parts_of(name)), place, compressed, size]
        for kind, value in enumerate(values, 1):
            if value:
                data = value.to_bytes((value.bit_length() + 7) // 8, "big")
                self.locations.append(kind << 3 | len(data) - 1)
                self.locations += data
        self.locations.append(0)
        return begin


def image(files: Mapping[str, bytes], stored: Mapping[str, bytes] | None = None) -> bytes:
    """Return an image file of some resources, with a directory ``/modules/MODULE`` for each module.

    ``stored`` are the bytes of those that lie there compressed.
    """
    writer, contents = Writer(), bytearray()
    places: dict[str, int] = {}
    for name, data in files.items():
        packed = (stored or {}).get(name)
        places[name] = writer.location(name, len(contents), len(data), len(packed or b""))
        contents += packed or data
    children: dict[str, list[int]] = {}
    for name in files:
        children.setdefault(f"/modules/{parts_of(name)[0]}", []).append(places[name])
    for directory, locations in children.items():
        data = struct.pack(f"<{len(locations)}I", *locations)
        places[directory] = writer.location(directory, len(contents), len(data), 0)
        contents += data
    redirect, table = perfect_hash(list(places))
    offsets = [places.get(name, 0) for name in table]
    header = struct.pack(
        "<7I", 0xCAFEDADA, 1 << 16, 0, len(places), len(table), len(writer.locations), len(writer.strings)
    )
    tables = struct.pack(f"<{len(redirect)}i", *redirect) + struct.pack(f"<{len(offsets)}I", *offsets)
    return header + tables + bytes(writer.locations) + bytes(writer.strings) + bytes(contents)


def perfect_hash(names: list[str]) -> tuple[list[int], list[str]]:
    """Return redirections and the order of names, of odd length (PerfectHashBuilder.java)."""
    size = len(names) | 1
    buckets: dict[int, list[str]] = {}
    for name in names:
        buckets.setdefault(hash_of(name) % size, []).append(name)
    redirect, order = [0] * size, [""] * size
    singles = []
    for index, bucket in sorted(buckets.items(), key=lambda item: -len(item[1])):
        if len(bucket) == 1:
            singles.append((index, bucket[0]))
            continue
        for seed in range(1, 100_000):
            slots = [hash_of(name, seed) % size for name in bucket]
            if len(set(slots)) == len(slots) and not any(order[slot] for slot in slots):
                break
        else:
            raise ValueError("no seed keeps the names apart")
        redirect[index] = seed
        for slot, name in zip(slots, bucket, strict=True):
            order[slot] = name
    free = [slot for slot, name in enumerate(order) if not name]
    for (index, name), slot in zip(singles, free, strict=False):
        redirect[index], order[slot] = -1 - slot, name
    return redirect, order


def lookup(data: bytes, name: str) -> bytes | None:
    """Return a resource's stored bytes as the JVM finds them (ImageFileReader::find_location), or None."""
    _, _, _, _, slots, locations, strings = struct.unpack_from("<7I", data)
    value = struct.unpack_from("<i", data, 28 + 4 * (hash_of(name) % slots))[0]
    if not value:
        return None
    slot = -1 - value if value < 0 else hash_of(name, value) % slots
    base = 28 + 8 * slots
    at = base + struct.unpack_from("<I", data, 28 + 4 * slots + 4 * slot)[0]
    values = [0] * 8
    while data[at] >> 3:
        length = (data[at] & 7) + 1
        values[data[at] >> 3] = int.from_bytes(data[at + 1 : at + 1 + length], "big")
        at += 1 + length

    def text(offset: int) -> str:
        begin = base + locations + offset
        return data[begin : data.index(b"\0", begin)].decode()

    if tuple(map(text, values[1:5])) != parts_of(name):
        return None
    begin = base + locations + strings + values[5]
    return data[begin : begin + (values[6] or values[7])]


def class_file(*texts: str, classes: tuple[str, ...] = (), tail: bytes = b"") -> bytes:
    """Return a class file with a constant pool of texts and classes, and nothing of use behind it."""
    pool = b""
    count = 1
    for text in texts:
        pool += b"\1" + struct.pack(">H", len(text.encode())) + text.encode()
        count += 1
    for name in classes:
        pool += b"\1" + struct.pack(">H", len(name)) + name.encode() + b"\7" + struct.pack(">H", count)
        count += 2
    pool += b"\5" + bytes(8)  # a long takes two numbers
    return b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 61, count + 2) + pool + (tail or bytes(16))


def module_info(
    name: str,
    requires: tuple[str, ...] = (),
    uses: tuple[str, ...] = (),
    provides: Mapping[str, tuple[str, ...]] | None = None,
    optional: tuple[str, ...] = (),
    resolution: int = 0,
) -> bytes:
    """Return a ``module-info.class`` (JVMS 4.7.25). ``resolution`` are flags of ModuleResolution."""
    pool: list[bytes] = []

    def text(value: str) -> int:
        pool.append(b"\1" + struct.pack(">H", len(value.encode())) + value.encode())
        return len(pool)

    def named(tag: int, value: str) -> int:
        pool.append(bytes([tag]) + struct.pack(">H", text(value)))
        return len(pool)

    attribute, other = text("Module"), text("ModuleResolution")
    own = named(19, name)
    required = [(named(19, each), 0) for each in requires] + [(named(19, each), 0x40) for each in optional]
    used = [named(7, each) for each in uses]
    provided = [
        (named(7, service), [named(7, each) for each in implementations])
        for service, implementations in (provides or {}).items()
    ]
    body = struct.pack(">HHHH", own, 0, 0, len(required))
    body += b"".join(struct.pack(">HHH", index, flags, 0) for index, flags in required)
    body += struct.pack(">HH", 0, 0)  # exports, opens
    body += struct.pack(f">H{len(used)}H", len(used), *used)
    body += struct.pack(">H", len(provided))
    for service, numbers in provided:
        body += struct.pack(f">HH{len(numbers)}H", service, len(numbers), *numbers)
    tail = struct.pack(">HHHH", 0x8000, 0, 0, 0) + struct.pack(">HH", 0, 0)
    tail += struct.pack(">HHI", 2, attribute, len(body)) + body
    tail += struct.pack(">HIH", other, 2, resolution)
    return b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 61, len(pool) + 1) + b"".join(pool) + tail
