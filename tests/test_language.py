"""Docstrings and messages keep the style that CONTRIBUTING.md describes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracewhale import errors

PACKAGE = Path(errors.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}

RIDDLE = re.compile(r"(?:^|[.:;] )(?:What|Who|Whoever|Whatever|Whom|Whose|Which)\b[^?]*(?:$|\.)")
"""A sentence whose subject is a question word."""

FRAGMENT = re.compile(r"[a-z](?![\w-]*:)")
"""The begin of a hint that is no sentence; that of a transport such as oci: is written as it is."""

COMMAND = re.compile(r": [^.:]+$")
"""A command to run, which ends a hint as it is typed."""


PARTICIPLES = {"told", "named", "made", "found", "asked", "gone", "each", "some", "whole"}
"""Words that do not say what something is."""


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every function, variable, parameter, field and attribute that a module defines, with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every docstring, those of attributes included, with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.lineno, " ".join(value.value.split())


MESSAGE = re.compile(r"(?:[A-Z]|[-/`]|X).*(?:[.?!]|X)", re.DOTALL)
"""An error's message: a sentence, or one that begins or ends with an option, a name or other text (X)."""


def texts(path: Path, position: int, keyword: str) -> Iterator[tuple[int, str]]:
    """Yield one argument of the errors that are made in a module: placeholders are shown as X."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ERRORS:
            values = [each.value for each in node.keywords if each.arg == keyword]
            for text in (*node.args[position : position + 1], *values):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield text.lineno, text.value
                elif isinstance(text, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "X" for part in text.values)
                    yield text.lineno, "".join(map(str, parts))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_names_say_what_they_mean(path: Path) -> None:
    assert [(line, name) for line, name in names(path) if name.lstrip("_") in PARTICIPLES] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_docstring_is_a_riddle(path: Path) -> None:
    assert [(line, text) for line, text in docstrings(path) if RIDDLE.search(text)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_hints_are_sentences(path: Path) -> None:
    fragments = [
        (line, text)
        for line, text in texts(path, 1, "hint")
        if text
        and (FRAGMENT.match(text) or not (text.rstrip().endswith((".", "?", "!")) or COMMAND.search(text)))
    ]
    assert fragments == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_messages_are_sentences(path: Path) -> None:
    fragments = [(line, text) for line, text in texts(path, 0, "what") if not MESSAGE.fullmatch(text)]
    assert fragments == []


def test_fragments_are_seen() -> None:
    assert not MESSAGE.fullmatch("there is no rule X.")
    assert not MESSAGE.fullmatch("The traces are of different images")
    assert MESSAGE.fullmatch("-o X: that is not an empty directory.")


def test_riddles_are_seen() -> None:
    assert RIDDLE.search("What a container gets without options.")
    assert not RIDDLE.search("Return what is left.")
