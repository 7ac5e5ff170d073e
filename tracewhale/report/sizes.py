"""Sizes as text."""

from __future__ import annotations

UNITS = ("kB", "MB", "GB", "TB")


def human(size: int) -> str:
    """Return a number of bytes in decimal units, in Docker's form: ``512 B``, ``9.9 MB``."""
    if size < 1000:
        return f"{size} B"
    number = float(size)
    for unit in UNITS:
        number /= 1000
        if number < 999.95 or unit == UNITS[-1]:
            break
    return f"{number:.1f} {unit}"
