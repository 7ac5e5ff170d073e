"""Files of a hostile image: nothing hangs, recurses without bound, or ends in an exception."""

from __future__ import annotations

import random
import zlib

import pytest

from tests.languages.text import closed
from tracewhale.languages import ClosureLimits, closing, data, syntax
from tracewhale.languages.files import Files
from tracewhale.languages.python import names
from tracewhale.rootfs.tree import Entry

NAMES = (
    "a.py a.js a.ts a.rb a.pl a.php a.R a.sh a.class a.jar a.pyz package.json a.pth entry_points.txt".split()
)
TEXTS = {
    "noise": random.Random(1).randbytes(2000).decode("latin-1").replace("\n", " "),
    "open": "(" * 5000,
    "nested": "if x: " * 2000,
    "quotes": "\"$('`${" * 500,
    "documents": "<<EOF " * 2000,
    "nul": "\0import os\0",
    "empty": "",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_noise_is_no_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "PARSING", 0.2)
    tree = "\n".join(f"/app/{name}: {text}" for name in NAMES if "\r" not in text)
    assert closed(tree, [f"/app/{name}" for name in NAMES]).edges == ()


def test_files_that_name_each_other_end() -> None:
    tree = "/app/a.py: import b\\n\n/app/b.py: import a\\n\n/app/loop -> loop"
    assert closed(tree, ["/app/a.py", "/app/loop"]).steps == {"/app/b.py": 0}


def test_limits_are_told() -> None:
    tree = "/app/a.py: import b\\n\n/app/b.py: import a\\n"
    assert closed(tree, ["/app/a.py"], ClosureLimits(file_size=3)).bounded == (
        "/app/a.py is larger than 0 MiB: not read.",
    )
    few = closed(tree + "\n/app/c.py: import a, b\\n", ["/app/c.py"], ClosureLimits(findings=2))
    assert (len(few.edges), few.bounded) == (
        2,
        ("The files name more others than the closure of languages follows.",),
    )
    assert closed(tree, ["/app/a.py", "/app/b.py"], ClosureLimits(files=1)).bounded == (
        "There are more files than the closure of languages reads.",
    )


def test_texts_that_take_too_long_are_told_and_then_none_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "PARSING", -1.0)
    monkeypatch.setattr(closing, "MOST_UNPARSED", 1)
    tree = "\n".join(
        f"/app/{name}.py: {'x = 1;' * 500}{number}\\nimport c\\n" for number, name in enumerate("ab")
    )
    assert closed(tree, ["/app/a.py", "/app/b.py"]).bounded == (
        "/app/a.py is not read: it takes too long to parse.",
    )


def test_brackets_without_end_take_no_long_search() -> None:
    texts = ("/app/a.js: require('b')" + "\\n{" * 30_000, "/app/a.rb: require 'b'" + "\\n{" * 30_000)
    for tree in texts:
        path = tree.partition(":")[0]
        assert closed(tree, [path]).bounded == (f"{path} is not read: it takes too long to search.",)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/app/a.yml", "exec_" * 40_000),
        ("/app/a.yml", "run:\\n" + "- run:\\n" * 40_000),
        ("/app/a.yml", "- run:\\n" * 20_000 + "\\n" * 100_000),
        ("/app/a.py", "import ctypes, dlopen" + " " * 20_000 + "x"),
        ("/app/a.pl", "<" + "*" * 300_000),
    ],
    ids=["key", "keys", "lines", "call", "glob"],
)
def test_a_text_without_an_end_takes_linear_time(path: str, text: str) -> None:
    assert closed(f"{path}: {text}", [path]).edges == ()


def test_one_text_of_a_compressed_file_is_read() -> None:
    stream = zlib.compress(b"__test__ _private " + b"a" * 1_000_000)
    found = list(names.native(b"\x7fELF pyx " + stream * 20))
    assert [mention.name for mention in found if mention.how == names.JOINED] == ["__test__ _private"]


def test_a_large_directory_is_no_data_and_is_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    listing = Files.listing

    def noted(files: Files, path: str) -> dict[str, Entry]:
        listed.append(path)
        return listing(files, path)

    monkeypatch.setattr(Files, "listing", noted)
    sources = [f"/app/{name}.js" for name in "abc"]
    tree = "\n".join(
        [
            *(f"/app/{name}.js: __dirname + 'rows'" for name in "abc"),
            *(f"/app/rows/{number}.txt: x" for number in range(data.FILES + 1)),
        ]
    )
    assert closed(tree, sources).edges == ()
    assert listed.count("/app/rows") == 1


def test_an_import_in_a_thousand_brackets_is_none_of_a_real_text() -> None:
    depth = syntax.DEPTH + 10
    tree = f"/app/a.py: {'(' * depth}import b{')' * depth}\\n\n/app/b.py: x"
    assert closed(tree, ["/app/a.py"]).edges == ()
