"""The choice of a class library's modules, and the rest of the others."""

from __future__ import annotations

import pytest

from tests.java.images import class_file, image, module_info
from tracewhale.java.classfile import UnknownClass, class_names, module
from tracewhale.java.jimage import JImage
from tracewhale.java.model import Cause
from tracewhale.java.modules import SMALL, select
from tracewhale.java.shrink import OTHER_LOCALE

LARGE = b"x" * SMALL


def library() -> JImage:
    files = {
        "/java.base/module-info.class": module_info("java.base", uses=("java/util/spi/Tool",)),
        "/java.base/java/lang/Object.class": class_file(),
        "/java.sql/module-info.class": module_info("java.sql", ("java.base", "java.xml"), optional=("x",)),
        "/java.sql/java/sql/Driver.class": class_file(),
        "/java.xml/module-info.class": module_info("java.xml", ("java.base",)),
        "/java.xml/javax/xml/Big.class": class_file(),
        "/java.xml/javax/xml/data": LARGE,
        "/jdk.small/module-info.class": module_info("jdk.small", ("java.base",)),
        "/jdk.small/small/A.class": class_file(),
        "/jdk.tool/module-info.class": module_info(
            "jdk.tool", ("java.base",), provides={"java/util/spi/Tool": ("tool/Maker",)}
        ),
        "/jdk.tool/tool/Maker.class": class_file(classes=("tool/Needed", "java/lang/Object")),
        "/jdk.tool/tool/Maker$Inner.class": class_file(),
        "/jdk.tool/tool/Needed.class": class_file(),
        "/jdk.tool/tool/Other.class": class_file() + LARGE,
        "/jdk.tool/tool/sub/One.class": class_file(),
        "/jdk.tool/tool/sub/Longer.class": class_file("a longer one"),
    }
    return JImage(image(files))


def test_a_module_that_is_named_keeps_what_it_requires() -> None:
    selection = select(library(), {"java/sql/Driver": "/a.jar"})
    assert [each.module for each in selection.left_out] == ["jdk.tool"]


def test_large_modules_that_nothing_names_keep_a_skeleton() -> None:
    selection = select(library(), {"java/lang/Object": "/a.jar"})
    assert [each.module for each in selection.left_out] == ["jdk.tool", "java.xml"]
    assert sorted(selection.dropped) == [
        "/java.xml/javax/xml/data",
        "/jdk.tool/tool/Other.class",
        "/jdk.tool/tool/sub/Longer.class",
    ]


def test_a_program_that_asks_for_a_service_keeps_its_providers_whole() -> None:
    selection = select(library(), {"java/util/spi/Tool": "/a.jar"})
    assert "jdk.tool" not in [each.module for each in selection.left_out]


def test_a_module_that_stays_keeps_the_providers_of_services_that_it_uses() -> None:
    files = {
        "/java.base/module-info.class": module_info("java.base", uses=("s/Base",)),
        "/java.user/module-info.class": module_info("java.user", ("java.base",), uses=("s/Used", "s/Tool")),
        "/java.user/user/A.class": class_file(),
        "/jdk.base/module-info.class": module_info("jdk.base", ("java.base",), provides={"s/Base": ("b/B",)}),
        "/jdk.base/data": LARGE + LARGE,
        "/jdk.used/module-info.class": module_info("jdk.used", ("java.base",), provides={"s/Used": ("u/U",)}),
        "/jdk.used/data": LARGE + LARGE,
        "/jdk.compiler/module-info.class": module_info(
            "jdk.compiler", ("java.base",), provides={"s/Tool": ("t/T",)}
        ),
        "/jdk.compiler/data": LARGE + LARGE,
    }
    selection = select(JImage(image(files)), {"user/A": "/a.jar"})
    assert [each.module for each in selection.left_out] == ["jdk.base", "jdk.compiler"]
    assert {part.module: part.cause for part in selection.parts}["jdk.used"] == Cause("java.user", "s.Used")


def test_a_module_that_an_option_names_is_kept() -> None:
    selection = select(library(), {}, {"java.xml": ""})
    assert [each.module for each in selection.left_out] == ["jdk.tool"]


def test_with_a_compiler_the_library_stays_whole() -> None:
    files = {
        "/java.base/module-info.class": module_info("java.base"),
        "/jdk.compiler/module-info.class": module_info("jdk.compiler", ("java.base",)),
        "/jdk.compiler/com/sun/tools/javac/Main.class": class_file(),
        "/java.xml/module-info.class": module_info("java.xml"),
        "/java.xml/data": LARGE + LARGE,
    }
    selection = select(JImage(image(files)), {"com/sun/tools/javac/Main": "/a.jar"})
    assert selection.dropped == frozenset()
    assert "compile" in selection.note


def test_each_module_that_stays_has_a_cause() -> None:
    selection = select(library(), {"java/sql": "/a.jsp"})
    causes = {part.module: part.cause for part in selection.parts}
    assert causes == {
        "java.base": Cause("", "java-base"),
        "java.sql": Cause("/a.jsp", "java.sql"),
        "java.xml": Cause("java.sql", "requires java.xml"),
        "jdk.small": Cause("", "java-small-module"),
        "jdk.tool": None,
    }
    assert {part.module: part.packages for part in selection.parts}["jdk.tool"] == ("tool", "tool.sub")


@pytest.mark.parametrize(("name", "kept"), [("java/util/Locale", True), ("java/util/List", False)])
def test_locale_data_stays_where_a_program_can_ask_for_it(name: str, kept: bool) -> None:
    files = {
        "/java.base/module-info.class": module_info("java.base"),
        "/jdk.localedata/module-info.class": module_info("jdk.localedata", ("java.base",)),
        "/jdk.localedata/sun/text/de.class": class_file() + LARGE,
        "/jdk.localedata/sun/text/a.class": class_file(),
    }
    found = JImage(image(files))
    left_out = [each.module for each in select(found, {name: "/a.jar"}).left_out]
    assert left_out == ([] if kept else ["jdk.localedata"])
    assert select(found, {name: "/a.jar"}, locales=True).left_out == ()


@pytest.mark.parametrize(
    ("words", "other"),
    [
        ("LANG=de_DE.UTF-8", True),
        ("LC_ALL=fr", True),
        ("-Duser.language=ja", True),
        ("LANG=C.UTF-8", False),
        ("LANG=en_US.UTF-8", False),
        ('"LANG="', False),
        ("GOLANG=1.2", False),
    ],
)
def test_a_request_may_ask_for_another_locale(words: str, other: bool) -> None:
    assert (OTHER_LOCALE.search(words) is not None) is other


def test_names_in_a_class_file() -> None:
    data = class_file(
        "(Ljava/sql/Driver;[Ljava/util/List<Ljava/net/URI;>;I)V",
        "java.awt.Window",
        "a text",
        "x",
        classes=("a/B",),
    )
    assert class_names(data) == {
        "java/sql/Driver",
        "java/util/List",
        "java/net/URI",
        "java/awt/Window",
        "a/B",
    }


def test_a_descriptor() -> None:
    found = module(module_info("m", ("a", "b"), ("s/S",), {"p/P": ("i/A", "i/B")}, optional=("never",)))
    assert (found.name, found.requires, found.uses) == ("m", ("a", "b"), ("s/S",))
    assert found.provides == (("p/P", ("i/A", "i/B")),)


@pytest.mark.parametrize(
    "data", [b"", b"\xca\xfe\xba\xbe", class_file()[:20], class_file(), module_info("m")[:-6]]
)
def test_another_file_is_no_descriptor(data: bytes) -> None:
    with pytest.raises(UnknownClass):
        module(data)


@pytest.mark.parametrize(
    ("name", "asked", "offered", "flags", "stays"),
    [
        ("java.part", "", (), 0, True),
        ("jdk.part", "", (), 0, False),
        ("jdk.part", "p/A", (), 0, True),
        ("jdk.part", "", ("p/A",), 0, True),
        ("jdk.part", "", ("jdk/part",), 0, True),
        ("jdk.part", "", ("p/A",), 1, False),
        ("jdk.part", "s/Used", (), 0, True),
        ("jdk.part", "s/Alone", (), 0, False),
    ],
    ids=["standard", "other", "named", "class", "module", "incubator", "service", "tool"],
)
def test_a_small_module_stays_if_something_may_ask_for_it(
    name: str, asked: str, offered: tuple[str, ...], flags: int, stays: bool
) -> None:
    """A service for which only its own class asks is of no use to a program that does not name that class."""
    service = asked if asked.startswith("s/") else "s/Other"
    files = {
        "/java.base/module-info.class": module_info("java.base", uses=("s/Used", "s/Alone")),
        "/java.base/s/Used.class": class_file(),
        "/java.base/s/User.class": class_file(classes=("s/Used",)),
        "/java.base/s/Alone.class": class_file(classes=("s/Alone",)),
        "/java.base/s/Alone$1.class": class_file(classes=("s/Alone",)),
        f"/{name}/module-info.class": module_info(
            name, ("java.base",), provides={service: ("p/A",)}, resolution=flags
        ),
        f"/{name}/p/A.class": class_file(),
        f"/{name}/p/B.class": class_file() + bytes(SMALL // 2),
    }
    names = {asked: "/a.jar"} if asked and not asked.startswith("s/") else {}
    selection = select(JImage(image(files)), names, {}, offered)
    assert (name not in [module.module for module in selection.left_out]) is stays
