"""The project file: ``tracewhale.toml``, or ``[tool.tracewhale]`` in pyproject.toml.

Its keys are the long options of ``tracewhale run`` without their dashes, so it has all of them.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from tracewhale.errors import UsageError

NAMES = ("tracewhale.toml", "pyproject.toml")
OWN = ("image", "command", "steps")
"""Keys of a target that are not options: the image, its arguments, and the steps that drive it."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The possible settings of a target: options by the form of their values, and kinds of steps."""

    flags: frozenset[str]
    single: frozenset[str]
    many: frozenset[str]
    steps: frozenset[str]

    @property
    def keys(self) -> frozenset[str]:
        return self.flags | self.single | self.many | {*OWN}


@dataclass(frozen=True, slots=True)
class Project:
    """The targets of a file, each as arguments of ``tracewhale run``."""

    path: str
    targets: Mapping[str, tuple[str, ...]]


def find_file(directory: str) -> str:
    """Return the project file in a directory. Raise UsageError if there is none."""
    for name in NAMES:
        path = os.path.join(directory, name)
        if os.path.exists(path) and (name != "pyproject.toml" or _table(path) is not None):
            return path
    raise UsageError(
        "There is no tracewhale.toml, and no [tool.tracewhale] in pyproject.toml.",
        "Write one with `tracewhale init TARGET`.",
    )


def read_project(path: str, vocabulary: Vocabulary) -> Project:
    """Read a project file. Raise UsageError with the place, and a suggestion for a misspelt key."""
    table = _table(path)
    if table is None:
        raise UsageError(f"{path} has no [tool.tracewhale].", "Name another file with --project.")
    _check(path, "", table, ("targets", "defaults"))
    targets, defaults = table.get("targets", {}), table.get("defaults", {})
    for name, value in {"defaults": defaults, "targets": targets}.items():
        _expect(path, name, value, dict, "a table")
    _check(path, "defaults", defaults, vocabulary.keys - {"image", "steps"})
    if not targets:
        raise UsageError(f"{path} has no targets.", 'Add one: [targets.shop], and image = "shop:latest".')
    words: dict[str, tuple[str, ...]] = {}
    for name, value in targets.items():
        place = f"targets.{name}"
        _expect(path, place, value, dict, "a table")
        _check(path, place, value, vocabulary.keys)
        words[name] = tuple(_words(path, place, {**defaults, **value}, vocabulary))
    return Project(path, words)


def _table(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            value = tomllib.load(file)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", "Name a file with --project."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}.", "See https://toml.io.") from error
    if os.path.basename(path) != "pyproject.toml":
        return value
    tool = value.get("tool")
    table = tool.get("tracewhale") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _check(path: str, place: str, table: Mapping[str, Any], words: Sequence[str] | frozenset[str]) -> None:
    for key in table:
        if key not in words:
            _unknown(f"{path}: {place or 'the file'}", key, words)


def _unknown(place: str, key: str, words: Iterable[str]) -> NoReturn:
    near = difflib.get_close_matches(key, words, 1)
    hint = f"Do you mean {near[0]}?" if near else f"It may have {', '.join(sorted(words))}."
    raise UsageError(f"{place} has an unknown key {key}.", hint)


def _expect(path: str, place: str, value: object, kind: type | tuple[type, ...], title: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UsageError(f"{path}: {place} is not {title}.", "See docs/project-file.md.")


def _words(path: str, place: str, table: Mapping[str, Any], vocabulary: Vocabulary) -> Iterator[str]:
    image = table.get("image", "")
    if not isinstance(image, str) or bool(image) == ("compose" in table):
        raise UsageError(
            f"{path}: {place} has no image." if not image else f"{path}: {place} has an image and compose.",
            'Name one of them: image = "shop:latest", or compose = "compose.yaml" and service = "web".',
        )
    for key, value in table.items():
        at = f"{place}.{key}"
        if key in OWN:
            continue
        if key in vocabulary.flags:
            _expect(path, at, value, bool, "true or false")
            if value:
                yield f"--{key}"
        elif key in vocabulary.single:
            _expect(path, at, value, (str, int, float), "a string or a number")
            yield f"--{key}={value}"
        else:
            values = [f"{name}={item}" for name, item in value.items()] if isinstance(value, dict) else value
            for item in (
                [values] if isinstance(values, str) else values if isinstance(values, list) else [None]
            ):
                _expect(path, at, item, (str, int, float), "a string or a list of strings")
                yield f"--{key}={item}"
    yield from step_words(f"{path}: {place}.steps", table.get("steps", []), vocabulary.steps)
    if image:
        yield image
    command = table.get("command", [])
    _expect(path, f"{place}.command", command, list, "a list of strings")
    if command:
        yield "--"
    for word in command:
        _expect(path, f"{place}.command", word, str, "a list of strings")
        yield word


def step_words(place: str, steps: object, words: frozenset[str]) -> Iterator[str]:
    """Return a list of steps, such as ``[{ http = "/" }]``, as options. Raise UsageError with the place."""
    example = 'a list such as [{ http = "/" }, { crawl = 2 }]'
    for step in steps if isinstance(steps, list) else [None]:
        if not isinstance(step, dict):
            raise UsageError(f"{place} is not {example}.", "See docs/project-file.md.")
        if len(step) != 1:
            raise UsageError(f"{place} has a step of {len(step)} keys.", "Give each its own {}.")
        for kind, value in step.items():
            if kind not in words:
                _unknown(place, kind, words)
            if not isinstance(value, str | int | float) or isinstance(value, bool):
                raise UsageError(f"{place}.{kind} is not a string or a number.", "See docs/project-file.md.")
            yield f"--{kind}={value}"
