"""The code keeps the promises of docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tracewhale"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 350

LAYERS = {
    "errors": "",
    "printable": "",
    "platforms": "",
    "patterns": "errors",
    "rootfs": "errors platforms",
    "tracing": "errors",
    "driving": "errors tracing",
    "probe": "errors",
    "closure": "errors patterns printable rootfs",
    "languages": "errors rootfs",
    "rules": "errors patterns rootfs",
    "packages": "errors rootfs",
    "units": "errors rootfs languages rules packages",
    "java": "rootfs",
    "plan": "errors printable rootfs tracing closure languages rules packages java units",
    "adoption": "rootfs tracing",
    "diagnosis": "errors printable rootfs tracing driving closure packages java",
    "why": "errors printable rootfs plan",
    "diff": "errors printable rootfs tracing packages",
    "watching": "rootfs tracing",
    "verification": "errors rootfs tracing driving plan",
    "report": "errors printable rootfs tracing driving packages units java plan why verification",
    "image": "errors rootfs packages plan why",
    "running": "errors rootfs tracing driving",
    "engines": "errors platforms rootfs tracing driving probe image running adoption",
    "outcome": "errors printable tracing",
    "project": "errors tracing",
    "context": "errors rootfs tracing running engines",
    "stages": "errors context rootfs tracing outcome project plan verification report image running engines",
    "class_loading": "errors java tracing plan running engines stages",
    "repetition": "context rootfs tracing plan verification image running engines stages",
    "examine": "errors context platforms printable rootfs tracing diagnosis verification running engines "
    "stages",
    "repair": "errors context rootfs diagnosis plan image engines stages examine",
    "pipeline": "errors context rootfs tracing outcome project plan adoption watching verification report "
    "image running engines stages class_loading repetition examine",
    "doctor": "errors probe running engines",
    "cli": "errors context printable rootfs tracing driving probe closure rules units plan verification "
    "report "
    "image running engines project doctor watching pipeline diagnosis examine repair why diff",
    "__main__": "cli",
}
"""Each part of the package, from the bottom up, and all that it may import of the others."""

LIBRARIES = {
    "click": "cli",
    "cyclonedx": "image.sbom",
    "docker": "engines.docker",
    "elftools": "closure",
    "jinja2": "report.page",
    "markupsafe": "report.page",
    "license_expression": "image.sbom",
    "packageurl": "image.sbom",
    "ptrace": "tracing",
    "rich": "cli",
    "spdx_tools": "image.sbom",
    "textual": "cli.browser",
    "tree_sitter": "languages",
}
"""Third-party libraries, each with the one part that knows it."""

SPEAKING = {"print", "input", "exit", "quit", "breakpoint"}
"""Built-in functions that are the command line's to call."""


def name_of(path: Path) -> str:
    """A module's dotted name below the package: ``closure.elf``, empty for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


LIBRARY = [path for path in MODULES if name_of(path).split(".")[0] not in ("cli", "__main__")]
"""All but the command line and the process that starts it."""

NAMES = {name_of(path): path for path in MODULES}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of every module imported, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            module = node.module or ""
            for alias in node.names:
                submodule = f"{module}.{alias.name}"
                yield node.lineno, submodule if internal(submodule) in NAMES else module


def internal(module: str) -> str | None:
    """The name below the package of a module of ours, None for another's."""
    return module.removeprefix("tracewhale").lstrip(".") if module.split(".")[0] == "tracewhale" else None


def belongs(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def test_layers_name_only_what_lies_below() -> None:
    below: set[str] = set()
    for part, allowed in LAYERS.items():
        assert set(allowed.split()) <= below, part
        below.add(part)


def test_every_module_has_its_layer() -> None:
    assert {name.split(".")[0] for name in NAMES} - {""} == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    part = name_of(path).split(".")[0]
    allowed = {part, *LAYERS.get(part, "").split()}
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for line, module in imports(path)
        if (name := internal(module)) and name.split(".")[0] not in allowed
    ]
    assert upward == []


def test_no_module_imports_itself_through_others() -> None:
    graph = {
        name: {found for _, module in imports(path) if (found := internal(module)) in NAMES and found != name}
        for name, path in NAMES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_no_unit_of_the_probe_includes_itself_through_others() -> None:
    graph: dict[str, set[str]] = {}
    for path in sorted((ROOT / "probes").rglob("*.[ch]")):
        included = re.findall(r'^#include "(?:\.\./)*(?:\w+/)*(\w+)\.h"', path.read_text(), re.MULTILINE)
        graph.setdefault(path.stem, set()).update(set(included) - {path.stem})
    assert len(graph) > 20
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_library_is_known_to_one_part(path: Path) -> None:
    strangers = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for line, module in imports(path)
        if (home := LIBRARIES.get(module.split(".")[0])) and not belongs(name_of(path), home)
    ]
    assert strangers == []


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_the_library_neither_prints_nor_exits(path: Path) -> None:
    assert list(spoken(ast.parse(path.read_text()))) == []


def spoken(tree: ast.AST) -> Iterator[str]:
    """Calls that print or exit, and the raising of SystemExit."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKING:
            yield f"line {node.lineno}: {node.func.id}()"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.exit", "os._exit", "os.abort"):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Name) and node.id == "SystemExit":
            yield f"line {node.lineno}: SystemExit"


@pytest.mark.parametrize(
    "code", ["print('x')", "import sys\nsys.exit(1)", "raise SystemExit", "exit()", "def f():\n    input()"]
)
def test_printing_and_exiting_are_seen(code: str) -> None:
    assert len(list(spoken(ast.parse(code)))) == 1


DOCUMENT = ROOT / "docs" / "architecture.md"
TASKS = 12
"""The least number of everyday tasks that the document answers."""


def tables() -> list[list[str]]:
    """Return the rows of the document's first two tables, each as its cells."""
    text = DOCUMENT.read_text()
    lines = text[text.index("## Map") : text.index("## Stages")].splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| ") and not line.startswith(("| folder", "| to do"))
    ]


def test_every_path_of_the_map_exists() -> None:
    named = {path for row in tables() for cell in row for path in re.findall(r"`([\w./-]+/[\w./-]*)`", cell)}
    assert len(named) > TASKS
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_room_is_on_the_map() -> None:
    first = {row[0].strip("`").rstrip("/") for row in tables()}
    rooms = {f"tracewhale/{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(rooms - first) == []


def test_the_glossary_explains_each_word_once() -> None:
    section = DOCUMENT.read_text().split("## Glossary")[1].split("\n## ")[0]
    words = [word for word in re.findall(r"^\| ([\w ]+) \| ", section, re.MULTILINE) if word != "word"]
    assert len(words) >= 20
    assert len(set(words)) == len(words)


def test_no_two_classes_share_a_name() -> None:
    """One word has one meaning: a reader who searches for a class finds one."""
    homes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name_of(path))
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_modules_are_short() -> None:
    sources = [*MODULES, *(ROOT / "probes").rglob("*.[ch]"), ROOT / "probes" / "build.py"]
    lengths = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in sources}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}
