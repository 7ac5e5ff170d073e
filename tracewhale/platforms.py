"""Platforms of images: operating system, architecture and variant, as Go calls them (GOOS, GOARCH, GOARM).

OCI image-spec, image-index.md and config.md; ``--platform`` names them as ``docker run`` takes it.
"""

from __future__ import annotations

import platform

RUNS_TOO = {"amd64": ("386",), "arm64": ("arm",)}
"""The other architectures that a kernel runs."""

_OF_MACHINE = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}
"""The names of architectures in uname(2)."""


def architecture() -> str:
    """Return this machine's."""
    machine = platform.machine()
    return _OF_MACHINE.get(machine, machine)


def machine_platforms() -> tuple[str, ...]:
    """Return what this machine runs, the best first: ``linux/amd64``, ``linux/386``."""
    own = architecture()
    return tuple(f"linux/{name}" for name in (own, *RUNS_TOO.get(own, ())))


def runs(architecture: str, on: str) -> bool:
    """Return whether a machine executes programs of an architecture; an image that names none is for any."""
    return architecture in ("", on, *RUNS_TOO.get(on, ()))


def matches(pattern: str, platform: str) -> bool:
    """Return whether ``OS/ARCH[/VARIANT]`` is what ``--platform`` names: OS, ARCH or OS/ARCH[/VARIANT].

    A variant counts where both have one.
    """
    words = [_OF_MACHINE.get(word, word) for word in pattern.lower().split("/")]
    system, _, rest = platform.partition("/")
    machine, _, variant = rest.partition("/")
    if not set(words[:2]) <= {system, machine}:
        return False
    return not variant or words[2:] in ([], [variant])
