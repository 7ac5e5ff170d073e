"""Data files that source files name beside themselves."""

from __future__ import annotations

from tests.languages.text import closed, edges

TREE = """
    /lib/cldr/core.py: here = dirname(__file__)\\nopen(join(here, 'global.dat'))\\nopen('other.dat')\\n
    /lib/cldr/plain.py: open('global.dat')\\n
    /lib/cldr/global.dat: g
    /lib/cldr/data/a.json: a
    /lib/cldr/a.js: const at = `${__dirname}/../words.txt`; read(join(__dirname, 'data/a.json'), 'b.json')\\n
    /lib/cldr/b.rb: File.read(File.expand_path('../data/a.json', __FILE__)); require 'plain.py'\\n
    /lib/cldr/c.php: <?php include __DIR__ . '/global.dat'; // 'tests/a.txt'\\n
    /lib/cldr/tests/a.txt: t
    /lib/words.txt: w
"""


def test_a_literal_names_a_file_beside_its_source() -> None:
    sources = [f"/lib/cldr/{name}" for name in ("core.py", "plain.py", "a.js", "b.rb", "c.php")]
    lines = [line for line in edges(closed(TREE, sources)).splitlines() if "file beside" in line]
    assert lines == [
        "/lib/cldr/core.py:2 global.dat -> /lib/cldr/global.dat (file beside)",
        "/lib/cldr/a.js:1 words.txt -> /lib/words.txt (file beside)",
        "/lib/cldr/a.js:1 data/a.json -> /lib/cldr/data/a.json (file beside)",
        "/lib/cldr/b.rb:1 data/a.json -> /lib/cldr/data/a.json (file beside)",
        "/lib/cldr/c.php:1 global.dat -> /lib/cldr/global.dat (file beside)",
    ]


def test_large_data_are_no_part_of_what_loading_a_file_needs() -> None:
    tree = f"/lib/a.py: open(dirname(__file__) + '/b.bin')\n/lib/b.bin: {'b' * 1_100_000}\n"
    assert edges(closed(tree, ["/lib/a.py"])) == "/lib/a.py:1 b.bin -> /lib/b.bin (file beside, lazy)"
