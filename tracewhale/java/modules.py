"""The modules of a class library that a program can reach. Pure.

A module that is reached stays whole, and so does a small one that is not: it costs little, and options of the
JVM (a debugger, a flight recording, an agent) may ask for it later. Of a large one that is not reached stay
its descriptor, its providers and one class of each package, so that the graph of modules and the service
loader find what the descriptors promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tracewhale.java.classfile import Module, UnknownClass, class_names, module
from tracewhale.java.jimage import JImage, Resource

BASE = "java.base"
DESCRIPTOR = "module-info.class"
SMALL = 2_000_000
"""Bytes that a module may add, with what it requires, to be kept although nothing reaches it."""

COMPILERS = frozenset({"jdk.compiler", "jdk.jshell", "jdk.scripting.nashorn"})
"""Modules that compile source text, which may name any class: with one of them the library stays whole."""

CHARACTER_SETS = "jdk.charsets"
"""Always kept: what is asked of a program may name a character set (a request, a mail, a file)."""

LOCALE_DATA = "jdk.localedata"
LOCALE_USERS = ("java/util/Locale", "java/text/", "java/time/format/")
"""Names of classes (or packages) by which a program asks for the data of other locales."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A module that is left out but for its skeleton, with the bytes that this saves."""

    module: str
    size: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The names of resources to drop, and the modules that lose them; ``note`` says why there are none."""

    dropped: frozenset[str]
    left_out: tuple[LeftOut, ...]
    note: str = ""


def select(image: JImage, names: AbstractSet[str], roots: AbstractSet[str] = frozenset()) -> Selection:
    """Return what a program that names some classes can do without.

    ``names`` are names with slashes that may be classes; ``roots`` are modules that are named otherwise.
    Raises UnknownImage, UnknownClass for a class library that is not understood.
    """
    resources = _by_module(image)
    descriptors = _descriptors(image, resources)
    sizes = {name: sum(r.stored for r in resources.get(name, ())) for name in descriptors}
    reached = _requirements(descriptors, {BASE, CHARACTER_SETS, *roots, *_modules_of(resources, names)})
    for service, providers in _providers(descriptors).items():
        if service in names:
            reached |= _requirements(descriptors, providers)
    if not any(name.startswith(LOCALE_USERS) for name in names):
        reached.discard(LOCALE_DATA)
    if compilers := sorted(reached & COMPILERS):
        note = f"the program can compile sources ({', '.join(compilers)}), which may name any class"
        return Selection(frozenset(), (), note)
    kept = set(reached)
    for _, name in sorted((size, name) for name, size in sizes.items()):
        needed = _requirements(descriptors, {name})
        if sum(sizes[module] for module in needed - kept) <= SMALL:
            kept |= needed
    if any(name.startswith(LOCALE_USERS) for name in names) and LOCALE_DATA in descriptors:
        kept |= _requirements(descriptors, {LOCALE_DATA})
    dropped: set[str] = set()
    left_out = []
    for name in sorted(descriptors.keys() - kept):
        skeleton = _skeleton(image, descriptors[name], resources[name])
        gone = [resource for resource in resources[name] if resource.name not in skeleton]
        dropped.update(resource.name for resource in gone)
        if gone:
            left_out.append(LeftOut(name, sum(resource.stored for resource in gone)))
    return Selection(
        frozenset(dropped), tuple(sorted(left_out, key=lambda module: (-module.size, module.module)))
    )


def _by_module(image: JImage) -> Mapping[str, list[Resource]]:
    modules: dict[str, list[Resource]] = {}
    for resource in image.resources:
        if resource.is_file:
            modules.setdefault(resource.module, []).append(resource)
    return modules


def _descriptors(image: JImage, resources: Mapping[str, list[Resource]]) -> Mapping[str, Module]:
    descriptors = {}
    for name, files in resources.items():
        for resource in files:
            if resource.name == f"/{name}/{DESCRIPTOR}":
                descriptors[name] = module(image.content(resource))
    if BASE not in descriptors:
        raise UnknownClass(f"the class library has no module {BASE}")
    return descriptors


def _modules_of(resources: Mapping[str, list[Resource]], names: AbstractSet[str]) -> set[str]:
    """Return the modules that have a class of one of these names."""
    return {
        module
        for module, files in resources.items()
        for resource in files
        if resource.name.endswith(".class") and resource.name[len(module) + 2 : -6] in names
    }


def _requirements(descriptors: Mapping[str, Module], roots: Iterable[str]) -> set[str]:
    """Return modules with all that they require at run time, as far as the library has them."""
    result: set[str] = set()
    pending = [name for name in roots if name in descriptors]
    while pending:
        name = pending.pop()
        if name not in result:
            result.add(name)
            pending += [require for require in descriptors[name].requires if require in descriptors]
    return result


def _providers(descriptors: Mapping[str, Module]) -> Mapping[str, set[str]]:
    """Return the modules that provide each service."""
    providers: dict[str, set[str]] = {}
    for name, descriptor in descriptors.items():
        for service, _ in descriptor.provides:
            providers.setdefault(service, set()).add(name)
    return providers


def _skeleton(image: JImage, descriptor: Module, resources: Iterable[Resource]) -> set[str]:
    """Return the names of a module's resources that stay when nothing reaches it.

    A provider is loaded and made by whoever asks for the service, so the classes that it names stay with it,
    and those that are nested in it.
    """
    by_class = {
        resource.name[len(descriptor.name) + 2 : -6]: resource
        for resource in resources
        if resource.name.endswith(".class")
    }
    kept = {f"/{descriptor.name}/{DESCRIPTOR}"}
    for _, implementations in descriptor.provides:
        for implementation in implementations:
            if implementation in by_class:
                references = class_names(image.content(by_class[implementation])) | {implementation}
                nested = {name for name in by_class if name.startswith(f"{implementation}$")}
                kept |= {by_class[name].name for name in references | nested if name in by_class}
    smallest: dict[str, Resource] = {}
    for name, resource in sorted(by_class.items()):
        package = name.rpartition("/")[0]
        if package and (package not in smallest or resource.stored < smallest[package].stored):
            smallest[package] = resource
    return kept | {resource.name for resource in smallest.values()}
