"""An index of the packages of files, as Debian's archives publish it (``Contents-amd64``).

A line is a path without its first slash, white space, and packages with their sections, separated by commas
(https://wiki.debian.org/DebianRepository/Format, "Contents indices").
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, cast

from tracewhale.errors import UsageError

LINE_LIMIT = 64 << 10
GZIP, XZ = b"\x1f\x8b", b"\xfd7"
"""The first two bytes of compressed files."""


@dataclass(frozen=True, slots=True)
class Contents:
    """An index file. It is read for each search, because it is too large to keep."""

    place: str

    def owners(self, names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the packages that have each name. A name is an absolute path, or the last part of one.

        Raise UsageError if the index cannot be read.
        """
        paths = {name.lstrip("/"): name for name in names if "/" in name}
        bases = {name for name in names if "/" not in name}
        owners: dict[str, dict[str, None]] = {}
        for path, packages in self._lines() if paths or bases else ():
            base = path.rpartition("/")[2]
            for name in filter(None, (paths.get(path), base if base in bases else None)):
                known = owners.setdefault(name, {})
                known |= dict.fromkeys(package.rpartition("/")[2] for package in packages.split(","))
        return {name: tuple(packages) for name, packages in owners.items()}

    def _lines(self) -> Iterator[tuple[str, str]]:
        try:
            with _open(self.place) as file:
                for raw in iter(lambda: file.readline(LINE_LIMIT), b""):
                    path, _, packages = raw.decode("utf-8", "surrogateescape").rstrip("\n").rpartition(" ")
                    yield path.rstrip().removeprefix("./").removeprefix("/"), packages
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise UsageError(
                f"--contents {self.place} cannot be read: {error}.",
                "Give a Contents file of a Debian archive, such as Contents-amd64.gz.",
            ) from error


def _open(place: str) -> IO[bytes]:
    with open(place, "rb") as file:
        magic = file.read(2)
    if magic == GZIP:
        return cast(IO[bytes], gzip.open(place, "rb"))
    if magic == XZ:
        return lzma.open(place, "rb")
    return open(place, "rb")
