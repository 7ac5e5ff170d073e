"""The packages or classes that a program can reach inside the modules that stay. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tracewhale.java.application import names_in_text
from tracewhale.java.classfile import module
from tracewhale.java.jimage import JImage, Resource
from tracewhale.java.model import Cause, Inside, LibraryUnit, Selection
from tracewhale.java.modules import BASE, DESCRIPTOR, LOCALE_DATA, SMALL_MODULE
from tracewhale.java.reach import ClassLibrary, reach

CLASS_LIST = "java-class-list"
"""The rule by which classes stay that are in the runtime's own list, from which it makes its archive, or that
a run loaded."""

TABLES = (".properties", ".xml")
"""The ends of the names of resources that may name classes."""


@dataclass(frozen=True, slots=True)
class LibraryNames:
    """Names with slashes that may be classes or packages, each with the path of a file that has it.

    ``program`` are those in the program's own files, ``runtime`` those in the runtime's native libraries,
    programs and configuration. ``listed`` are classes of the runtime's own list (``lib/classlist``), and
    those that a run loaded.
    """

    program: Mapping[str, str]
    runtime: Mapping[str, str]
    listed: frozenset[str]


def trim(image: JImage, selection: Selection, names: LibraryNames, unit: LibraryUnit) -> Selection:
    """Return a choice of modules without their unreached packages or classes.

    Modules that a rule or an option keeps stay whole, but for the base module, and so do the data of locales,
    whose names are computed. With the unit of classes, a small module that nothing names loses its classes,
    too: names in the runtime's own files do not count. Raise UnknownImage, UnknownClass.
    """
    kept = {part.module: part.cause for part in selection.parts if part.cause is not None}
    classes = {name: item for name, item in _classes(image.resources) if item.module in kept}
    small = {
        name for name, cause in kept.items() if unit is LibraryUnit.CLASSES and cause.name == SMALL_MODULE
    }
    by_rule = {name for name, cause in kept.items() if not cause.by} | {LOCALE_DATA}
    by_rule -= {BASE, *small}
    stable = {name: kept[item.module] for name, item in classes.items() if item.module in by_rule}
    listed = {name: Cause("", CLASS_LIST) for name in sorted(names.listed & classes.keys())}
    own = {
        name: by
        for name, by in (*names.runtime.items(), *_in_texts(image, kept))
        if name in classes and classes[name].module not in small
    }
    library = ClassLibrary(image, classes, _providers(image, kept))
    reached = reach(
        library, {**own, **names.program}, {**listed, **stable}, packages=unit is LibraryUnit.PACKAGES
    )
    surplus = {name: item for name, item in classes.items() if name not in reached}
    if unit is LibraryUnit.PACKAGES:
        inside = {_package(name): cause for name, cause in reversed(reached.items())}
    else:
        inside = {name: cause for name, cause in reached.items() if name not in stable}
    parts = {**{_package(name): None for name in surplus}, **inside}
    return replace(
        selection,
        dropped=selection.dropped | {item.name for item in surplus.values()},
        inside=tuple(Inside(name.replace("/", "."), cause) for name, cause in sorted(parts.items())),
        unreached=(len(surplus), sum(item.stored for item in surplus.values())),
    )


def _package(name: str) -> str:
    return name.rpartition("/")[0]


def _classes(resources: Iterable[Resource]) -> Iterator[tuple[str, Resource]]:
    """Yield the classes of a library, by name with slashes."""
    for resource in resources:
        name = resource.name[len(resource.module) + 2 :]
        if resource.is_file and name.endswith(".class") and name != DESCRIPTOR:
            yield name.removesuffix(".class"), resource


def _providers(image: JImage, kept: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the classes of kept modules that provide each service."""
    descriptors = {f"/{name}/{DESCRIPTOR}" for name in kept}
    providers: dict[str, tuple[str, ...]] = {}
    for resource in image.resources:
        if resource.name in descriptors:
            for service, classes in module(image.content(resource)).provides:
                providers[service] = providers.get(service, ()) + classes
    return providers


def _in_texts(image: JImage, kept: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the names in texts of kept modules, such as those of XML serializers, and the modules."""
    for resource in image.resources:
        if resource.module in kept and resource.name.endswith(TABLES):
            for name in names_in_text(image.content(resource)):
                yield name, resource.module
