"""Python's imports in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges, misses

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
            f"{LIB}/os.py:1 stat -> {LIB}/__pycache__/stat.cpython-311.pyc (import)",
            f"/app/main.py:2 json -> {LIB}/json/__init__.py (import, lazy)",
            f"{LIB}/json/__init__.py:1 decoder -> {LIB}/json/decoder.py (from)",
            f"{LIB}/json/decoder.py:1 json -> {LIB}/json/__init__.py (from)",
            f"{LIB}/json/decoder.py:1 json.scanner -> {LIB}/json/scanner.py (from)",
        ]
    )


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
