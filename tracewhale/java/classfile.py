"""Names in class files: their constant pools, and the descriptors of modules (JVMS 4.4, 4.7.25)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAGIC = b"\xca\xfe\xba\xbe"
_SIZES = dict.fromkeys((7, 8, 16, 19, 20), 2) | {15: 3} | dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4)
_SIZES |= dict.fromkeys((5, 6), 8)
"""The bytes after the tag of each kind of constant but CONSTANT_Utf8 (JVMS table 4.4-A)."""

_UTF8, _CLASS, _LONG, _DOUBLE, _MODULE = 1, 7, 5, 6, 19
_IN_DESCRIPTOR = re.compile(rb"L([\w$/\x80-\xff-]+)[;<]")
_NAME = re.compile(rb"[\w$\x80-\xff-]+(?:[./][\w$\x80-\xff-]+)+")
REQUIRES_STATIC = 0x0040
"""ACC_STATIC_PHASE: the module is needed at compile time only."""

DO_NOT_RESOLVE_BY_DEFAULT = 0x0001
"""A flag of the ModuleResolution attribute (jdk.internal.module.ClassFileConstants)."""


class UnknownClass(ValueError):
    """Raised for bytes that are not a class file."""


@dataclass(frozen=True, slots=True)
class ModuleDescriptor:
    """The descriptor of a module. Names of modules have dots, those of classes slashes.

    ``provides`` are pairs of a service and the classes that implement it. ``by_default`` is false for a
    module that is in the graph only if an option names it, as those of the incubator (JEP 11).
    """

    name: str
    requires: tuple[str, ...]
    uses: tuple[str, ...]
    provides: tuple[tuple[str, tuple[str, ...]], ...]
    by_default: bool = True


def texts(data: bytes) -> Iterable[bytes]:
    """Return the texts in a class file's constant pool (CONSTANT_Utf8). Raise UnknownClass."""
    result: list[bytes] = []
    number, at = 1, 10
    try:
        count = data[8] << 8 | data[9] if data.startswith(MAGIC) else 0
        while number < count:  # a library has a million constants
            tag = data[at]
            if tag == _UTF8:
                begin = at + 3
                at = begin + (data[at + 1] << 8 | data[at + 2])
                result.append(data[begin:at])
            else:
                at += 1 + _SIZES[tag]
                if tag in (_LONG, _DOUBLE):
                    number += 1
            number += 1
    except (IndexError, KeyError) as error:
        raise UnknownClass(f"the constant pool is damaged: {error}") from error
    if not count or at > len(data):
        raise UnknownClass("the file has no whole constant pool")
    return result


def types(text: bytes) -> list[str]:
    """Return the names of classes in a descriptor or a signature, with slashes (JVMS 4.3, 4.7.9.1)."""
    return [name.decode("utf-8", "replace") for name in _IN_DESCRIPTOR.findall(text)]


def class_names(data: bytes) -> set[str]:
    """Return every name in a class file that may be a class, with slashes.

    These are the names of classes, of the types in descriptors and signatures, and string constants in the
    form of a qualified name, because reflection takes such strings. Raise UnknownClass.
    """
    names: set[bytes] = set()
    for constant in texts(data):
        if b"/" in constant or b"." in constant:
            names.update(_IN_DESCRIPTOR.findall(constant))
            if _NAME.fullmatch(constant):
                names.add(constant.replace(b".", b"/"))
    return {name.decode("utf-8", "replace") for name in names}


def module(data: bytes) -> ModuleDescriptor:
    """Return the descriptor in a ``module-info.class``. Raise UnknownClass."""
    constants, names, at = _constants(data)
    try:
        return _module(data, constants, names, at)
    except (struct.error, KeyError) as error:
        raise UnknownClass(f"the module's descriptor is damaged: {error}") from error


def _module(
    data: bytes, constants: Mapping[int, bytes], names: Mapping[int, int], at: int
) -> ModuleDescriptor:
    def text(index: int) -> str:
        return constants[names.get(index, index)].decode("utf-8", "replace")

    def words(at: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f">{count}H", data, at)

    access, _, _, interfaces = words(at, 4)
    at += 8 + 2 * interfaces
    fields, methods, attributes = words(at, 3)
    if not access & 0x8000 or fields or methods:
        raise UnknownClass("the class is no module's descriptor")
    at += 6
    places: dict[str, int] = {}
    for _ in range(attributes):
        name, length = struct.unpack_from(">HI", data, at)
        places[text(name)] = at + 6
        at += 6 + length
    if "Module" not in places:
        raise UnknownClass("the class has no module attribute")
    (resolution,) = words(places["ModuleResolution"], 1) if "ModuleResolution" in places else (0,)
    at = places["Module"]
    own, _, _, count = words(at, 4)
    at += 8
    entries = [words(at + 6 * number, 3) for number in range(count)]
    at += 6 * count
    requires = tuple(text(index) for index, flags, _ in entries if not flags & REQUIRES_STATIC)
    for _ in ("exports", "opens"):
        (count,) = words(at, 1)
        at += 2
        for _ in range(count):
            _, _, to = words(at, 3)
            at += 6 + 2 * to
    (count,) = words(at, 1)
    uses = tuple(text(index) for index in words(at + 2, count))
    at += 2 + 2 * count
    (count,) = words(at, 1)
    at += 2
    provides = []
    for _ in range(count):
        service, implementations = words(at, 2)
        provides.append((text(service), tuple(map(text, words(at + 4, implementations)))))
        at += 4 + 2 * implementations
    by_default = not resolution & DO_NOT_RESOLVE_BY_DEFAULT
    return ModuleDescriptor(text(own), requires, uses, tuple(provides), by_default)


def _constants(data: bytes) -> tuple[dict[int, bytes], dict[int, int], int]:
    """Return the texts of the constant pool, the texts' numbers of its classes and modules, and its end."""
    if data[:4] != MAGIC:
        raise UnknownClass("the file does not begin as a class file does")
    texts: dict[int, bytes] = {}
    names: dict[int, int] = {}
    try:
        (count,) = struct.unpack_from(">H", data, 8)
        number, at = 1, 10
        while number < count:
            tag = data[at]
            if tag == _UTF8:
                end = at + 3 + (data[at + 1] << 8 | data[at + 2])
                texts[number] = data[at + 3 : end]
                at = end
            else:
                if tag in (_CLASS, _MODULE):
                    names[number] = data[at + 1] << 8 | data[at + 2]
                elif tag in (_LONG, _DOUBLE):
                    number += 1
                at += 1 + _SIZES[tag]
            number += 1
    except (struct.error, IndexError, KeyError) as error:
        raise UnknownClass(f"the constant pool is damaged: {error}") from error
    if at > len(data):
        raise UnknownClass("the constant pool is longer than the file")
    return texts, names, at
