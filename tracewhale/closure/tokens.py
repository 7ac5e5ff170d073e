"""Dynamic string tokens and search paths, parsed as by glibc's loader (ld.so(8), elf/dl-load.c)."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable
from dataclasses import dataclass

TOKEN = re.compile(r"\$(?:(ORIGIN|PLATFORM|LIB)(?![A-Za-z0-9_])|\{(ORIGIN|PLATFORM|LIB)\})")
MAX_DIRECTORIES = 512
"""The most directories of one search path; only a hostile file has more."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The values of the tokens in one object. An empty ``platform`` is unknown.

    ``secure`` is AT_SECURE; in such a process ``$ORIGIN`` must come first, and the program's own must lead to
    one of the ``trusted`` directories.
    """

    origin: str
    lib: str
    platform: str
    secure: bool = False
    program: bool = False
    trusted: tuple[str, ...] = ()


def expand(text: str, tokens: Tokens) -> str:
    """Replace every token; return an empty string if one has no value here, so that the element is
    omitted."""
    if "$" not in text:
        return text
    unusable = False
    with_origin = False

    def value(match: re.Match[str]) -> str:
        nonlocal unusable, with_origin
        name = match[1] or match[2]
        if name == "ORIGIN":
            with_origin = True
            alone = match.start() == 0 and text[match.end() : match.end() + 1] in ("", "/")
            unusable |= tokens.secure and not alone
            return tokens.origin
        replacement = tokens.lib if name == "LIB" else tokens.platform
        unusable |= not replacement
        return replacement

    expanded = TOKEN.sub(value, text)
    if unusable:
        return ""
    if tokens.secure and tokens.program and with_origin:
        normal = os.path.normpath(expanded) + "/"
        if not normal.startswith(tokens.trusted):
            return ""
    return expanded


def directories(elements: Iterable[str], tokens: Tokens, working: str) -> tuple[str, ...]:
    """Return the directories of a search path, absolute and ending in a slash, each once and in order.

    An empty element is the working directory; an element that cannot be expanded is omitted.
    """
    result: dict[str, None] = {}
    for element in elements:
        directory = ""
        if element:
            directory = expand(element, tokens)
            if not directory:
                continue
            directory = (directory.rstrip("/") or "") + "/"
        if not directory.startswith("/"):
            directory = f"{working.rstrip('/')}/{directory}"
        result[directory] = None
        if len(result) >= MAX_DIRECTORIES:
            break
    return tuple(result)
