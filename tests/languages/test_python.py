"""Python's imports in small trees."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from tests.languages.text import SourceTree, closed, edges, misses
from tracewhale.languages import ClosureLimits, close
from tracewhale.rootfs.tree import View

LIB = "/usr/lib/python3.11"


def test_every_import_of_a_module_is_followed() -> None:
    tree = f"""
        {LIB}/os.py: import stat\\n
        {LIB}/stat.py: x = 1\\n
        {LIB}/__pycache__/stat.cpython-311.pyc: c
        {LIB}/json/__init__.py: from .decoder import JSONDecoder\\n
        {LIB}/json/decoder.py: from json import scanner\\n
        {LIB}/json/scanner.py: x = 1\\n
        /app/main.py: def f():\\n    import json\\n
    """
    assert edges(closed(tree, [f"{LIB}/os.py", "/app/main.py"])) == "\n".join(
        [
            f"{LIB}/os.py:1 stat -> {LIB}/stat.py (import)",
            f"/app/main.py:2 json -> {LIB}/json/__init__.py (import, lazy)",
            f"{LIB}/json/__init__.py:1 decoder -> {LIB}/json/decoder.py (from)",
            f"{LIB}/json/decoder.py:1 json -> {LIB}/json/__init__.py (from)",
            f"{LIB}/json/decoder.py:1 json.scanner -> {LIB}/json/scanner.py (from)",
        ]
    )


def test_a_future_statement_loads_a_module_as_well() -> None:
    tree = f"""
        /app/a.py: from __future__ import annotations\\nx = 1\\n
        {LIB}/__future__.py: x
        {LIB}/os.py: x
    """
    expected = f"/app/a.py:1 __future__ -> {LIB}/__future__.py (from)"
    assert edges(closed(tree, ["/app/a.py", f"{LIB}/os.py"])) == expected


def test_an_example_in_a_document_names_nothing_though_it_is_the_last_import() -> None:
    """The text behind the last import is not parsed, unless that is in the middle of a string."""
    tree = """
        /app/a.py: def f():\\n    import b\\ndef g():\\n    \'\'\'\\nimport c\\nas in:\\nx = (\\n\'\'\'\\n
        /app/b.py: x
        /app/c.py: x
    """
    assert edges(closed(tree, ["/app/a.py"])) == "/app/a.py:2 b -> /app/b.py (import, lazy)"


def test_what_follows_the_last_import_changes_nothing() -> None:
    tree = """
        /app/a.py: def f():\\n    import b\\nclass C:\\n    x = 1\\n
        /app/b.py: x
    """
    assert edges(closed(tree, ["/app/a.py"])) == "/app/a.py:2 b -> /app/b.py (import, lazy)"


def test_comments_strings_and_type_checking_name_nothing() -> None:
    tree = """
        /app/a.py: # import b\\nx = "import b"\\nif TYPE_CHECKING:\\n    import b\\n
        /app/b.py: x
    """
    assert edges(closed(tree, ["/app/a.py"])) == ""


def test_a_miss_says_where_it_was_looked_for() -> None:
    tree = """
        /app/a.py: import nothing\\n
    """
    assert misses(closed(tree, ["/app/a.py"], PYTHONPATH="/opt/x")) == "/app/a.py:1 nothing: /app / /opt/x"


SITE = f"{LIB}/site-packages"

LIBRARIES = f"""
    /app/main.py: import pandas\\ndef fit():\\n    import sklearn\\n
    {SITE}/pandas/__init__.py: def f():\\n    from pandas import late\\n    import scipy\\n
    {SITE}/pandas/late.py: import pandas.eager\\ndef f():\\n    import pandas.later\\n
    {SITE}/pandas/eager.py: 1
    {SITE}/pandas/later.py: 1
    {SITE}/scipy/__init__.py: 1
    {SITE}/sklearn/__init__.py: def f():\\n    import sklearn.svm\\n
    {SITE}/sklearn/svm.py: 1
"""


def test_the_application_is_followed_in_full_and_a_library_one_lazy_step() -> None:
    kept = ["/app/main.py", f"{SITE}/pandas/__init__.py"]
    assert closed(LIBRARIES, kept).steps == {
        f"{SITE}/sklearn/__init__.py": 0,
        f"{SITE}/pandas/late.py": 1,
        f"{SITE}/pandas/eager.py": 1,
        f"{SITE}/sklearn/svm.py": 1,
    }


def test_limits_take_the_lazy_steps_away() -> None:
    kept = ["/app/main.py", f"{SITE}/pandas/__init__.py"]
    assert closed(LIBRARIES, kept, ClosureLimits(lazy_steps=0)).steps == {f"{SITE}/sklearn/__init__.py": 0}


@pytest.mark.parametrize(("record", "found"), [("direct_url.json", True), ("REQUESTED", False)])
def test_a_program_that_was_installed_from_its_directory_is_no_library(record: str, found: bool) -> None:
    """An import in a function is no optional dependency (PEP 610)."""
    tree = f"""
        {SITE}/tool/cli.py: def f():\\n    import plain\\n
        {SITE}/tool-1.dist-info/{record}: 1
        {SITE}/tool-1.dist-info/RECORD: tool/cli.py,,\\n
        {SITE}/plain/__init__.py: 1
    """
    result = closed(tree, [f"{SITE}/tool/cli.py"])
    assert (f"{SITE}/plain/__init__.py" in result.steps) is found


def test_names_in_calls_strings_and_metadata_are_modules() -> None:
    tree = f"""
        /app/main.py: import importlib\\nm = importlib.import_module("plug.a")\\nAPPS = ["plug.b.Config", "see plug.c"]\\n
        {SITE}/plug/__init__.py: 1
        {SITE}/plug/a.py: from . import __missing\\n
        {SITE}/plug/b.py: 1
        {SITE}/plug/c.py: 1
        {SITE}/plug/d.py: 1
        {SITE}/plug-1.dist-info/entry_points.txt: [app.plugins]\\nd = plug.d:Plugin\\n
    """
    kept = ["/app/main.py", f"{SITE}/plug/__init__.py", f"{SITE}/plug-1.dist-info/entry_points.txt"]
    assert list(closed(tree, kept).steps) == [f"{SITE}/plug/{name}.py" for name in "abd"]


def test_metadata_of_an_imported_distribution_is_kept() -> None:
    tree = f"""
        /app/main.py: import plain, egg, other, nothing_installed\n
        {SITE}/plain.py: 1
        {SITE}/plain-1.dist-info/METADATA: Name: plain
        {SITE}/plain-1.dist-info/RECORD: 1
        {SITE}/egg/__init__.py: 1
        {SITE}/egg-2.egg-info/PKG-INFO: Name: egg
        {SITE}/egg-2.egg-info/SOURCES.txt: 1
        {SITE}/other.py: 1
        {SITE}/other-3.egg-info: Name: other
        {SITE}/first.py: 1
        {SITE}/unused-4.dist-info/METADATA: Name: unused
    """
    assert sorted(closed(tree, ["/app/main.py", f"{SITE}/first.py"]).steps) == [
        f"{SITE}/egg-2.egg-info/PKG-INFO",
        f"{SITE}/egg/__init__.py",
        f"{SITE}/other-3.egg-info",
        f"{SITE}/other.py",
        f"{SITE}/plain-1.dist-info/METADATA",
        f"{SITE}/plain.py",
    ]


def test_namespace_packages_path_files_and_sourceless_modules_are_found() -> None:
    tree = f"""
        /app/main.py: import space.one, space.two, linked, compiled, native\\n
        {SITE}/space/one.py: 1
        /opt/more/space/two.py: 1
        {SITE}/links.pth: /srv/linked\\n# comment\\nimport nothing\\n
        /srv/linked/linked.py: 1
        {SITE}/compiled.pyc: 1
        {SITE}/native.cpython-311-x86_64-linux-gnu.so: 1
    """
    closure = closed(tree, ["/app/main.py", f"{SITE}/links.pth"], PYTHONPATH="/opt/more")
    assert sorted(closure.steps) == [
        "/opt/more/space/two.py",
        "/srv/linked/linked.py",
        f"{SITE}/compiled.pyc",
        f"{SITE}/native.cpython-311-x86_64-linux-gnu.so",
        f"{SITE}/space/one.py",
    ]


def test_what_a_library_imports_as_the_main_program_and_commands_of_metadata_are_left_out() -> None:
    tree = f"""
        {LIB}/heapq.py: if __name__ == "__main__":\\n    import doctest\\n
        {LIB}/doctest.py: 1
        {SITE}/pip/__init__.py: 1
        {SITE}/pip/cli.py: 1
        {SITE}/pip-1.dist-info/entry_points.txt: [console_scripts]\\npip = pip.cli:main\\n
        /app/main.py: if __name__ == "__main__":\\n    import late\\n
        /app/late.py: 1
    """
    kept = [f"{LIB}/heapq.py", f"{SITE}/pip/__init__.py", f"{SITE}/pip-1.dist-info/entry_points.txt"]
    assert list(closed(tree, [*kept, "/app/main.py"]).steps) == ["/app/late.py"]


def test_tests_are_left_out_only_where_they_are_not_loaded_with_their_source() -> None:
    tree = f"""
        {SITE}/jinja/__init__.py: from .tests import TESTS\\ndef f():\\n    import jinja.test\\n
        {SITE}/jinja/tests.py: 1
        {SITE}/jinja/test/__init__.py: 1
    """
    assert list(closed(tree, [f"{SITE}/jinja/__init__.py"]).steps) == [f"{SITE}/jinja/tests.py"]


def test_names_that_are_put_together_are_those_with_their_beginning() -> None:
    tree = f"""
        {SITE}/app/__init__.py: def f(n):\\n    import_module(f"app.forms.x{{n}}")\\n    __import__("app.kinds." + n)\\n
        {SITE}/app/forms/__init__.py: 1
        {SITE}/app/forms/xa.py: 1
        {SITE}/app/forms/b.py: 1
        {SITE}/app/kinds/c.py: 1
        {LIB}/sysconfig.py: def f():\\n    return f'_sysconfigdata_{{sys.abiflags}}'\\n__import__(f())\\n
        {LIB}/_sysconfigdata__linux.py: 1
    """
    assert sorted(closed(tree, [f"{SITE}/app/__init__.py", f"{LIB}/sysconfig.py"]).steps) == [
        f"{LIB}/_sysconfigdata__linux.py",
        f"{SITE}/app/forms/xa.py",
        f"{SITE}/app/kinds/c.py",
    ]


def test_a_list_of_names_is_one_of_modules_if_several_are_beside_the_file() -> None:
    names = "WebP Gif Tiff".split()
    files = "\n".join(f"        {SITE}/PIL/{name}.py: 1" for name in names)
    listed = ", ".join(f"'{name}'" for name in [*names, "other"])
    tree = f"{files}\n        {SITE}/PIL/__init__.py: plugins = [{listed}, ]\\n"
    kept = [f"{SITE}/PIL/__init__.py"]
    assert list(closed(tree, kept).steps) == [f"{SITE}/PIL/{name}.py" for name in names]
    assert closed(tree.replace("'Gif'", "'Png'"), kept).steps == {}


def test_an_extension_names_modules_in_its_strings() -> None:
    so = f"{SITE}/lxml/etree.cpython-311-x86_64-linux-gnu.so"
    tree = f"""
        {so}: \x7fELF..\0_elementpath\0lxml.sax\0email\0
        {SITE}/lxml/__init__.py: 1
        {SITE}/lxml/_elementpath.py: 1
        {SITE}/lxml/sax.py: 1
        {SITE}/lxml/email.py: 1
    """
    found = {path.rpartition("/")[2] for path in closed(tree, [so]).steps}
    assert found == {"__init__.py", "_elementpath.py", "sax.py"}


def test_an_import_comes_with_the_entry_points_of_its_distribution() -> None:
    tree = f"""
        /app/main.py: import markdown\\n
        {SITE}/markdown/__init__.py: 1
        {SITE}/markdown/tables.py: 1
        {SITE}/Markdown-3.dist-info/METADATA: Name: Markdown
        {SITE}/Markdown-3.dist-info/entry_points.txt: [markdown.extensions]\\ntables = markdown.tables:T\\n
    """
    kept = ["/app/main.py", f"{LIB}/os.py", f"{SITE}/x.py"]
    assert sorted(closed(tree, kept).steps) == [
        f"{SITE}/Markdown-3.dist-info/METADATA",
        f"{SITE}/Markdown-3.dist-info/entry_points.txt",
        f"{SITE}/markdown/__init__.py",
        f"{SITE}/markdown/tables.py",
    ]


def test_names_that_are_put_together_may_have_a_known_end_or_a_hyphen() -> None:
    tree = """
        /usr/lib/python3/dist-packages/when/__init__.py: import_module(f"when.locales.{name}.locale")\\n
        /usr/lib/python3/dist-packages/when/table.py: name = f".unicode{v}"\\nimport_module(name, "when")\\n
        /usr/lib/python3/dist-packages/when/unicode1-0.py: x = 1\\n
        /usr/lib/python3/dist-packages/when/locales/__init__.py: x = 1\\n
        /usr/lib/python3/dist-packages/when/locales/de/__init__.py: x = 1\\n
        /usr/lib/python3/dist-packages/when/locales/de/locale.py: x = 1\\n
        /usr/lib/python3/dist-packages/when/locales/de/other.py: x = 1\\n
    """
    home = "/usr/lib/python3/dist-packages/when"
    closure = closed(tree, [f"{home}/__init__.py", f"{home}/table.py"])
    targets = {edge.target.removeprefix(f"{home}/") for edge in closure.edges}
    assert {"locales/de/__init__.py", "locales/de/locale.py", "unicode1-0.py"} <= targets
    assert "locales/de/other.py" not in targets


def test_an_extension_of_cython_names_private_modules_in_a_compressed_text() -> None:
    so = f"{SITE}/lxml/etree.cpython-311-x86_64-linux-gnu.so"
    modules = ("_elementpath", "_other", "plain")
    tree = SourceTree(f"{so}: so\n" + "\n".join(f"{SITE}/lxml/{name}.py: 1" for name in modules))
    text = zlib.compress(b"must be__test__a_elementpath_encodeplain")
    tree.contents[so] = b"\x7fELF..pyx\x78\x9c.." + text + b".."
    tree.entries[so] = replace(tree.entries[so], size=len(tree.contents[so]))
    assert [edge.target for edge in close(View(tree), [so]).edges] == [f"{SITE}/lxml/_elementpath.py"]
