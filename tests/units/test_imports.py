"""The imports of kept files are units: each line with all that it loads."""

from __future__ import annotations

from collections.abc import Iterable

from tests.languages.text import SourceTree
from tracewhale.languages import Import, LanguageClosure, close
from tracewhale.rootfs.tree import View
from tracewhale.units import Scene, imports

TREE = """
    /app/main.py: import used\\nimport plain\\ndef later():\\n    import used.heavy\\n
    /app/plain.py: import used.part\\n
    /usr/lib/python3/dist-packages/used/__init__.py: import used.eager\\ndef f():\\n import used.optional\\n
    /usr/lib/python3/dist-packages/used/eager.py: x = 1\\n
    /usr/lib/python3/dist-packages/used/optional.py: import used.part\\n
    /usr/lib/python3/dist-packages/used/part.py: x = 1\\n
    /usr/lib/python3/dist-packages/used/heavy.py: from used import part\\n
"""
USED = "/usr/lib/python3/dist-packages/used/__init__.py"


def units(*kept: str) -> Iterable[tuple[str, bool, float, list[str]]]:
    """Each unit: who names it, whether the author's own code does, its worth, the names of its files."""
    view = View(SourceTree(TREE))
    entries = {path: entry for path in kept if (entry := view.lstat(path)) is not None}
    for unit in imports(Scene(view, entries, frozenset(kept)), close(view, kept)):
        names = sorted(entry.path.rpartition("/")[2] for entry in unit.entries)
        yield unit.because, unit.own, unit.worth, names


def test_each_line_comes_with_what_it_loads() -> None:
    found = list(units("/app/main.py", USED))
    assert ("/app/main.py", True, 0.9, ["part.py", "plain.py"]) in found
    assert ("/app/main.py", True, 0.9, ["heavy.py", "part.py"]) in found


def test_what_a_library_names_when_it_is_loaded_is_likelier_than_in_a_function() -> None:
    found = [(worth, names) for because, _, worth, names in units(USED) if because == USED]
    assert found == [(0.6, ["eager.py"]), (0.3, ["optional.py", "part.py"])]


def test_what_is_kept_is_in_no_unit() -> None:
    kept = ("/app/main.py", "/app/plain.py", USED, "/usr/lib/python3/dist-packages/used/eager.py")
    assert all("plain.py" not in names and "eager.py" not in names for *_, names in units(*kept))


def test_what_the_run_only_looked_at_is_followed() -> None:
    seen = "/app/plain.py"
    view = View(SourceTree(TREE))
    kept = {path: entry for path in ("/app/main.py", USED, seen) if (entry := view.lstat(path)) is not None}
    used = frozenset({"/app/main.py", USED})
    found = imports(Scene(view, kept, used), close(view, used))
    by_main = [unit for unit in found if unit.because == "/app/main.py"]
    assert ["part.py"] in [[e.path.rpartition("/")[2] for e in unit.entries] for unit in by_main]


def test_each_command_that_machine_code_names_is_for_itself() -> None:
    tree = SourceTree("/usr/bin/main: m\n/usr/bin/small: s\n/usr/bin/large: l")
    edges = [
        Import("/usr/bin/main", 0, name, f"/usr/bin/{name}", "string in code", True)
        for name in ("small", "large")
    ]
    kept = {"/usr/bin/main": tree.entries["/usr/bin/main"]}
    found = imports(Scene(View(tree), kept, frozenset(kept)), LanguageClosure(tuple(edges)))
    assert [[entry.path for entry in unit.entries] for unit in found] == [
        ["/usr/bin/small"],
        ["/usr/bin/large"],
    ]


def test_a_table_of_plugins_is_no_function_that_may_never_run() -> None:
    tree = SourceTree("""
        /usr/lib/python3/dist-packages/plot/__init__.py: FORMATS = {"pdf": "plot.backends.pdf"}\\n
        /usr/lib/python3/dist-packages/plot/backends/__init__.py: x = 1\\n
        /usr/lib/python3/dist-packages/plot/backends/pdf.py: x = 1\\n
    """)
    view = View(tree)
    path = "/usr/lib/python3/dist-packages/plot/__init__.py"
    kept = {path: tree.entries[path]}
    found = imports(Scene(view, kept, frozenset(kept)), close(view, kept))
    assert [(unit.worth, unit.entries[-1].path.rpartition("/")[2]) for unit in found] == [(0.6, "pdf.py")]


def test_each_name_in_a_long_table_is_less_likely() -> None:
    names = [f"m{number}" for number in range(64)]
    tree = SourceTree("/usr/lib/a.py: a\n" + "\n".join(f"/usr/lib/{name}.py: x" for name in names))
    edges = [
        Import("/usr/lib/a.py", line, name, f"/usr/lib/{name}.py", "string", True)
        for line, name in enumerate(names, 1)
    ]
    kept = {"/usr/lib/a.py": tree.entries["/usr/lib/a.py"]}
    closure = LanguageClosure(tuple(edges), libraries=frozenset(kept))
    found = imports(Scene(View(tree), kept, frozenset(kept)), closure)
    assert {(unit.worth, unit.tier) for unit in found} == {(0.6 * 16 / 64, 1)}
