"""Class libraries of which a plan keeps a part, and what belongs to them."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from tests.java.images import class_file, image, module_info
from tests.java.test_archive import FIRST, archive
from tests.trees import MemoryTree
from tests.units.scenes import image as installed
from tracewhale.java.jimage import JImage
from tracewhale.java.model import LibraryUnit
from tracewhale.java.shrink import OTHER_LOCALE, Shrinker
from tracewhale.languages import Environment
from tracewhale.plan.model import Options, PlannedPath
from tracewhale.plan.passes import make_plan
from tracewhale.plan.reasons import Reason
from tracewhale.plan.shrinking import command_words, shrink_files
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Trace
from tracewhale.units import Level

LIB = "/jdk/lib"
NATIVE = ("java_awt_Main_x", "java_lang_Object_x", "")
"""The native methods of some libraries."""

TREE = f"""
{LIB}/modules: library
{LIB}/ct.sym: signatures
{LIB}/server/classes.jsa: archive
{LIB}/server/classes_nocoops.jsa: archive
/jdk/bin/jpackage: jdk.jpackage
/jdk/bin/javac: nothing
"""
LIBRARY = image(
    {
        "/java.base/module-info.class": module_info("java.base"),
        "/jdk.compiler/module-info.class": module_info("jdk.compiler", ("java.base",)),
        "/jdk.compiler/com/sun/tools/javac/Main.class": class_file(),
        "/jdk.jpackage/module-info.class": module_info("jdk.jpackage", ("java.base", "jdk.compiler")),
        "/jdk.compiler/data": bytes(2_500_000),
    }
)
UNIT = ("ct.sym", "classes_nocoops.jsa", "jpackage", "javac")


def tree() -> MemoryTree:
    memory = MemoryTree(TREE)
    classes = archive((FIRST, b"classes " + struct.pack("<q", len(LIBRARY))))
    for path, content in {f"{LIB}/modules": LIBRARY, f"{LIB}/server/classes.jsa": classes}.items():
        memory.put(path, content)
    return memory


def kept(memory: MemoryTree, asked: str = "") -> dict[str, PlannedPath]:
    """Return a plan's paths: of the package's own files only ``asked`` was asked for by the program."""

    def reason(path: str) -> Reason:
        name = path.rpartition("/")[2]
        return Reason("unit" if name in UNIT and name != asked else "access", "java")

    return {
        path: PlannedPath(replace(entry, mode=0o755), (reason(path),))
        for path, entry in memory.entries.items()
    }


def test_an_archive_fits_and_what_nothing_uses_goes() -> None:
    memory = tree()
    new, (library,) = shrink_files(Shrinker(View(memory)), kept(memory))
    content = new[f"{LIB}/server/classes.jsa"].content
    assert content is not None
    assert struct.pack("<q", library.after) in content
    assert new[f"{LIB}/server/classes.jsa"].entry.size == len(content)
    assert library.dropped == (f"{LIB}/server/classes_nocoops.jsa", f"{LIB}/ct.sym")
    assert not new.keys() & set(library.dropped)


@pytest.mark.parametrize(("asked", "whole"), [("", False), ("jpackage", True)])
def test_a_launcher_counts_only_if_something_asked_for_it(asked: str, whole: bool) -> None:
    memory = tree()
    _, (library,) = shrink_files(Shrinker(View(memory)), kept(memory, asked))
    assert (library.before == library.after) is whole


def test_a_compiler_that_is_kept_can_be_used() -> None:
    memory = tree()
    memory.put("/jdk/bin/javac", b"jdk.compiler/com.sun.tools.javac.Main")
    _, (library,) = shrink_files(Shrinker(View(memory)), kept(memory))
    assert library.before == library.after
    assert "com.sun.tools.javac" not in library.note
    assert "/jdk/bin/javac" in library.note


@pytest.mark.parametrize("requested", [True, False], ids=["requested", "configured"])
@pytest.mark.parametrize(
    ("command", "whole"), [(("java", "App.java"), True), (("java", "-jar", "app.jar"), False)]
)
def test_sources_that_java_runs_need_the_compiler(
    command: tuple[str, ...], whole: bool, requested: bool
) -> None:
    memory = tree()
    words = (
        command_words({"command": command}, Environment())
        if requested
        else command_words({}, Environment(words=command))
    )
    _, (library,) = shrink_files(Shrinker(View(memory), words), kept(memory))
    assert (library.before == library.after) is whole


def test_variables_of_the_configuration_count() -> None:
    words = command_words({}, Environment((("LANG", "de_DE.UTF-8"),)))
    assert OTHER_LOCALE.search(words)


@pytest.mark.parametrize(
    ("unit", "words", "gone"),
    [
        (LibraryUnit.MODULES, "", ()),
        (LibraryUnit.PACKAGES, "", ("sun/o/Other",)),
        (LibraryUnit.CLASSES, "", ("sun/o/Other", "sun/p/Other")),
        (LibraryUnit.CLASSES, "-Dhandler=sun.o.Other", ("sun/p/Other",)),
    ],
)
def test_the_unit_says_what_goes_inside_of_a_module(
    unit: LibraryUnit, words: str, gone: tuple[str, ...]
) -> None:
    """The native library of the runtime names one class, which is in a package with another."""
    files = {
        f"/java.base/{name}.class": class_file() for name in ("sun/p/Native", "sun/p/Other", "sun/o/Other")
    }
    memory = MemoryTree(f"{LIB}/libjvm.so: -sun/p/Native-\n{LIB}/modules: library\n")
    memory.put(f"{LIB}/modules", image({"/java.base/module-info.class": module_info("java.base"), **files}))
    new, (library,) = shrink_files(Shrinker(View(memory), words, unit), kept(memory))
    content = new[f"{LIB}/modules"].content
    left_out = JImage(content).left_out() if content is not None else ()
    assert set(left_out) == {f"/java.base/{name}.class" for name in gone}
    assert library.unreached[0] == len(gone)


def test_a_library_without_modules_stays_whole_and_is_named() -> None:
    memory = MemoryTree(
        "/jdk8/jre/lib/rt.jar: PK\n/jdk8/jre/lib/amd64/server/libjvm.so: ELF\n/app/lib/rt.jar: PK\n"
    )
    new, (library,) = shrink_files(Shrinker(View(memory)), kept(memory))
    assert (library.path, library.note) == (
        "/jdk8/jre/lib/rt.jar",
        "it is that of Java 8 or older, which has no modules",
    )
    assert new["/jdk8/jre/lib/rt.jar"].content is None


@pytest.mark.parametrize(
    ("command", "drawn"), [(("/jdk/bin/java",), False), (("/jdk/bin/java", "java.awt.Main"), True)]
)
def test_native_libraries_of_modules_that_are_left_out_are_no_part_of_the_package(
    command: tuple[str, ...], drawn: bool
) -> None:
    library = image(
        {
            "/java.base/module-info.class": module_info("java.base"),
            "/java.base/java/lang/Object.class": class_file(),
            "/java.desktop/module-info.class": module_info("java.desktop", ("java.base",)),
            "/java.desktop/java/awt/Main.class": class_file(),
            "/java.desktop/data": bytes(2_500_000),
        }
    )
    names = ("libawt", "libnet", "libagent")
    methods = (f"\0Java_{method}\0".encode() for method in NATIVE)
    files = {f"{LIB}/{name}.so": method for name, method in zip(names, methods, strict=True)}
    paths = ("/jdk/bin/java", f"{LIB}/modules", f"{LIB}/server/classes_other.jsa", *files)
    lists = {"/var/lib/dpkg/info/client.list": "\n".join(paths)}
    made = installed(*(f"{path}: f" for path in paths), files=lists)
    for path, content in {**files, f"{LIB}/modules": library}.items():
        made.tree.put(path, content)
    events = frozenset(
        Event(path, "read", "/jdk/bin/java", present=True) for path in ("/jdk/bin/java", f"{LIB}/modules")
    )
    trace = Trace("t", "i", "p", {"command": command}, events)
    options = Options(level=Level.PACKAGE, shrink={"java": "modules"})
    plan = make_plan(View(made.tree), trace, options)
    useless = {f"{LIB}/libawt.so", f"{LIB}/server/classes_other.jsa"}
    assert set(paths) - plan.kept.keys() == (set() if drawn else useless)


def test_a_class_that_a_run_loaded_stays_with_its_module() -> None:
    """Every JVM loads the class of locales: that says nothing of other languages."""
    names = (
        "java.base/java/util/Locale",
        "java.base/sun/o/Other",
        "java.sql/java/sql/Some",
        "java.xml/x/Any",
    )
    modules = ("java.base", "java.sql", "java.xml", "jdk.localedata")
    large = [f"/{name}/data" for name in modules]
    memory = MemoryTree(f"{LIB}/modules: library\n")
    memory.put(
        f"{LIB}/modules",
        image(
            {f"/{name}/module-info.class": module_info(name) for name in modules}
            | {f"/{name}.class": class_file() for name in names}
            | dict.fromkeys(large, bytes(2_500_000))
        ),
    )
    loaded = frozenset({"java/util/Locale", "java/sql/Some"})
    shrinker = Shrinker(View(memory), "", LibraryUnit.CLASSES, loaded)
    content = shrink_files(shrinker, kept(memory))[0][f"{LIB}/modules"].content
    assert content is not None
    left_out = set(JImage(content).left_out())
    assert left_out == {"/java.base/sun/o/Other.class", "/java.xml/data", "/jdk.localedata/data"}


@pytest.mark.parametrize(
    ("command", "whole"), [(("java", "-jar", "a.jar"), False), (("java", "A.java"), True)]
)
def test_of_a_copied_jdk_the_compiler_stays_if_the_command_needs_it(
    command: tuple[str, ...], whole: bool
) -> None:
    """Without a package, its directory counts as the author's own files."""
    names = {"java.base/java/lang/Object", "jdk.compiler/com/sun/tools/javac/Main"}
    modules = {"java.base": (), "jdk.compiler": ("java.base",)}
    library = image(
        {f"/{name}/module-info.class": module_info(name, needs) for name, needs in modules.items()}
        | {f"/{name}.class": class_file() for name in names}
        | {"/jdk.compiler/data": bytes(2_500_000)}
    )
    memory = MemoryTree(
        "/opt/jdk/bin/java: j\n/opt/jdk/bin/javac: c\n/opt/jdk/bin/rmi: r\n/opt/jdk/lib/modules: m\n"
    )
    memory.put("/opt/jdk/bin/javac", b"jdk.compiler/com.sun.tools.javac.Main")
    memory.put("/opt/jdk/lib/modules", library)
    events = frozenset(
        Event(path, "read", "/opt/jdk/bin/java", present=True)
        for path in ("/opt/jdk/bin/java", "/opt/jdk/lib/modules")
    )
    options = Options(level=Level.PACKAGE, shrink={"java": "modules"})
    plan = make_plan(View(memory), Trace("t", "i", "p", {"command": command}, events), options)
    assert "/opt/jdk/bin/rmi" in plan.kept
    assert ("/opt/jdk/bin/javac" in plan.kept) is whole
    assert (plan.kept["/opt/jdk/lib/modules"].content is None) is whole
