"""The lock file: the contents of each image when it was last accepted, so that a review shows its growth."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from tracewhale.errors import ImageGrew, NewPaths, TraceWhaleError, UsageError

VERSION = 1
SHOWN = 40
"""The most lines of a difference in a message."""

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?I?B?|%)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LockedImage:
    """One image: the original's identity and its own, its size in bytes as counted by Docker, its paths."""

    original: str
    image: str
    size: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of bytes, or a share of another size in percent."""

    number: float
    percent: bool = False

    def of(self, size: int) -> int:
        """Return the amount in bytes; a share is one of ``size``."""
        return int(size * self.number / 100) if self.percent else int(self.number)


def parse_amount(text: str, *, percent: bool = False) -> Amount:
    """Parse ``50MB``, ``1.5GiB`` or, with ``percent``, ``10%``. Raise UsageError."""
    match = AMOUNT.fullmatch(text.strip())
    unit = match[2].upper() if match else ""
    if match and unit == "%" and percent:
        return Amount(float(match[1]), percent=True)
    if not match or unit not in UNITS:
        examples = "50MB, 1.5GiB" + (" or 10%" if percent else "")
        raise UsageError(f"{text} is not a size.", f"Give one such as {examples}.")
    return Amount(float(match[1]) * UNITS[unit])


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a new image; ``lock`` has the accepted images by name."""

    size: Amount | None = None
    growth: Amount | None = None
    no_new_paths: bool = False
    lock: Mapping[str, LockedImage] = field(default_factory=dict)

    def error(self, name: str, locked: LockedImage) -> TraceWhaleError | None:
        """Return the error of a new image that exceeds the limits, or None."""
        if self.size is not None and locked.size > self.size.of(0):
            return ImageGrew(
                f"The new image has {locked.size:,} bytes, and may have {self.size.of(0):,}.",
                "Leave something out with --exclude, or raise --max-size.",
            )
        before = self.lock.get(name)
        if before is None:
            return None  # there is nothing to compare with yet
        if self.growth is not None and locked.size > before.size + self.growth.of(before.size):
            more = f"{locked.size - before.size:,} more than the lock file says"
            return ImageGrew(
                f"The new image has {locked.size:,} bytes, {more}.",
                "See what is new with --fail-on-new, or run without --max-growth to accept it.",
            )
        new = sorted({*locked.paths} - {*before.paths})
        if self.no_new_paths and new:
            removed_paths = sorted({*before.paths} - {*locked.paths})
            lines = [*(f"+ {path}" for path in new), *(f"- {path}" for path in removed_paths)]
            first = f"The new image has {len(new)} paths that the lock file lacks:"
            rest = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
            return NewPaths(
                "\n".join([first, *lines[:SHOWN], *rest]), "Run without --fail-on-new to accept them."
            )
        return None


NO_LIMITS = Limits()


def read_lock(path: str) -> dict[str, LockedImage]:
    """Read a lock file; a missing one is empty. Raise UsageError if it is malformed."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        if value["version"] > VERSION:
            raise UsageError(f"The lock file {path} is of a newer version.", "Use a newer TraceWhale.")
        return {
            str(name): LockedImage(
                str(locked["original"]),
                str(locked["image"]),
                int(locked["size"]),
                tuple(map(str, locked["paths"])),
            )
            for name, locked in value["targets"].items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(
            f"The lock file {path} cannot be read: {error.strerror}.", "Name a readable file."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} is not a lock file.", "Remove it, and it is written again.") from error


def write_lock(path: str, name: str, locked: LockedImage) -> None:
    """Write one image's entry, with a path per line for a review, and keep the others'. Raise UsageError."""
    targets = read_lock(path) | {name: locked}
    value = {
        "version": VERSION,
        "targets": {
            name: {
                "original": entry.original,
                "image": entry.image,
                "size": entry.size,
                "paths": sorted(entry.paths),
            }
            for name, entry in sorted(targets.items())
        },
    }
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(json.dumps(value, indent=1) + "\n")
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise UsageError(
            f"The lock file {path} cannot be written: {error.strerror}.", "Name another place."
        ) from error
