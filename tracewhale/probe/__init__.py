"""The native probe: one static binary for each architecture, built from ``probes/`` and part of the
package."""

from __future__ import annotations

from importlib.resources import files

from tracewhale.errors import PlatformMismatch, ProbeError

ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
"""The names that uname(2) and container engines use, and the binary of each."""


def binary(architecture: str) -> bytes:
    """Return the probe's ELF file for an architecture, by its Linux (``x86_64``) or Docker (``amd64``) name.

    Raise PlatformMismatch for an unsupported architecture, ProbeError if the probe was not built.
    """
    name = ARCHITECTURES.get(architecture)
    if name is None:
        known = ", ".join(sorted(set(ARCHITECTURES.values())))
        raise PlatformMismatch(
            f"There is no probe for the architecture {architecture!r}.", f"The probe runs on {known}."
        )
    try:
        return files(__name__).joinpath("bin", f"probe-{name}").read_bytes()
    except FileNotFoundError:
        raise ProbeError(
            f"The probe for {name} is missing from this installation.",
            "Install TraceWhale from its wheel, or build the probe with `python probes/build.py`.",
        ) from None
