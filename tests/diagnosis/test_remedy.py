"""Whatever an image calls its files, the line of a remedy has the words that it is meant to have."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

import tracewhale.diagnosis
from tests.diagnosis.test_messages import found
from tracewhale.diagnosis import Remedy, remedies
from tracewhale.diagnosis.messages import messages
from tracewhale.diagnosis.remedy import copy, joined, set_variable
from tracewhale.diagnosis.text import render

HOSTILE = {
    "space": "/a b",
    "quotes": """/it's "it\"""",
    "substitution": "/$(touch /tmp/x)`id`$HOME",
    "operators": "/a;b&&c|d>e<f #!{x}",
    "pattern": "/*?[a]~",
    "backslash": "/a\\",
    "newline": "/a\nRUN evil",
    "escape": "/\x1b[2Jx",
    "bytes": "/\udcff",
    "direction": "/\u202etxt",
    "dash": "--hostile=/etc/passwd",
    "colon": "/x:exec,suid",
    "marker": "EOF",
    "empty": "",
}
PLAIN = "/plain"


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(Path(tracewhale.diagnosis.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Remedy":
                yield f"{path.name}:{node.lineno}", node


def literals(node: ast.expr) -> list[str] | None:
    """The texts that an expression may be, if it has no other parts than literals."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        both = literals(node.body), literals(node.orelse)
        return [text for texts in both for text in texts or ()] if None not in both else None
    return None


@cache
def templates() -> list[str]:
    written = [text for _, call in calls() for text in literals(call.args[0]) or ()]
    listed = [*remedies.INSTALL.values(), *remedies.REINSTALL.values()]
    return sorted({*written, *listed, *(fix for message in messages() for fix in message.fixes)})


def filled(template: str, name: str | tuple[str, ...]) -> Remedy:
    fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    named = {field: name for field in fields if field}
    return Remedy(template, *[name] * fields.count(""), **named)  # type: ignore[arg-type]


def words(line: str) -> list[str]:
    """The words of a line, as a shell or the parser of Dockerfiles splits them."""
    instruction, _, rest = line.partition(" ")
    if instruction in ("CMD", "ENTRYPOINT", "COPY") and rest.startswith("["):
        loaded = json.loads(rest)
        return [instruction, *(loaded if instruction != "COPY" else map(unquoted, loaded))]
    if instruction in ("ENV", "WORKDIR", "FROM", "COPY"):
        return [
            instruction,
            *(unquoted(word) for word in re.findall(r'(?:"(?:\\.|[^"\\])*"|\\.|[^\s"])+', rest)),
        ]
    return shlex.split(line)


def unquoted(word: str) -> str:
    """What Docker makes of a word: quotes removed, and a variable shows as ``<NAME>``."""
    text, inside, rest = "", "", iter(word)
    for character in rest:
        if character == "\\" and inside != "'":
            following = next(rest, "\\")
            text += following if not inside or following in '"$\\' else f"\\{following}"
        elif character in "\"'" and inside in ("", character):
            inside = "" if inside else character
        else:
            text += "<variable>" if character == "$" and inside != "'" else character
    assert not inside, word
    return text


def is_filled(before: str, after: str, name: str) -> bool:
    """Whether a word has the name, or the word that stands for it, and nothing else is different."""
    parts = re.split(f"{PLAIN}|NAME", before)
    return re.fullmatch(f"(?:{re.escape(name)}|NAME)".join(map(re.escape, parts)), after) is not None


def test_every_template_is_a_literal() -> None:
    """A name can reach a line as an argument only, and arguments are quoted."""
    for place, call in calls():
        allowed = place.startswith("advice.py") or "INSTALL" in ast.unparse(call.args[0])
        assert allowed or literals(call.args[0]) is not None, place


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_stays_one_word_of_every_remedy(kind: str) -> None:
    name = HOSTILE[kind]
    assert len(templates()) > 60
    for template in templates():
        plain, hostile = filled(template, PLAIN), filled(template, name)
        assert hostile.line.count("\n") == plain.line.count("\n"), template
        assert all(line.isprintable() for line in hostile.line.splitlines()), template
        for before, after in zip(plain.line.splitlines(), hostile.line.splitlines(), strict=True):
            if before == PLAIN:
                continue  # a line of a here-document
            pairs = zip(words(before), words(after), strict=True)
            assert all(is_filled(old, new, name) for old, new in pairs), (template, after)
            options = any(word.startswith("--hostile") for word in words(after))
            assert not options or template.startswith(("CMD", "ENTRYPOINT")), template
        if "NAME" in hostile.line and "NAME" not in plain.line:
            assert "cannot be written" in hostile.note


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_shell_reads_the_words(kind: str) -> None:
    line = Remedy("printf %s {}", HOSTILE[kind]).line
    out = subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout
    assert out in (HOSTILE[kind].encode("utf-8", "surrogateescape"), b"NAME")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_copy_has_its_sources_and_its_place(kind: str) -> None:
    line = copy("FULL", [HOSTILE[kind], "/usr/bin/x"], "/y/").line
    assert line.startswith("COPY --from=FULL ")
    rest = line.removeprefix("COPY --from=FULL ")
    first, *others = words(f"COPY {rest}")[1:]
    assert re.sub(r"\[([*?[])\]", r"\1", first) in (HOSTILE[kind], "NAME")
    assert others == ["/usr/bin/x", "/y/"]


def test_an_image_that_no_copy_can_name() -> None:
    assert copy("dir:/a b", ["/x"], "/").line == "COPY --from=NAME /x /"


def test_what_is_usual_has_no_quotes() -> None:
    assert copy("FULL", ["/lib64/liba.so.1", "/c++"], "/lib64/").line == (
        "COPY --from=FULL /lib64/liba.so.1 /c++ /lib64/"
    )
    assert Remedy("chown {}:{} {}", 1000, 1000, "/data").line == "chown 1000:1000 /data"
    assert [each.line for each in set_variable("A", "/x:/y")] == ["ENV A=/x:/y", "-e A=/x:/y"]
    assert Remedy("CMD {}", ("sh", "-c", "exec a")).line == 'CMD ["sh", "-c", "exec a"]'
    assert remedies.install("cran", "ggplot2").line == """Rscript -e 'install.packages(c("ggplot2"))'"""


@pytest.mark.parametrize(
    "name", ["-r", "../x", "https://evil.example/x.tgz", "git+ssh://a", "curl-", "a b", ""]
)
def test_no_installer_is_given_an_address_or_an_option(name: str) -> None:
    assert remedies.install("npm", name).line == "npm install NAME"
    assert remedies.install("deb", "jq", name).line.endswith(" jq NAME")


def test_a_variable_keeps_its_value() -> None:
    """A repair sets the value itself, not its quoted form."""
    assert set_variable("A", 'x "$y"')[0].variable == ("A", 'x "$y"')
    assert Remedy("ENV PATH={}:$PATH", "/x").variable is None


def test_joined_lines_keep_their_note() -> None:
    whole = joined((Remedy("ldconfig"), Remedy("chmod +x {}", "/a\n")))
    assert whole.line == "ldconfig\nchmod +x NAME"
    assert "cannot be written" in whole.note


def test_a_report_is_printable() -> None:
    """Neither a program's output nor a name steers the terminal."""
    said = "FileNotFoundError: [Errno 2] No such file or directory: '/etc/\x1b]0;x\x07\u202eapp.yml'"
    told = found(said)
    for verbose in (False, True):
        assert all(line.isprintable() for line in render(told, verbose=verbose).splitlines())
