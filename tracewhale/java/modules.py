"""The modules of a class library that a program can reach. Pure.

A reached module stays whole, and so does a small one that is not reached: it costs little, and options of the
JVM (a debugger, a flight recording, an agent) may need it later. A large one that is not reached keeps its
descriptor, its providers and one class of each package, so that the graph of modules and the service loader
find what the descriptors promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracewhale.java.classfile import ModuleDescriptor, UnknownClass, class_names, module
from tracewhale.java.jimage import JImage, Resource
from tracewhale.java.model import Cause, LeftOut, Selection, ShrunkModule

BASE = "java.base"
DESCRIPTOR = "module-info.class"
SMALL = 2_000_000
"""The most bytes of a module, with its requirements, that is kept although nothing reaches it, because an
option or a configuration may: the JVM names it, Java SE has it, or it provides a service that others use."""

TINY = 250_000
"""The most bytes of any other module that is kept although nothing reaches it."""

STANDARD = "java."
"""The beginning of the names of the modules of Java SE."""

COMPILERS = frozenset({"jdk.compiler", "jdk.jshell", "jdk.scripting.nashorn"})
"""Modules that compile source text, which may name any class: with one of them the library stays whole."""

CHARACTER_SETS = "jdk.charsets"
"""Always kept: the input of a program may name a character set (a request, a mail, a file)."""

SMALL_MODULE = "java-small-module"
"""The rule by which small modules stay although nothing names them."""

REQUEST = "java-command"
"""The rule by which modules in options of the command stay."""

LOCALE_DATA = "jdk.localedata"
LOCALE_USERS = ("java/util/Locale", "java/text/", "java/time/format/")
"""Names of classes (or packages) with which a program requests the data of other locales."""


@dataclass(frozen=True, slots=True)
class ModuleIndex:
    """The resources of each module of a class library, their descriptors, their packages with dots, and the
    names of their classes and packages with slashes."""

    resources: Mapping[str, list[Resource]]
    descriptors: Mapping[str, ModuleDescriptor]
    packages: Mapping[str, tuple[str, ...]]
    names: Mapping[str, frozenset[str]]


def module_index(image: JImage) -> ModuleIndex:
    """Return the modules of a class library. Raise UnknownImage, UnknownClass."""
    resources = _by_module(image)
    packages = {name: _packages(name, files) for name, files in resources.items()}
    names = {
        owner: frozenset(
            (
                *(file.name[len(owner) + 2 : -6] for file in files if file.name.endswith(".class")),
                *(package.replace(".", "/") for package in packages[owner]),
            )
        )
        for owner, files in resources.items()
    }
    return ModuleIndex(resources, _descriptors(image, resources), packages, names)


def select(
    image: JImage,
    names: Mapping[str, str],
    roots: Mapping[str, str] = {},
    offered: Iterable[str] = (),
    *,
    locales: bool = False,
    index: ModuleIndex | None = None,
) -> Selection:
    """Return the parts that a program that names some classes does not need.

    ``names`` are names with slashes that may be classes or packages, each with the path of a file that has
    it; ``roots`` are modules that are named otherwise, each with the path of what names it, or an empty one
    for the command. ``offered`` are names in the runtime's own programs and native libraries, which options
    of the JVM may reach. ``locales`` tells that the command asks for a locale other than English. ``index``
    is that of the image, for several choices. Raise UnknownImage, UnknownClass for a class library that is
    not understood.
    """
    index = index or module_index(image)
    resources, descriptors, packages = index.resources, index.descriptors, index.packages
    causes: dict[str, Cause] = {}
    _reach(causes, descriptors, BASE, Cause("", "java-base"))
    _reach(causes, descriptors, CHARACTER_SETS, Cause("", "java-character-sets"))
    for root, by in sorted(roots.items()):
        _reach(causes, descriptors, root, Cause(by, root if by else REQUEST))
    for name, cause in _of_names(index, names).items():
        _reach(causes, descriptors, name, cause)
    providers = _providers(descriptors)
    for service in sorted(providers.keys() & names.keys()):
        for provider in sorted(providers[service]):
            _reach(causes, descriptors, provider, Cause(names[service], service.replace("/", ".")))
    _reach_providers(causes, descriptors, providers)
    locale_class = next((name for name in sorted(names) if name.startswith(LOCALE_USERS)), "")
    if locales or locale_class:
        why = (
            Cause(names[locale_class], locale_class.replace("/", ".")) if locale_class else Cause("", REQUEST)
        )
        _reach(causes, descriptors, LOCALE_DATA, why)
    else:
        causes.pop(LOCALE_DATA, None)
    if compilers := sorted(causes.keys() & COMPILERS):
        modules = tuple(ShrunkModule(name, packages[name], causes.get(name)) for name in sorted(descriptors))
        return Selection(frozenset(), (), _compiles(compilers[0], causes), modules)
    sizes = {name: sum(resource.stored for resource in resources[name]) for name in descriptors}
    optional = _optional(image, descriptors, resources, causes)
    offered = dict.fromkeys(offered, "")
    offered_modules = set(_of_names(index, offered))
    offered_modules |= {name for name in descriptors if name.replace(".", "/") in offered}
    optional |= {name for name in offered_modules if name in descriptors and descriptors[name].by_default}
    for _ in range(2):  # a required module may have become small
        for _, name in sorted((size, name) for name, size in sizes.items()):
            needed = _requirements(descriptors, {name})
            limit = SMALL if name in optional else TINY
            if name != LOCALE_DATA and sum(sizes[module] for module in needed - causes.keys()) <= limit:
                _reach(causes, descriptors, name, Cause("", SMALL_MODULE))
    dropped: set[str] = set()
    left_out = []
    for name in sorted(descriptors.keys() - causes.keys()):
        skeleton = _skeleton(image, descriptors[name], resources[name])
        surplus = [resource for resource in resources[name] if resource.name not in skeleton]
        dropped.update(resource.name for resource in surplus)
        if surplus:
            left_out.append(LeftOut(name, sum(resource.stored for resource in surplus)))
    return Selection(
        frozenset(dropped),
        tuple(sorted(left_out, key=lambda module: (-module.size, module.module))),
        parts=tuple(ShrunkModule(name, packages[name], causes.get(name)) for name in sorted(descriptors)),
    )


def _optional(
    image: JImage,
    descriptors: Mapping[str, ModuleDescriptor],
    resources: Mapping[str, list[Resource]],
    causes: Iterable[str],
) -> set[str]:
    """Return the modules of Java SE, and those that provide a service for which modules that stay ask."""
    optional = {name for name in descriptors if name.startswith(STANDARD)}
    used = {service for name in causes for service in descriptors[name].uses}
    others = [descriptor for name, descriptor in descriptors.items() if name not in causes]
    provided = {service for other in others for service, _ in other.provides} & used
    named_services = {service for service in provided if _ask(image, resources, causes, service)}
    optional |= {
        other.name for other in others if any(service in named_services for service, _ in other.provides)
    }
    return optional


def _ask(
    image: JImage, resources: Mapping[str, list[Resource]], modules: Iterable[str], service: str
) -> bool:
    """Return whether a class in some modules names a service, other than its own: a service that only its own
    class loads (``ToolProvider``) is asked for by programs."""
    word = service.encode()
    for name in modules:
        own = (f"/{name}/{service}.", f"/{name}/{service}$", f"/{name}/{DESCRIPTOR}")
        for resource in resources[name]:
            if word in image.content(resource) and not resource.name.startswith(own):
                return True
    return False


def _compiles(module: str, causes: Mapping[str, Cause]) -> str:
    """Return the reason for which a library with a reached compiler stays whole."""
    cause = causes[module]
    return (
        f"the program can compile sources, which may name any class ({module}, because of "
        f"{cause.name}{f' in {cause.by}' if cause.by else ''})"
    )


def _reach(
    causes: dict[str, Cause], descriptors: Mapping[str, ModuleDescriptor], module: str, cause: Cause
) -> None:
    """Record the cause for which a module stays, and then for each that it requires; the first cause
    counts."""
    pending = [(module, cause)]
    while pending:
        name, why = pending.pop()
        if name in descriptors and name not in causes:
            causes[name] = why
            pending += [
                (required, Cause(name, f"requires {required}")) for required in descriptors[name].requires
            ]


def _reach_providers(
    causes: dict[str, Cause], descriptors: Mapping[str, ModuleDescriptor], providers: Mapping[str, set[str]]
) -> None:
    """Record the providers of services that reached modules use, except for compilers.

    Every program reaches the base module, which uses services that most programs never ask for.
    """
    pending = sorted(causes.keys() - {BASE})
    while pending:
        user = pending.pop()
        for service in descriptors[user].uses:
            for provider in sorted(providers.get(service, set()) - causes.keys()):
                needed = _requirements(descriptors, {provider}) - causes.keys()
                if not needed & COMPILERS:
                    _reach(causes, descriptors, provider, Cause(user, service.replace("/", ".")))
                    pending += sorted(needed)


def _packages(module: str, files: Iterable[Resource]) -> tuple[str, ...]:
    """Return the packages that have classes, with dots."""
    names = {
        resource.name[len(module) + 2 :].rpartition("/")[0]
        for resource in files
        if resource.name.endswith(".class")
    }
    return tuple(sorted(name.replace("/", ".") for name in names if name))


def _by_module(image: JImage) -> Mapping[str, list[Resource]]:
    modules: dict[str, list[Resource]] = {}
    for resource in image.resources:
        if resource.is_file:
            modules.setdefault(resource.module, []).append(resource)
    return modules


def _descriptors(image: JImage, resources: Mapping[str, list[Resource]]) -> Mapping[str, ModuleDescriptor]:
    descriptors = {}
    for name, files in resources.items():
        for resource in files:
            if resource.name == f"/{name}/{DESCRIPTOR}":
                descriptors[name] = module(image.content(resource))
    if BASE not in descriptors:
        raise UnknownClass(f"the class library has no module {BASE}")
    return descriptors


def _of_names(index: ModuleIndex, names: Mapping[str, str]) -> Mapping[str, Cause]:
    """Return the modules that have a class or a package of one of these names, each with that name."""
    causes: dict[str, Cause] = {}
    for owner, own in index.names.items():
        if first := min(own & names.keys(), default=""):
            causes[owner] = Cause(names[first], first.replace("/", "."))
    return causes


def _requirements(descriptors: Mapping[str, ModuleDescriptor], roots: Iterable[str]) -> set[str]:
    """Return modules with everything that they require at run time, if the library has it."""
    result: set[str] = set()
    pending = [name for name in roots if name in descriptors]
    while pending:
        name = pending.pop()
        if name not in result:
            result.add(name)
            pending += [require for require in descriptors[name].requires if require in descriptors]
    return result


def _providers(descriptors: Mapping[str, ModuleDescriptor]) -> Mapping[str, set[str]]:
    """Return the modules that provide each service."""
    providers: dict[str, set[str]] = {}
    for name, descriptor in descriptors.items():
        for service, _ in descriptor.provides:
            providers.setdefault(service, set()).add(name)
    return providers


def _skeleton(image: JImage, descriptor: ModuleDescriptor, resources: Iterable[Resource]) -> set[str]:
    """Return the names of a module's resources that stay if nothing reaches it.

    A user of the service loads and creates a provider, so the classes that it names stay with it, with their
    nested classes.
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
