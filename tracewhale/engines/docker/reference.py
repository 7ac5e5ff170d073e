"""Names of images: the reference grammar of distribution (github.com/distribution/reference)."""

from __future__ import annotations

import re

from tracewhale.errors import InvalidTag

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:(?:{_LABEL}(?:\.{_LABEL})*)|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
NAME_LIMIT = 255
"""Characters of a whole repository name, its domain included."""


def normalize(text: str) -> str | None:
    """Return a reference as Docker shows it, with its default tag, or None if ``text`` cannot be one.

    ``docker.io/library/debian`` and ``debian`` are both ``debian:latest``.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None or re.fullmatch(r"[0-9a-f]{64}", text):
        return None
    name = match["name"]
    if len(name) > NAME_LIMIT:
        return None
    for prefix in ("index.docker.io/", "docker.io/"):
        name = name.removeprefix(prefix)
    name = re.sub(r"^library/(?=[^/]+$)", "", name)
    if match["digest"]:
        return f"{name}@{match['digest']}"
    return f"{name}:{match['tag'] or 'latest'}"


def check_tag(name: str) -> str:
    """Return ``name`` with its default tag. Raise InvalidTag with the reason if it cannot name an image."""
    reference = normalize(name)
    if reference is not None and "@" not in reference:
        return reference
    reason = "is not a valid name for an image"
    if "@" in name:
        reason = "has a digest, which nobody can choose"
    elif re.fullmatch(r"[0-9a-f]{64}", name):
        reason = "would be taken for an image's id"
    elif name != name.lower() and normalize(name.lower()) is not None:
        reason = "has capital letters in its repository name"
    raise InvalidTag(
        f"{name!r} {reason}.",
        "A name is [REGISTRY/]REPOSITORY[:TAG]: lower-case letters, digits and single . _ - between them, "
        "and a tag of at most 128 letters, digits, . _ and -.",
    )
