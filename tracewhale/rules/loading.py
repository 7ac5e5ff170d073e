"""Read rules from TOML files: the package's and the user's."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import fields
from importlib import resources
from pathlib import Path

from tracewhale.errors import UsageError
from tracewhale.rules import globs
from tracewhale.rules.model import Rule
from tracewhale.rules.readers import DLOPEN_NOTES, READERS

KEYS = tuple(field.name for field in fields(Rule))
TEXTS = ("name", "source", "reader")
NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
PLACE = re.compile(r"(/|\./|(\.\./)+|\$LIB/).*", re.DOTALL)
FILE_LIMIT = 16 << 20
"""The most characters of a rule file."""

HINT = "See docs/rules.md for the form of a rule file."


def load(files: Iterable[str | Path] = ()) -> tuple[Rule, ...]:
    """Return the rules of the package, then those of the user's files, in order.

    Raise UsageError, naming the file and the key, if a file does not have the form of rules.
    """
    texts = [
        (f"tracewhale/rules/{file.name}", file.read_text("utf-8"))
        for file in sorted(resources.files(__package__).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
    ]
    texts += [(str(file), _text(file)) for file in files]
    rules: dict[str, Rule] = {}
    for origin, text in texts:
        for rule in _parse(origin, text):
            if rule.name in rules:
                raise UsageError(
                    f"{origin}: rule {rule.name}: name: there is a rule of that name already.",
                    "Choose another name; --no-rule drops the one there is.",
                )
            rules[rule.name] = rule
    return tuple(rules.values())


def _text(file: str | Path) -> str:
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read(FILE_LIMIT + 1)
        if len(text) > FILE_LIMIT:
            raise ValueError(f"it has more than {FILE_LIMIT >> 20} MiB")
        return text
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{file}: cannot be read as a rule file: {reason}.", HINT) from error


def _parse(origin: str, text: str) -> list[Rule]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{origin}: not a TOML file: {error}.", HINT) from error
    for key in document:
        if key != "rule":
            raise UsageError(f"{origin}: {key}: a rule file has nothing but [[rule]] tables.", HINT)
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{origin}: rule: must be an array of tables, written [[rule]].", HINT)
    return [_rule(origin, number, table) for number, table in enumerate(tables, 1)]


def _rule(origin: str, number: int, table: dict[str, object]) -> Rule:
    name = table.get("name")
    where = f"{origin}: rule {name if isinstance(name, str) else number}"

    def bad(key: str, why: str) -> UsageError:
        return UsageError(f"{where}: {key}: {why}.", HINT)

    lists: dict[str, tuple[str, ...]] = {}
    texts: dict[str, str] = {}
    for key, value in table.items():
        if key not in KEYS:
            raise bad(key, f"no such key; there are {', '.join(KEYS)}")
        if key in TEXTS:
            if not isinstance(value, str) or not value.strip():
                raise bad(key, "must be a text that is not empty")
            texts[key] = value
        else:
            if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
                raise bad(key, "must be a list of texts that are not empty")
            lists[key] = tuple(value)
    rule = Rule(texts.pop("name", ""), texts.pop("source", ""), reader=texts.pop("reader", ""), **lists)
    for key, why in _complaints(rule):
        raise bad(key, why)
    return rule


def _complaints(rule: Rule) -> Iterable[tuple[str, str]]:
    """Yield the faults of a rule, each as the key and the reason."""
    if not NAME.fullmatch(rule.name):
        yield "name", "must be small letters and digits, with single dots or dashes between them"
    if not rule.source:
        yield "source", "must say where the fact comes from: a manual page, a source file, a specification"
    if not rule.when and not rule.imports:
        yield "when", "must tell what triggers the rule (or imports must)"
    if rule.reader and rule.reader not in (*READERS, DLOPEN_NOTES):
        yield "reader", f"there is no reader {rule.reader}; there are {', '.join((*READERS, DLOPEN_NOTES))}"
    if bool(rule.read) != (rule.reader in READERS):
        yield "read", "files to read and the reader for them go together"
    if not rule.keep and not rule.reader:
        yield "keep", "must name a path to keep"
    for key in ("when", "also"):
        for glob in getattr(rule, key):
            if "/" in glob and not glob.startswith(("/", "**/")):
                yield key, f"{glob}: must begin with / or **/, or be a file name without a slash"
    for key in ("keep", "read", "unless"):
        for glob in getattr(rule, key):
            if not PLACE.fullmatch(glob):
                yield key, f"{glob}: must begin with /, ./, ../ or $LIB/"
    for key in ("when", "also", "keep", "read", "unless"):
        for glob in getattr(rule, key):
            if problem := globs.problem(glob):
                yield key, f"{glob}: {problem}"
