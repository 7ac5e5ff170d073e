"""Checks of fields in a trace file's lines. They raise TypeError or ValueError for malformed ones. Pure."""

from __future__ import annotations


def integer(value: object) -> int:
    """Return a number if it is an integer of 64 bits."""
    if type(value) is not int or abs(value) >= 1 << 63:
        raise ValueError(f"{str(value)[:40]} is not a count")
    return value


def seconds(value: object) -> float:
    """Return a number if it is a duration."""
    if not isinstance(value, int | float) or not 0 <= value < 1 << 63:
        raise ValueError(f"{str(value)[:40]} is not a time")
    return float(value)


def text(value: object) -> str:
    """Return a string if it has no NUL."""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError(f"{value!r} is not a string")
    return value


def path(value: object) -> str:
    """Return a string if it is an absolute path."""
    if not text(value).startswith("/"):
        raise ValueError(f"{value!r} is not an absolute path")
    return text(value)
