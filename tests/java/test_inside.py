"""The packages or classes that stay inside of a module that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.java.images import class_file, image, module_info
from tracewhale.java.inside import LibraryNames, trim
from tracewhale.java.jimage import JImage
from tracewhale.java.model import Cause, LibraryUnit, Selection
from tracewhale.java.modules import select

BASE = {
    "java/lang/Object": class_file(),
    "java/lang/Listed": class_file(),
    "java/net/URL": class_file("sun.net.www.protocol"),
    "java/net/Unused": class_file(),
    "java/nio/Charset": class_file("sun.nio.cs.\1", "(Ljava/util/Map<Ljava/lang/Type;>;)V"),
    "java/lang/Type": class_file(),
    "java/util/Map": class_file(classes=("java/util/Map$Entry",)),
    "java/util/Map$Entry": class_file(),
    "java/util/Maps": class_file(),
    "java/util/Texts": class_file(),
    "java/util/Texts_de": class_file(),
    "java/util/Texts_other": class_file(),
    "java/util/Computed": class_file("java.text.Format"),
    "java/text/FormatLong": class_file(),
    "java/text/spi/FormatOther": class_file(),
    "java/text/Other": class_file(),
    "java/lang/Native": class_file(classes=("java/text/Other",)),
    "sun/net/www/protocol/http/Handler": class_file(),
    "sun/net/www/protocol/jar/Handler": class_file(),
    "sun/net/spi/Other": class_file(),
    "sun/nio/cs/Latin": class_file(),
    "jdk/internal/module/SystemModules$all": class_file(
        "java.net.Unused", "sun.net.spi", "java.util", classes=("java/lang/Type",)
    ),
    "jdk/internal/module/SystemModulesMap": class_file(classes=("jdk/internal/module/SystemModules$all",)),
    "s/Service": class_file(),
    "s/Never": class_file(),
}
TOOL = {
    "t/Maker": class_file(classes=("t/Part",)),
    "t/Part": class_file(),
    "t/Never": class_file(),
    "t/Native": class_file(),
}


def library() -> JImage:
    files = {
        "/java.base/module-info.class": module_info("java.base"),
        "/java.base/java/util/table.properties": b"key=s.Service\nother=value.of",
        "/jdk.tool/module-info.class": module_info(
            "jdk.tool", ("java.base",), provides={"s/Service": ("t/Maker",), "s/Never": ("t/Never",)}
        ),
        **{f"/java.base/{name}.class": data for name, data in BASE.items()},
        **{f"/jdk.tool/{name}.class": data for name, data in TOOL.items()},
    }
    return JImage(image(files))


def kept(names: tuple[str, ...], unit: LibraryUnit, *, runtime: tuple[str, ...] = ()) -> set[str]:
    """Return the classes that stay if the program has some names, and the runtime's own files others."""
    dropped = trimmed(names, unit, runtime=runtime).dropped
    classes = {f"/java.base/{name}.class": name for name in BASE} | {
        f"/jdk.tool/{name}.class": name for name in TOOL
    }
    return {name for path, name in classes.items() if path not in dropped}


def trimmed(names: tuple[str, ...], unit: LibraryUnit, *, runtime: tuple[str, ...] = ()) -> Selection:
    own = LibraryNames(
        dict.fromkeys(names, "/app.jar"),
        dict.fromkeys(runtime, "/libjvm.so"),
        frozenset(["java/lang/Listed"]),
    )
    return trim(library(), select(library(), own.program), own, unit)


SERVED = {"s/Service", "t/Maker", "t/Part"}
"""A table of the library names the service, which reaches its provider."""

ALWAYS = {"java/lang/Listed", *SERVED}


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("java/util/Map", {"java/util/Map", "java/util/Map$Entry"}),
        ("java/util/Texts", {"java/util/Texts", "java/util/Texts_de"}),
        ("java/util/Computed", {"java/util/Computed", "java/text/FormatLong"}),
        ("java/net/URL", {"java/net/URL", *(n for n in BASE if n.startswith("sun/net/www/"))}),
        (
            "java/nio/Charset",
            {
                "java/nio/Charset",
                "java/lang/Type",
                "java/util/Map",
                "java/util/Map$Entry",
                "sun/nio/cs/Latin",
            },
        ),
        (
            "jdk/internal/module/SystemModules$all",
            {"jdk/internal/module/SystemModules$all", "java/lang/Type"},
        ),
        (
            "jdk/internal/module/SystemModulesMap",
            {
                "jdk/internal/module/SystemModulesMap",
                "jdk/internal/module/SystemModules$all",
                "java/lang/Type",
            },
        ),
        ("java/text", {"java/text/FormatLong", "java/text/Other"}),
        ("s/Never", {"s/Never", "t/Never"}),
        ("none/Such", set()),
    ],
    ids=[
        "type",
        "bundle",
        "begin of a name",
        "family",
        "concatenation",
        "table",
        "map of tables",
        "package",
        "service",
        "other",
    ],
)
def test_a_class_reaches_what_its_constants_name(name: str, reached: set[str]) -> None:
    assert kept((name,), LibraryUnit.CLASSES) == ALWAYS | reached


def test_a_package_stays_whole_with_what_it_reaches() -> None:
    assert kept(("java/util/Map",), LibraryUnit.PACKAGES) == {
        *(
            name
            for name in BASE
            if name.startswith(("java/lang/", "java/util/", "java/text/F", "java/text/O"))
        ),
        *TOOL,
        "s/Service",
        "s/Never",
    }


def test_names_in_the_runtime_count_but_for_single_classes_of_small_modules() -> None:
    """A native library of the JVM names classes of modules that it can do without."""
    runtime = ("java/lang/Native", "t/Native")
    assert kept((), LibraryUnit.CLASSES, runtime=runtime) == ALWAYS | {"java/lang/Native", "java/text/Other"}
    assert kept(("t/Part",), LibraryUnit.CLASSES, runtime=runtime) >= {"t/Native"}
    assert kept((), LibraryUnit.PACKAGES, runtime=runtime) >= {"t/Native", "java/lang/Native"}


@pytest.mark.parametrize(
    ("unit", "causes"),
    [
        (
            LibraryUnit.CLASSES,
            {
                "java.util.Map": Cause("/app.jar", "java.util.Map"),
                "java.util.Map$Entry": Cause("java.util.Map", "java.util.Map$Entry"),
                "java.util": None,
                "t.Maker": Cause("s.Service", "t.Maker"),
                "s.Service": Cause("java.base", "s.Service"),
                "java.lang.Listed": Cause("", "java-class-list"),
                "java.net": None,
            },
        ),
        (
            LibraryUnit.PACKAGES,
            {
                "java.util": Cause("/app.jar", "java.util.Map"),
                "java.text": Cause("java.util", "java.text.FormatLong"),
                "java.net": None,
                "t": Cause("", "java-small-module"),
            },
        ),
    ],
)
def test_each_part_has_its_cause(unit: LibraryUnit, causes: Mapping[str, Cause | None]) -> None:
    inside = {part.name: part.cause for part in trimmed(("java/util/Map",), unit).inside}
    assert {name: inside[name] for name in causes} == causes


@pytest.mark.parametrize("unit", [LibraryUnit.PACKAGES, LibraryUnit.CLASSES])
def test_data_of_locales_stay_whole(unit: LibraryUnit) -> None:
    """Their names are made of parts: ``sun.text.resources``, ``ext``, ``FormatData`` and ``de``."""
    files = {
        "/java.base/module-info.class": module_info("java.base"),
        "/java.base/java/util/Locale.class": class_file(),
        "/jdk.localedata/module-info.class": module_info("jdk.localedata", ("java.base",)),
        "/jdk.localedata/sun/text/resources/ext/FormatData_de.class": class_file(),
    }
    own = LibraryNames({"java/util/Locale": "/app.jar"}, {}, frozenset())
    data = JImage(image(files))
    assert trim(data, select(data, own.program), own, unit).unreached == (0, 0)


def test_what_is_dropped_is_counted() -> None:
    names = ("java/util/Map",)
    selection = trimmed(names, LibraryUnit.CLASSES)
    gone = {*BASE, *TOOL} - kept(names, LibraryUnit.CLASSES)
    assert selection.unreached == (len(gone), sum(len({**BASE, **TOOL}[name]) for name in gone))
    assert replace(selection, dropped=frozenset(), inside=(), unreached=(0, 0)) == select(
        library(), dict.fromkeys(names, "/app.jar")
    )
