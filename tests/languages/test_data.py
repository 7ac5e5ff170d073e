"""Data files that source files name beside themselves."""

from __future__ import annotations

import pytest

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
    tree = f"/lib/a.py: open(dirname(__file__) + '/b.bin')\n/lib/b.bin: {'b' * 3_200_000}\n"
    assert edges(closed(tree, ["/lib/a.py"])) == "/lib/a.py:1 b.bin -> /lib/b.bin (file beside, lazy)"


def test_a_literal_names_a_directory_of_data_but_no_package() -> None:
    tree = """
        /lib/a/parse.py: here = dirname(__file__)\\njoin(here, 'templates')\\njoin(here, 'sub', 'tests')\\n
        /lib/a/templates/index: i
        /lib/a/templates/deep/b.tpl: b
        /lib/a/templates/c.py: c
        /lib/a/sub/__init__.py: s
        /lib/a/sub/data.txt: d
        /lib/a/tests/t.txt: t
        /lib/file/magic.mgc: m
        /lib/a/b.py: import pkgutil; kind = 'file'\\n
        /lib/python3.11/warnings.py: import pkgutil; text = 'words'\\n
        /lib/python3.11/words/a.txt: a
    """
    sources = ["/lib/a/parse.py", "/lib/a/b.py", "/lib/python3.11/warnings.py"]
    lines = [line for line in edges(closed(tree, sources)).splitlines() if "beside" in line]
    assert lines == [
        "/lib/a/parse.py:2 templates/ -> /lib/a/templates/index (file beside)",
        "/lib/a/parse.py:2 templates/ -> /lib/a/templates/deep/b.tpl (file beside)",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "dir = Pathname.new(__dir__) / 'rouge/lexers'\\nPathname.glob(dir / '*.rb') { |f| load f }",
        'load "#{__dir__}/rouge/lexers/#{name}.rb"',
    ],
)
def test_a_source_loads_the_code_of_a_directory_that_it_lists_or_computes_names_in(text: str) -> None:
    tree = f"""
        /lib/rouge.rb: {text}
        /lib/rouge/lexers/c.rb: c
        /lib/rouge/lexers/go.rb: g
    """
    assert edges(closed(tree, ["/lib/rouge.rb"])).splitlines() == [
        f"/lib/rouge.rb:1 rouge/lexers/* -> /lib/rouge/lexers/{name}.rb (file beside)" for name in ("c", "go")
    ]


def test_caches_and_maps_are_no_code_but_a_name_with_such_a_part_is() -> None:
    tree = """
        /app/a.js: fs.readdirSync(__dirname + "/rows")
        /app/rows/user.mapper.js: u
        /app/rows/user.js.map: m
        /app/rows/node_modules/x.js: x
    """
    assert [edge.target for edge in closed(tree, ["/app/a.js"]).edges] == ["/app/rows/user.mapper.js"]


def test_modules_of_a_package_count_where_the_source_looks_for_modules() -> None:
    tree = """
        /lib/app/core.py: pkgutil.iter_modules([os.path.join(__path__[0], "commands")])\\n
        /lib/app/commands/__init__.py: 1
        /lib/app/commands/run.py: import json\\n
    """
    modules = ["/lib/app/commands/__init__.py", "/lib/app/commands/run.py"]
    found = closed(tree, ["/lib/app/core.py"]).edges
    assert [(edge.target, edge.lazy) for edge in found] == [(path, True) for path in modules]
    assert not closed(tree.replace("iter_modules", "listdir"), ["/lib/app/core.py"]).edges


def test_an_absolute_path_of_data_is_found_anywhere_in_a_source() -> None:
    tree = """
        /lib/a.rb: DATADIR = '/usr/share/pdf'\\nDOCS = '/usr/share/doc/pdf'\\n
        /usr/share/pdf/fonts/a.afm: a
        /usr/share/doc/pdf/readme: r
    """
    assert [edge.target for edge in closed(tree, ["/lib/a.rb"]).edges] == ["/usr/share/pdf/fonts/a.afm"]
