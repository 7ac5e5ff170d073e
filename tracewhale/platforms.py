"""Platforms of images: operating system, architecture and variant, by Go's names (GOOS, GOARCH, GOARM).

See OCI image-spec, image-index.md and config.md. ``--platform`` takes them as ``docker run`` does.
"""

from __future__ import annotations

import platform

RUNS_TOO = {"amd64": ("386",), "arm64": ("arm",)}
"""The other architectures that a kernel runs."""

_OF_MACHINE = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}
"""The names of architectures in uname(2)."""


def architecture() -> str:
    """Return this machine's architecture."""
    machine = platform.machine()
    return _OF_MACHINE.get(machine, machine)


def machine_platforms() -> tuple[str, ...]:
    """Return the platforms that this machine runs, the best first: ``linux/amd64``, ``linux/386``."""
    own = architecture()
    return tuple(f"linux/{name}" for name in (own, *RUNS_TOO.get(own, ())))


def runs(architecture: str, on: str) -> bool:
    """Return whether a machine executes programs of an architecture; an image without one is for any."""
    return architecture in ("", on, *RUNS_TOO.get(on, ()))


def matches(pattern: str, platform: str) -> bool:
    """Return whether ``OS/ARCH[/VARIANT]`` matches a value of ``--platform``: OS, ARCH or OS/ARCH[/VARIANT].

    Variants are compared if both have one.
    """
    words = [_OF_MACHINE.get(word, word) for word in pattern.lower().split("/")]
    system, _, rest = platform.partition("/")
    machine, _, variant = rest.partition("/")
    if not set(words[:2]) <= {system, machine}:
        return False
    return not variant or words[2:] in ([], [variant])
