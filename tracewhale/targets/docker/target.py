"""From what was found to what can be run: an image as it is, a container as a temporary image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from docker import APIClient

from tracewhale.targets.docker.engine import Found
from tracewhale.targets.docker.run import Run
from tracewhale.targets.options import RunOptions


@contextmanager
def prepared(client: APIClient, found: Found, options: RunOptions, command: Sequence[str]) -> Iterator[Run]:
    """What to run. For a container: its file system as it is now, as an image that goes at the end."""
    raise NotImplementedError
    yield


def changes(client: APIClient, container: str) -> tuple[str, ...]:
    """Paths that ``docker diff`` lists as added or changed, sorted: the container's change layer."""
    raise NotImplementedError


def layers_above(client: APIClient, image: str, base: str) -> int:
    """How many of the image's lowest layers are those of ``base``. Raises UsageError when not all are."""
    raise NotImplementedError
