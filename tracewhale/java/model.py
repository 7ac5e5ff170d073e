"""The choice from a class library: its unit, its parts, and the cause of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LibraryUnit(Enum):
    """The parts of a class library that are kept or dropped as a whole, the most careful one first."""

    MODULES = "modules"
    PACKAGES = "packages"
    CLASSES = "classes"


PURPOSES = {
    "java.desktop": "windows, drawing, printing, JavaBeans",
    "java.sql": "databases",
    "java.xml": "XML",
    "java.xml.crypto": "signatures in XML",
    "jdk.charsets": "rare character sets",
    "jdk.compiler": "javac",
    "jdk.crypto.ec": "elliptic curves",
    "jdk.hotspot.agent": "debugging of the JVM itself",
    "jdk.incubator.vector": "vectors",
    "jdk.javadoc": "javadoc",
    "jdk.jdeps": "javap, jdeps",
    "jdk.jfr": "flight recordings",
    "jdk.jshell": "jshell",
    "jdk.localedata": "locales other than English",
}
"""The purpose of a module in a few words."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A module of which only a skeleton is kept, with the bytes that this saves."""

    module: str
    size: int

    @property
    def title(self) -> str:
        """The name, and the purpose if it is known."""
        purpose = PURPOSES.get(self.module)
        return f"{self.module} ({purpose})" if purpose else self.module


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause for which a module, a package or a class stays: the path or the other part that names it, and
    the name.

    If none names it, ``by`` is empty, and ``name`` is one of the rules: ``java-base``,
    ``java-character-sets``, ``java-command`` (options of the command name it), ``java-small-module`` or
    ``java-class-list``.
    """

    by: str
    name: str


@dataclass(frozen=True, slots=True)
class ShrunkModule:
    """A module of a class library, its packages (with dots), and the cause for which it stays: None if it is
    left out."""

    module: str
    packages: tuple[str, ...]
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class Inside:
    """A package or a class (with dots) of a module that stays, and the cause for which it stays.

    It is None for a package that is left out, or of which classes are.
    """

    name: str
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class Selection:
    """The names of resources to drop, and their modules; ``note`` is the reason if there are none.

    ``inside`` are the packages or classes of the other modules, where the unit is finer than a module, and
    ``unreached`` the number of their classes that are dropped, and of their bytes.
    """

    dropped: frozenset[str]
    left_out: tuple[LeftOut, ...]
    note: str = ""
    parts: tuple[ShrunkModule, ...] = ()
    inside: tuple[Inside, ...] = ()
    unreached: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class ShrunkLibrary:
    """An examined class library: its path, its size in bytes and the new one, and the modules left out.

    ``archives`` are CDS archives, each with contents that fit the new library. ``dropped`` are the paths of
    archives that the program does not use or that cannot be made to fit, and of files that belong to modules
    that are left out. ``note`` says why the library is whole. ``parts`` are all its modules. ``inside`` are
    the packages or classes of those that stay, and ``unreached`` the number and bytes of their classes that
    are left out, where ``unit`` is finer than a module.
    """

    path: str
    before: int
    after: int
    left_out: tuple[LeftOut, ...] = ()
    archives: tuple[tuple[str, bytes], ...] = ()
    dropped: tuple[str, ...] = ()
    note: str = ""
    parts: tuple[ShrunkModule, ...] = ()
    content: bytes = b""
    unit: LibraryUnit = LibraryUnit.MODULES
    inside: tuple[Inside, ...] = ()
    unreached: tuple[int, int] = (0, 0)
