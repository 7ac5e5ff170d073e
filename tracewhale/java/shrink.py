"""Shrink the class libraries among kept files to the modules that the program can reach. Files are only read:
a shrunk library is contents for a plan.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tracewhale.java import archive, natives
from tracewhale.java.application import (
    TooLarge,
    compiles,
    is_read,
    modules_in,
    names_in_text,
    program_names,
    runtime_names,
)
from tracewhale.java.classfile import UnknownClass
from tracewhale.java.inside import LibraryNames, trim
from tracewhale.java.jimage import MAGIC, JImage, UnknownImage
from tracewhale.java.model import LibraryUnit, Selection, ShrunkLibrary
from tracewhale.java.modules import COMPILERS, ModuleIndex, module_index, select
from tracewhale.rootfs.tree import Entry, Kind, View, parent

LIBRARY = "/lib/modules"
OLD_LIBRARY, OLD_NOTE = "/lib/rt.jar", "it is that of Java 8 or older, which has no modules"
"""The class library of runtimes without modules (JEP 220 removed it in Java 9)."""

ARCHIVES = "/lib/server/classes"
"""The directory of a runtime's archives of loaded classes (CDS), which fit only one class library."""

CLASS_LIST = "/lib/classlist"
"""The classes of the runtime's own archive, one per line (jlink)."""

CDS_ARCHIVE, NATIVE_LIBRARY, PROGRAMS = ".jsa", ".so", "/bin"
NOT_READ = (LIBRARY, "/lib/ct.sym", "/lib/src.zip", CDS_ARCHIVE)
"""The ends of the paths in a runtime that are not read for names of classes."""

OPTIONS = {
    "jmxremote": "jdk.management.agent",
    "ManagementServer": "jdk.management.agent",
    "FlightRecord": "jdk.jfr",
    "JVMCI": "jdk.internal.vm.ci",
}
"""Words in options of the JVM for which it loads a module (java(1), Extra Options)."""

COMMAND = "the command"
"""The source of the names in options and variables of the command."""

SIGNATURES, COMPILER = "/lib/ct.sym", "jdk.compiler"
"""The signatures of older releases' classes, which only the compiler reads."""

OTHER_LOCALE = re.compile(
    r"\b(?:LANG|LANGUAGE|LC_\w+)=(?!C\b|POSIX|en|\W)|user\.(?:language|country|region|script)\b"
)
"""Variables and properties in a request that choose a locale other than English."""

SIZE_LIMIT = 512 << 20
NATIVE_LIMIT = 16 << 20
NATIVE_TOTAL, MOST_FILES = 64 << 20, 256
"""The bytes of native libraries and the files of a directory that are read; a JVM has fewer. Further files
count as used."""

SCRIPT_LIMIT = 1 << 20


class Shrinker:
    """Shrinks the class libraries in one view. Each file is read once, however often it is asked.

    ``words`` is the text of the run's request, in which options may name modules. ``unit`` is what stays or
    goes as a whole. ``loaded`` are classes that a JVM loaded in a run of the program.
    """

    def __init__(
        self,
        view: View,
        words: str = "",
        unit: LibraryUnit = LibraryUnit.MODULES,
        loaded: frozenset[str] = frozenset(),
    ) -> None:
        self._view, self._words, self._unit, self._loaded = view, words, unit, loaded
        self._names, self._runtime_names = program_names(view), runtime_names(view)
        self._images: dict[str, tuple[JImage, ModuleIndex]] = {}
        self._selections: dict[str, tuple[object, Selection]] = {}

    def shrink(
        self, kept: Mapping[str, Entry], unused: AbstractSet[str] = frozenset()
    ) -> tuple[ShrunkLibrary, ...]:
        """Return the class libraries among kept paths, each shrunk, or with a note on why it is not.

        ``unused`` are kept paths that no run and no other file asked for: a launcher among them names no
        module that must stay, unless it is a compiler's.
        """
        files = _files(kept)
        old, images = _old_libraries(files), self._libraries(files)
        try:
            program = self._program(kept, files, images, unused)
        except TooLarge as error:
            unchanged = (
                ShrunkLibrary(entry.path, entry.size, entry.size, note=str(error)) for entry in images
            )
            return *old, *unchanged
        return *old, *(self._shrink(files, entry, program, unused) for entry in images)

    def unreachable(
        self, kept: Mapping[str, Entry], unused: AbstractSet[str] = frozenset()
    ) -> frozenset[str]:
        """Return the files of the runtimes among kept paths that are of no use without the modules left out.

        These are native libraries and launchers of such modules, archives of loaded classes (CDS) that are
        not used, and the compiler's data, whether they are kept or not.
        """
        files = _files(kept)
        images = self._libraries(files)
        result: set[str] = set()
        with contextlib.suppress(TooLarge, UnknownImage, UnknownClass):
            program = self._program(kept, files, images, unused)
            for entry in images:
                selection = self._select(entry, program)
                if selection.dropped:
                    result.update(self._useless(entry.path.removesuffix(LIBRARY), selection, files, unused))
        return frozenset(result)

    def _libraries(self, files: Mapping[str, Entry]) -> list[Entry]:
        """Return the class libraries with modules."""
        libraries = [entry for path, entry in files.items() if path.endswith(LIBRARY)]
        entries = [entry for entry in libraries if entry.size <= SIZE_LIMIT]
        heads = self._view.tree.read([(entry.path, 0, 4) for entry in entries])
        magic = MAGIC.to_bytes(4, "little")
        return [entry for entry, head in zip(entries, heads, strict=True) if head == magic]

    def _program(
        self,
        kept: Mapping[str, Entry],
        files: Mapping[str, Entry],
        images: list[Entry],
        unused: AbstractSet[str],
    ) -> _Program:
        """Return the names in a program. Raise TooLarge."""
        view, words = self._view, self._words
        homes = [entry.path.removesuffix(LIBRARY) for entry in images]
        runtime = _runtime_directories(view, kept, homes)
        inner = {
            path for path in files if any(path == home or path.startswith(f"{home}/") for home in runtime)
        }
        outer = [
            entry
            for path, entry in (files.items() if images else ())
            if path not in inner and (is_read(path) or _is_script(entry))
        ]
        names = {
            **dict.fromkeys(names_in_text(words.encode("utf-8", "replace")), COMMAND),
            **self._names.of(outer),
        }
        finer = self._unit is not LibraryUnit.MODULES
        own = [files[path] for path in sorted(inner) if not path.endswith(NOT_READ)]
        programs = [
            entry
            for entry in own
            if entry.path.endswith(NATIVE_LIBRARY) or parent(entry.path).endswith(PROGRAMS)
        ]
        listed = _listed(view, homes) if finer else frozenset()
        return _Program(
            LibraryNames(names, self._runtime_names.of(own), listed | self._loaded),
            _roots(view, files, homes, unused) | dict.fromkeys(_requested(words), ""),
            OTHER_LOCALE.search(words) is not None,
            frozenset(self._runtime_names.of(programs)),
        )

    def _image(self, entry: Entry) -> tuple[JImage, ModuleIndex]:
        """Return a class library and its modules. Raise UnknownImage, UnknownClass."""
        if entry.path not in self._images:
            image = JImage(self._view.tree.read([(entry.path, 0, -1)])[0] or b"")
            self._images[entry.path] = image, module_index(image)
        return self._images[entry.path]

    def _select(self, entry: Entry, program: _Program) -> Selection:
        """Return the modules that the program needs. Raise UnknownImage, UnknownClass."""
        key = program.names.program.keys(), program.roots.keys(), program.offered
        known = self._selections.get(entry.path)
        if known is None or known[0] != key:
            image, index = self._image(entry)
            loaded = [name for name in sorted(index.names) if not index.names[name].isdisjoint(self._loaded)]
            roots = {**dict.fromkeys(loaded, ""), **program.roots}
            names, locales = program.names.program, program.locales
            selection = select(image, names, roots, program.offered, locales=locales, index=index)
            known = self._selections[entry.path] = key, selection
        return known[1]

    def _useless(
        self, home: str, selection: Selection, files: Mapping[str, Entry], unused: AbstractSet[str]
    ) -> Iterator[str]:
        """Yield the paths of a runtime's files that no kept module uses."""
        listing = (self._view.listing(f"{home}/lib") or {}).values()
        libraries = [e for e in listing if e.kind is Kind.FILE and e.path.endswith(NATIVE_LIBRARY)]
        if len(libraries) > MOST_FILES or sum(min(e.size, NATIVE_LIMIT) for e in libraries) > NATIVE_TOTAL:
            libraries = []
        contents = self._view.tree.read([(e.path, 0, NATIVE_LIMIT) for e in libraries])
        packages = {name.replace(".", "/"): part.module for part in selection.parts for name in part.packages}
        left_out = {module.module for module in selection.left_out}
        yield from natives.unreachable(
            {e.path: data or b"" for e, data in zip(libraries, contents, strict=True)}, packages, left_out
        )
        for entry in (self._view.listing(f"{home}/lib/server") or {}).values():
            if entry.path.endswith(CDS_ARCHIVE) and (entry.path not in files or entry.path in unused):
                yield entry.path
        launchers = [
            e for e in (self._view.listing(home + PROGRAMS) or {}).values() if e.size <= SCRIPT_LIMIT >> 4
        ][:MOST_FILES]
        heads = self._view.tree.read([(e.path, 0, -1) for e in launchers])
        yield from (
            e.path for e, data in zip(launchers, heads, strict=True) if modules_in(data or b"") & left_out
        )
        if COMPILER in left_out:
            yield home + SIGNATURES

    def _shrink(
        self, files: Mapping[str, Entry], entry: Entry, program: _Program, unused: AbstractSet[str]
    ) -> ShrunkLibrary:
        view, unit = self._view, self._unit
        try:
            image, _ = self._image(entry)
            selection = self._select(entry, program)
            if unit is not LibraryUnit.MODULES and not selection.note:
                selection = trim(image, selection, program.names, unit)
            if not selection.dropped:
                note = selection.note or "nothing can be left out"
                return ShrunkLibrary(entry.path, entry.size, entry.size, note=note, parts=selection.parts)
            content = image.without(lambda resource: resource.name in selection.dropped)
        except (UnknownImage, UnknownClass) as error:
            return ShrunkLibrary(entry.path, entry.size, entry.size, note=str(error))
        home = entry.path.removesuffix(LIBRARY)
        paths = sorted(
            path for path in files if path.startswith(home + ARCHIVES) and path.endswith(CDS_ARCHIVE)
        )
        read = view.tree.read([(path, 0, -1) for path in paths if path not in unused])
        used = zip((path for path in paths if path not in unused), read, strict=True)
        fits = {path: archive.fit(old or b"", entry.size, len(content)) for path, old in used}
        archives = tuple((path, new) for path, new in fits.items() if new is not None)
        dropped = [path for path in paths if fits.get(path) is None]
        if home + SIGNATURES in unused and any(module.module == COMPILER for module in selection.left_out):
            dropped.append(home + SIGNATURES)
        return ShrunkLibrary(
            entry.path,
            entry.size,
            len(content),
            selection.left_out,
            archives,
            tuple(dropped),
            "",
            selection.parts,
            content,
            unit,
            selection.inside,
            selection.unreached,
        )


def _files(kept: Mapping[str, Entry]) -> dict[str, Entry]:
    return {path: entry for path, entry in kept.items() if entry.kind is Kind.FILE}


def _requested(words: str) -> set[str]:
    """Return the modules that a request names, or requests by options of the JVM."""
    by_option = {module for option, module in OPTIONS.items() if option in words}
    compiler = {COMPILER} if compiles(words) else set()
    return modules_in(words.encode("utf-8", "replace")) | by_option | compiler


def _listed(view: View, homes: list[str]) -> frozenset[str]:
    """Return the classes in the runtimes' lists, with slashes, whether the lists are kept or not."""
    lists = view.tree.read([(f"{home}{CLASS_LIST}", 0, -1) for home in homes])
    lines = b"\n".join(data for data in lists if data).decode("utf-8", "replace").splitlines()
    return frozenset(line.partition(" ")[0] for line in lines if line[:1].isalpha())


def _old_libraries(files: Mapping[str, Entry]) -> tuple[ShrunkLibrary, ...]:
    """Return the class libraries of Java 8 and older, which stay whole."""
    machines = [path for path in files if path.endswith("/libjvm.so")]
    return tuple(
        ShrunkLibrary(path, entry.size, entry.size, note=OLD_NOTE)
        for path, entry in files.items()
        if path.endswith(OLD_LIBRARY)
        and any(machine.startswith(path.removesuffix("rt.jar")) for machine in machines)
    )


def _is_script(entry: Entry) -> bool:
    """Return whether a file may be a script: by its mode and size."""
    return bool(entry.mode & 0o111) and entry.size <= SCRIPT_LIMIT >> 4


@dataclass(frozen=True, slots=True)
class _Program:
    """The names of classes and modules in a program, each with a path that has it, whether it asks for other
    locales, and the names in the runtime's own programs and native libraries."""

    names: LibraryNames
    roots: Mapping[str, str]
    locales: bool
    offered: frozenset[str]


def _runtime_directories(view: View, kept: Mapping[str, Entry], homes: list[str]) -> list[str]:
    """Return the homes of the runtimes, and the targets of links in them: Debian has ``conf`` in ``/etc``."""
    links = [
        path
        for path, entry in kept.items()
        if entry.kind is Kind.SYMLINK and any(path.startswith(f"{home}/") for home in homes)
    ]
    targets = [view.resolve(path).entry for path in links]
    return [*homes, *(target.path for target in targets if target is not None)]


def _roots(
    view: View, files: Mapping[str, Entry], homes: list[str], unused: AbstractSet[str]
) -> dict[str, str]:
    """Return the modules that kept launchers of a runtime and kept scripts name, each with their path.

    An unused launcher counts only if it is a compiler's: a user who keeps ``javac`` may want to use it.
    """
    directories = {f"{home}/bin" for home in homes}
    programs = [
        entry
        for path, entry in files.items()
        if entry.mode & 0o111
        and entry.size <= (SCRIPT_LIMIT if parent(path) in directories else SCRIPT_LIMIT >> 4)
    ]
    roots: dict[str, str] = {}
    contents = view.tree.read([(entry.path, 0, -1) for entry in programs])
    for entry, data in zip(programs, contents, strict=True):
        script = data is not None and data.startswith(b"#!")
        if data is None or not (script or parent(entry.path).endswith(PROGRAMS)):
            continue
        modules = modules_in(data)
        if script and compiles(data.decode("utf-8", "replace")):
            modules |= {COMPILER}
        if entry.path in unused:
            modules &= COMPILERS
        for name in sorted(modules):
            roots.setdefault(name, entry.path)
    return roots
