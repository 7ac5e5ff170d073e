"""The classes of a class library that a program can reach, followed from class to class. Pure.

A class reaches every class that its constants name, as a type or as a text, because reflection takes texts. A
text that names a package (``"sun.nio.cs."``), or with which names begin (``"java.util.Spliterators$"``),
reaches all of these classes, because a program adds the rest of the name later.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from tracewhale.java.classfile import texts, types
from tracewhale.java.jimage import JImage, Resource
from tracewhale.java.model import Cause

FAMILY = 3
"""The fewest components of a text that stands for all packages below it: ``sun.net.www.protocol``."""

BUNDLE = re.compile(r"_[a-z]{2,3}(?:_\w+)?|BeanInfo")
"""The ends of names that the library itself adds to that of a class (ResourceBundle, Introspector)."""

TABLES = ("jdk/internal/module/SystemModules$", "jdk/internal/module/ModuleLoaderMap")
"""The beginnings of the names of classes with tables of all modules and packages: their texts are not used
for look-ups."""

RECIPE = b"\1"
"""An argument in the recipe of a concatenation (StringConcatFactory)."""

_NAME = re.compile(rb"[\w$\x80-\xff-]+(?:[./][\w$\x80-\xff-]+)+[./]?")


@dataclass(frozen=True, slots=True)
class ClassLibrary:
    """The classes that may be reached, by name with slashes, and the providers of each service."""

    image: JImage
    classes: Mapping[str, Resource]
    providers: Mapping[str, tuple[str, ...]]


def reach(
    library: ClassLibrary, names: Mapping[str, str], stable: Mapping[str, Cause], *, packages: bool
) -> dict[str, Cause]:
    """Return the classes that can be reached, each with the first part that names it.

    ``names`` may be names of classes or packages, with slashes, each with the path of the file that has it;
    ``stable`` are classes that stay anyway. With ``packages`` a class reaches all others of its package, and
    causes name packages in place of classes. A service that is reached reaches its providers. Raise
    UnknownImage, UnknownClass.
    """
    walk = _Walk(library, packages)
    for name, path in names.items():
        walk.read(name.encode("utf-8", "replace"), path)
    for name, cause in stable.items():
        walk.note(name, cause)
    walk.run()
    return walk.causes


class _Walk:
    def __init__(self, library: ClassLibrary, packages: bool) -> None:
        self._library, self._by_package = library, packages
        self._names = sorted(library.classes)
        self._packages: dict[str, list[str]] = {}
        for name in self._names:
            self._packages.setdefault(name.rpartition("/")[0], []).append(name)
        self._directories = sorted(self._packages)
        self._entered: set[str] = set()
        self._read: set[bytes] = set()
        self._pending: deque[str] = deque()
        self.causes: dict[str, Cause] = {}

    def note(self, name: str, cause: Cause) -> None:
        """Record the part that names a class, once, and queue the class for reading its constants."""
        if name in self._library.classes and name not in self.causes:
            self.causes[name] = cause
            self._pending.append(name)

    def read(self, text: bytes, by: str) -> None:
        """Record the classes to which a text may lead."""
        for part in text.split(RECIPE):
            for name in self._classes_named(part):
                self.note(name, Cause(by, name.replace("/", ".")))

    def run(self) -> None:
        """Follow all constants of the recorded classes, the nearest first."""
        while self._pending:
            name = self._pending.popleft()
            package = name.rpartition("/")[0]
            by = (package if self._by_package else name).replace("/", ".")
            self._follow(name, by)
            for other in (*self._library.providers.get(name, ()), *self._bundles(name), *self._rest(package)):
                self.note(other, Cause(by, other.replace("/", ".")))

    def _follow(self, name: str, by: str) -> None:
        """Read those constants of a class that no class before it has; the others lead to nothing new."""
        constants = texts(self._library.image.content(self._library.classes[name]))
        if name.startswith(TABLES):
            constants = [text for text in constants if b"." not in text]
        fresh = [text for text in constants if text not in self._read]
        self._read.update(fresh)
        for text in fresh:
            if b"/" in text or b"." in text:
                self.read(text, by)

    def _rest(self, package: str) -> list[str]:
        """Return the classes of a package that stays whole, once."""
        if not self._by_package or package in self._entered:
            return []
        self._entered.add(package)
        return self._packages[package]

    def _bundles(self, name: str) -> list[str]:
        return [other for other in self._beginning(name) if BUNDLE.fullmatch(other, len(name))]

    def _classes_named(self, text: bytes) -> Iterable[str]:
        if b";" in text:
            return types(text)
        if not _NAME.fullmatch(text):
            return ()
        name = text.decode("utf-8", "replace").replace(".", "/")
        if name in self._library.classes:
            return (name,)
        package = name.removesuffix("/")
        if package in self._packages:
            return self._packages[package]
        if package.count("/") + 1 >= FAMILY and (below := self._below(f"{package}/")):
            return below
        return self._beginning(name) if name.rpartition("/")[2][:1].isupper() else ()

    def _below(self, prefix: str) -> list[str]:
        """Return the classes of all packages with this prefix."""
        packages = takewhile(lambda package: package.startswith(prefix), _from(self._directories, prefix))
        return [name for package in packages for name in self._packages[package]]

    def _beginning(self, prefix: str) -> list[str]:
        """Return the classes whose names begin so, in the same package."""
        names = takewhile(lambda name: name.startswith(prefix), _from(self._names, prefix))
        return [name for name in names if "/" not in name[len(prefix) :]]


def _from(ordered: Sequence[str], first: str) -> Iterator[str]:
    """Yield the texts of an ordered list that are not before another."""
    return (ordered[index] for index in range(bisect_left(ordered, first), len(ordered)))
