"""The files of an image archive or layout by name, and the JSON in them, checked as it is read."""

from __future__ import annotations

import json
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from tracewhale.errors import ImageContentError, TargetNotFound
from tracewhale.rootfs.blobs import Blob, BlobSource, plain
from tracewhale.rootfs.members import HARD_LINK, REGULAR, SYMLINK, members
from tracewhale.rootfs.openat import Beneath
from tracewhale.rootfs.overlay import HINT, split, text
from tracewhale.rootfs.tempfiles import spool

JSON_LIMIT = 16 << 20
"""The most bytes of one manifest, index or configuration."""

FILE_LIMIT = 1_000_000
"""The most files of one archive."""

_LINKS = 8


class Store(Protocol):
    """Files by their relative names."""

    path: str

    def blob(self, name: str) -> Blob | None:
        """Return a file's bytes in place, or None if there is no such file."""
        ...


@contextmanager
def open_tar_store(path: str, limit: int) -> Iterator[Store]:
    """Yield the files of a tar, plain or compressed (then with at most ``limit`` bytes).

    Raise TargetNotFound, ImageContentError.
    """
    with ExitStack() as stack:
        try:
            # An open of a FIFO would wait for its writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            file = stack.enter_context(open(descriptor, "rb", buffering=0))
        except OSError as error:
            raise TargetNotFound(
                f"{path} cannot be read: {error.strerror}.", "Name a file that exists."
            ) from error
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise TargetNotFound(f"{path} is not a regular file.", "Save the image to a file first.")
        blob = plain(Blob(file, 0, status.st_size), stack.enter_context(spool()), limit)
        yield _TarStore(path, blob)


@contextmanager
def open_directory_store(path: str) -> Iterator[Store]:
    """Yield the files of a directory; symbolic links in it are not followed. Raise TargetNotFound."""
    with ExitStack() as stack:
        try:
            beneath = stack.enter_context(Beneath(path))
        except OSError as error:
            raise TargetNotFound(f"{path} cannot be read: {error.strerror}.", "Name a directory.") from error
        yield _DirectoryStore(path, beneath, stack)


class _TarStore:
    def __init__(self, path: str, blob: Blob) -> None:
        self.path = path
        self._blobs: dict[str, Blob] = {}
        self._links: dict[str, str] = {}
        for member in members(BlobSource(blob)):
            name = "/".join(split(member.name))
            if len(self._blobs) + len(self._links) > FILE_LIMIT:
                raise ImageContentError(f"{path} has more than {FILE_LIMIT} files.", HINT)
            # Docker before 25 writes a layer that two images share once, and a symbolic link to it.
            if member.type == SYMLINK:
                target = os.fsdecode(member.link)
                self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            elif member.type == HARD_LINK:
                self._links[name] = "/".join(split(member.link))
            elif member.type in REGULAR:
                if member.extents and member.extents != ((0, member.extents[0][1], member.size),):
                    raise ImageContentError(f"{path} has {text(member.name)} as a sparse file.", HINT)
                begin = member.extents[0][1] if member.extents else 0
                self._blobs[name] = Blob(blob.file, blob.offset + begin, member.size)

    def blob(self, name: str) -> Blob | None:
        for _ in range(_LINKS):
            if name not in self._links:
                break
            name = self._links[name]
        return self._blobs.get(name)


class _DirectoryStore:
    def __init__(self, path: str, beneath: Beneath, stack: ExitStack) -> None:
        self.path = path
        self._beneath = beneath
        self._held = stack

    def blob(self, name: str) -> Blob | None:
        directory, base = os.path.split(name)
        try:
            here = self._beneath.directory(f"/{directory}")
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(base, flags, dir_fd=here)
        except OSError:
            return None
        file = self._held.enter_context(os.fdopen(descriptor, "rb", buffering=0))
        status = os.fstat(descriptor)
        return Blob(file, 0, status.st_size) if stat.S_ISREG(status.st_mode) else None


def blob_of(store: Store, name: str) -> Blob:
    """Return a required file. Raise ImageContentError if it is missing."""
    blob = store.blob(name)
    if blob is None:
        raise ImageContentError(f"{store.path} has no file {name[:200]!a}, which it needs.", HINT)
    return blob


def parse(blob: Blob, title: str) -> Any:
    """Return the JSON value in a blob. Raise ImageContentError."""
    if blob.size > JSON_LIMIT:
        raise ImageContentError(f"{title} is larger than {JSON_LIMIT >> 20} MiB.", HINT)
    return parse_text(blob.read(0, blob.size), title)


def parse_text(data: bytes, title: str) -> Any:
    """Return the JSON value in some bytes; it can be written as JSON again. Raise ImageContentError.

    Python reads, and would write, more than RFC 8259 allows: half of a surrogate pair, NaN, an infinity.
    """
    try:
        value = json.loads(data)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return value
    except (ValueError, RecursionError) as error:
        raise ImageContentError(f"{title} is not JSON: {error}.", HINT) from error


def mapping(value: Any, title: str) -> dict[str, Any]:
    """Return the value if it is a JSON object; an absent one is empty. Raise ImageContentError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ImageContentError(f"{title} does not have the form that its format requires.", HINT)
    return value


def mappings(value: Any, title: str) -> list[dict[str, Any]]:
    """Return the value if it is a list of JSON objects; an absent one is empty. Raise ImageContentError."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ImageContentError(f"{title} does not have the form that its format requires.", HINT)
    return value


def strings(value: Any, title: str) -> list[str]:
    """Return the value if it is a list of strings; an absent one is empty. Raise ImageContentError."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ImageContentError(f"{title} does not have the form that its format requires.", HINT)
    return value


def string(value: Any, title: str) -> str:
    """Return the value if it is a string; an absent one is empty. Raise ImageContentError."""
    return strings([value or ""], title)[0]
