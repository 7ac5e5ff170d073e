"""Remedies as lines to paste: names from an image are quoted for the syntax of their line."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import TypeAlias

PLACEHOLDER = "NAME"
"""The word in a line for a name that cannot be written there."""

_BARE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
"""A word that needs no quotes in a Dockerfile."""

_PACKAGE = re.compile(r"(?:@[\w.-]+/)?\w(?:[\w.+-]*[\w+])?(?:::?\w+)*", re.ASCII)
"""The name of a package: ``name``, ``@scope/name``, ``Module::Name``, ``name:amd64``."""

_INSTRUCTION = re.compile(r"(COPY|ENV|FROM|WORKDIR|CMD|ENTRYPOINT) ")
_OPTION = re.compile(r"-(?!e )")


@dataclass(frozen=True, slots=True)
class _Quoted:
    """Text that is written as it is; ``lost`` says that a placeholder is in it."""

    text: str
    lost: bool = False


_Argument: TypeAlias = str | int | tuple[str, ...] | _Quoted


@dataclass(frozen=True, slots=True, init=False)
class Remedy:
    """A remedy. ``line`` is text to paste: a line of a Dockerfile, an option of ``run``, a shell command.

    ``variable`` is the variable that the line sets in the image, with its value, or None.
    """

    line: str
    note: str
    variable: tuple[str, str] | None

    def __init__(self, template: str, *arguments: _Argument, note: str = "", **fields: _Argument) -> None:
        """Make a remedy of a literal, in which ``{}`` or ``{name}`` stands for an argument.

        Arguments come from an image and from what its programs print, so each is quoted: for a shell (POSIX,
        Shell Command Language, 2.2) or for the Dockerfile's instruction (Dockerfile reference). The line has
        exactly these words, whatever they contain. A tuple stands for several words; in CMD and ENTRYPOINT it
        is the exec form. ``{:line}`` is a line of a here-document. ``{:package}`` is the name of a package,
        which no installer takes for an address, a file or a removal.

        A word becomes ``NAME``, and the note says so, if it has control characters or is not UTF-8, if a
        program would take it for an option, or an option would take it for more than a name.
        """
        match = _INSTRUCTION.match(template)
        syntax = match[1] if match else "option" if _OPTION.match(template) else "shell"
        words, lost, count = list[str](), False, 0
        for literal, field, form, _ in Formatter().parse(template):
            words.append(literal)
            if field is None:
                continue
            argument = fields[field] if field else arguments[count]
            count += not field
            quoted = _quoted(argument, form or syntax, starts=not literal[-1:].strip())
            words.append(quoted.text)
            lost |= quoted.lost
        instead = f"{PLACEHOLDER} is a name that cannot be written in a line" if lost else ""
        object.__setattr__(self, "line", "".join(words))
        object.__setattr__(self, "note", instead or note)
        sets = template == "ENV {}={}" and not lost
        object.__setattr__(self, "variable", tuple(map(str, arguments)) if sets else None)


def set_variable(name: str, value: str) -> tuple[Remedy, Remedy]:
    """Return remedies that set a variable: in the image, and for one run."""
    return Remedy("ENV {}={}", name, value), Remedy("-e {}={}", name, value)


def copy(source: str, paths: Sequence[str], place: str, *, note: str = "") -> Remedy:
    """Return a line that copies paths of an image into a directory, in the JSON form if a word has a space.

    Both forms expand variables, strip quotes, and take the sources for patterns.
    """
    sources = [re.sub(r"[*?[]", r"[\g<0>]", path) for path in paths]
    image = source if _BARE.fullmatch(source) and not source.startswith("-") else PLACEHOLDER
    words = [_copied(word) for word in (*sources, place)]
    written = [word.text for word in words]
    spaced = any(" " in word for word in written)
    line = json.dumps(written, ensure_ascii=False) if spaced else " ".join(written)
    lost = image != source or any(word.lost for word in words)
    return Remedy("COPY --from={} {}", _Quoted(image), _Quoted(line, lost), note=note)


def joined(remedies: Iterable[Remedy], between: str = "\n") -> Remedy:
    """Return one remedy with the lines of several."""
    several = tuple(remedies)
    lines = _Quoted(between.join(remedy.line for remedy in several))
    return Remedy("{}", lines, note=next((remedy.note for remedy in several if remedy.note), ""))


def sed_text(text: str) -> str:
    """Return a text for the right side of sed's ``s|...|...|``."""
    return re.sub(r"[\\&|]", r"\\\g<0>", text)


def _quoted(argument: _Argument, syntax: str, *, starts: bool) -> _Quoted:
    if isinstance(argument, _Quoted):
        return argument
    texts = argument if isinstance(argument, tuple) else (str(argument),)
    if syntax in ("CMD", "ENTRYPOINT"):
        return _Quoted(json.dumps(texts))
    words = [
        _Quoted(PLACEHOLDER, lost=True) if starts and text.startswith("-") else _word(text, syntax)
        for text in texts
    ]
    return _Quoted(" ".join(word.text for word in words), any(word.lost for word in words))


def _word(text: str, syntax: str) -> _Quoted:
    if not text.isprintable() or (syntax == "option" and set(text) & set(":,")):
        return _Quoted(PLACEHOLDER, lost=True)
    if syntax == "line":
        return _Quoted(text) if text != "EOF" else _Quoted(PLACEHOLDER, lost=True)
    if syntax == "package" and not _PACKAGE.fullmatch(text):
        return _Quoted(PLACEHOLDER, lost=True)
    if syntax in ("shell", "option", "package"):
        return _Quoted(shlex.quote(text))
    if syntax == "COPY":
        return _copied(text) if " " not in text else _Quoted(PLACEHOLDER, lost=True)
    return _Quoted(text if _BARE.fullmatch(text) else '"' + re.sub(r'[\\"$]', r"\\\g<0>", text) + '"')


def _copied(text: str) -> _Quoted:
    """Return a path as a word of COPY; a backslash in it would be part of a pattern."""
    if not text.isprintable() or "\\" in text or not text.startswith("/"):
        return _Quoted(PLACEHOLDER, lost=True)
    return _Quoted(re.sub(r"""["'$]""", r"\\\g<0>", text))
