"""Rule files: the form, and what is said of one that is not of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracewhale.errors import UsageError
from tracewhale.rules import load
from tracewhale.rules.loading import KEYS
from tracewhale.rules.readers import DLOPEN_NOTES, READERS

GOOD = """
[[rule]]
name = "mine"
source = "the manual of mine"
when = ["libmine.so.*", "**/bin/mine"]
also = ["/etc/mine"]
unless = ["/etc/not-mine"]
keep = ["/etc/mine/**", "./plugins/*.so", "../share/", "$LIB/mine/*.so"]
"""


def test_a_users_rules_come_after_the_shipped(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    *shipped, mine = load([file])
    assert tuple(shipped) == load()
    assert (mine.name, mine.source) == ("mine", "the manual of mine")
    assert mine.when == ("libmine.so.*", "**/bin/mine")
    assert mine.keep == ("/etc/mine/**", "./plugins/*.so", "../share/", "$LIB/mine/*.so")


HEAD = '[[rule]]\nname = "x"\nsource = "a manual"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]\n", "not a TOML file"),
        ("rules = 1\n", "rules: a rule file has nothing but"),
        ("rule = 1\n", "rule: must be an array of tables"),
        ("rule = [1]\n", "rule: must be an array of tables"),
        ('[[rule]]\nsource = "a"\n', "rule 1: name: must be"),
        ('[[rule]]\nname = 3\nsource = "a"\n', "rule 1: name: must be a text"),
        ('[[rule]]\nname = "A B"\nsource = "a"\n', "rule A B: name: must be small letters"),
        ('[[rule]]\nname = "x"\n', "rule x: source: must say where"),
        (HEAD + 'keep = ["/x"]\n', "rule x: when: must tell"),
        (HEAD + 'when = "libx.so"\n', "rule x: when: must be a list"),
        (HEAD + 'when = [""]\n', "rule x: when: must be a list"),
        (HEAD + 'when = ["a"]\n', "rule x: keep: must name"),
        (HEAD + 'when = ["a"]\nkep = ["/x"]\n', "rule x: kep: no such key; there are name, source"),
        (HEAD + 'when = ["usr/a"]\nkeep = ["/x"]\n', "rule x: when: usr/a: must begin with"),
        (HEAD + 'when = ["a"]\nalso = ["b/c"]\nkeep = ["/x"]\n', "rule x: also: b/c: must begin with"),
        (HEAD + 'when = ["a"]\nkeep = ["x"]\n', "rule x: keep: x: must begin with"),
        (HEAD + 'when = ["a"]\nkeep = ["/x"]\nunless = ["x"]\n', "rule x: unless: x: must begin with"),
        (HEAD + 'when = ["a"]\nkeep = ["/[z-a]"]\n', "rule x: keep: /[z-a]: not a glob"),
        (HEAD + 'when = ["a"]\nread = ["/x"]\n', "rule x: read: files to read and the reader"),
        (HEAD + 'when = ["a"]\nreader = "pam"\n', "rule x: read: files to read and the reader"),
        (HEAD + 'when = ["a"]\nread = ["/x"]\nreader = "ini"\n', "rule x: reader: there is no reader ini"),
        (GOOD + GOOD, "rule mine: name: there is a rule of that name already"),
        (GOOD.replace("mine", "nss"), "rule nss: name: there is a rule of that name already"),
    ],
)
def test_a_bad_file_is_named_with_the_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load([file])
    assert caught.value.what.startswith(f"{file}: {said}")
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for file in (tmp_path / "absent.toml", tmp_path, binary):
        with pytest.raises(UsageError, match="cannot be read as a rule file"):
            load([file])


def test_the_document_tells_every_key_and_reader() -> None:
    document = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
    for word in (*KEYS, *READERS, DLOPEN_NOTES):
        assert f"`{word}`" in document


def test_a_file_without_an_end_is_not_read_whole() -> None:
    with pytest.raises(UsageError, match="/dev/zero: cannot be read as a rule file: it has more than 16 MiB"):
        load(["/dev/zero"])
