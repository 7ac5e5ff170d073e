"""The names in a program's own files that may be classes or modules of the class library.

Names are taken from everywhere: constant pools, providers of services, texts such as XML and properties, and
strings of native libraries. A superfluous name costs a few kilobytes, a missing one a crash.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from tracewhale.java.classfile import UnknownClass, class_names
from tracewhale.rootfs.tree import Entry, View

ARCHIVES = (".jar", ".war", ".ear", ".par", ".jmod")
TEXTS = (".xml", ".properties", ".factories", ".imports", ".yml", ".yaml", ".json", ".conf", ".MF", ".txt")
SOURCES = (".java", ".jsp", ".jspx", ".tag", ".groovy", ".kts", ".clj", ".js", ".scala")
SERVICES = "META-INF/services/"
SCRIPT = b"#!"
NATIVE = (b"JNI_OnLoad", b"Java_")
DEPTH, MEMBERS = 3, 200_000
RUNTIME_LIMIT = 64 << 20
"""The most bytes of a file of the runtime that is read for names."""
MEMBER_LIMIT, TOTAL_LIMIT = 16 << 20, 1 << 30
"""The most bytes of one file or member, and of all of them without their compression."""

_QUALIFIED = re.compile(rb"[A-Za-z_$][\w$]*(?:[./][A-Za-z_$][\w$]*)+")
_OF_LIBRARY = re.compile(rb"(?:java|javax|jdk|sun|com|org|netscape)(?:[./][\w$]+)+")
"""A name of the class library, also in the middle of a descriptor. Searching 20 MB takes no time, but
``_QUALIFIED`` needs seconds."""
_MODULE = re.compile(rb"\b(?:java|jdk)(?:\.[a-z][a-z0-9]*)+")

_SOURCE = re.compile(r"\w\.java\b|--source\b|\b(?:javac|jshell)\b")

_MALFORMED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError,
    ValueError, OSError, EOFError, IndexError, KeyError, OverflowError,
)  # fmt: skip
"""Exceptions of zipfile for a file that is not an archive, is encrypted, or has a rare compression."""


class TooLarge(ValueError):
    """Raised if the program has more code than is read, so that its names are not known."""


def is_read(path: str) -> bool:
    """Return whether a file of the application may name classes: by its suffix, as Java does."""
    return path.endswith((".class", *ARCHIVES, *TEXTS, *SOURCES)) or ".so" in path.rpartition("/")[2]


class FileNames:
    """The names in files that may be classes or packages, with slashes. Each file is read once.

    ``limit`` are the most bytes of a file that is read; ``find`` returns the names in a file with a path.
    """

    def __init__(self, view: View, limit: int, find: Callable[[str, bytes], Iterable[str]]) -> None:
        self._view, self._limit, self._find = view, limit, find
        self._names: dict[str, tuple[str, ...]] = {}

    def of(self, entries: Iterable[Entry]) -> Mapping[str, str]:
        """Return the names in some files, and for each the path of the first file that has it."""
        names: dict[str, str] = {}
        for entry in entries:
            if entry.path not in self._names:
                data = self._view.tree.read([(entry.path, 0, -1)])[0] if entry.size <= self._limit else None
                self._names[entry.path] = tuple(dict.fromkeys(self._find(entry.path, data or b"")))
            for name in self._names[entry.path]:
                names.setdefault(name, entry.path)
        return names


def program_names(view: View) -> FileNames:
    """Return the names in files of a program. Asking for them raises TooLarge."""
    budget = _Budget()
    return FileNames(view, TOTAL_LIMIT, lambda path, data: _names(path, data, budget, DEPTH))


def runtime_names(view: View) -> FileNames:
    """Return the names in files of a runtime that may be classes of its library."""

    def find(path: str, data: bytes) -> Iterator[str]:
        return (name.decode().replace(".", "/") for name in _OF_LIBRARY.findall(data))

    return FileNames(view, RUNTIME_LIMIT, find)


def names_in_text(data: bytes) -> Iterator[str]:
    """Yield the names in a text or a program that may be classes or packages, with slashes."""
    return (name.decode().replace(".", "/") for name in _QUALIFIED.findall(data))


def modules_in(data: bytes) -> set[str]:
    """Return the names in a program or script that have the form of a module of the JDK."""
    return {name.decode() for name in _MODULE.findall(data)}


def compiles(text: str) -> bool:
    """Return whether a request or a script runs sources of Java: by a file's name, an option or a command."""
    return _SOURCE.search(text) is not None


class _Budget:
    def __init__(self) -> None:
        self.left, self.members = TOTAL_LIMIT, MEMBERS

    def take(self, size: int) -> None:
        self.left -= size
        self.members -= 1
        if self.left < 0 or self.members < 0:
            raise TooLarge("the program has more code than is read")


def _names(path: str, data: bytes, budget: _Budget, depth: int) -> Iterator[str]:
    budget.take(len(data))
    if path.endswith(".class"):
        try:
            yield from class_names(data)
        except UnknownClass:
            return
    elif path.endswith(ARCHIVES):
        yield from _in_archive(data, budget, depth)
    elif (
        path.endswith((*TEXTS, *SOURCES))
        or SERVICES in path
        or data.startswith(SCRIPT)
        or any(sign in data for sign in NATIVE)
    ):
        yield from names_in_text(data)


def _in_archive(data: bytes, budget: _Budget, depth: int) -> Iterator[str]:
    if not depth:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                name = member.filename
                if name.startswith(SERVICES):
                    yield name.removeprefix(SERVICES).replace(".", "/")
                nested = name.endswith(ARCHIVES)
                if not (is_read(name) or name.startswith(SERVICES)):
                    continue
                if not nested and member.file_size > MEMBER_LIMIT:
                    continue
                budget.take(member.file_size)
                yield from _names(name, archive.read(member), budget, depth - 1)
    except TooLarge:
        raise
    except _MALFORMED:
        return
